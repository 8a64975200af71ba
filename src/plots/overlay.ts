import type { CropMask } from '../structures/crop_mask';
import type { Instances } from '../structures/instances';
import { rleToCropMask } from '../structures/rle_raster';
import { type Canvas, canvasOf, canvasToPng, drawContour, type Picture } from './canvas';
import { contourColour } from './palette';
import { svgToPng } from './png';
import { escapeXml } from './svg';

/** Masks with their classes: truth, or what a prediction becomes. */
export interface LabelledContours {
  readonly labels: ArrayLike<number>;
  readonly masks: readonly CropMask[];
}

export interface OverlayOptions {
  readonly classes: readonly string[];
  readonly channelOrder?: 'rgb' | 'bgr';
  /** Micrometres a pixel: with it a scale bar is drawn. */
  readonly pixelSize?: number;
  /** Side of a picture pixel; default: so that the picture is about 700 pixels wide. */
  readonly scale?: number;
}

/** Instances at or over a score as contours. */
export function contoursOf(instances: Instances, scoreThreshold = 0): LabelledContours {
  const rows = [...instances.labels.keys()].filter((i) => instances.scores[i] >= scoreThreshold);
  return {
    labels: rows.map((i) => instances.labels[i]),
    masks: rows.map((i) => rleToCropMask(instances.masks[i])),
  };
}

const GAP = 12;
const HEADER = 30;
const FOOTER = 34;

/** Pictures of one image side by side, each with its contours and title; legend and scale bar below. PNG bytes. */
export async function drawPanels(
  picture: Picture,
  panels: readonly { readonly title: string; readonly contours: LabelledContours }[],
  options: OverlayOptions,
): Promise<Buffer> {
  const { classes, channelOrder = 'rgb', pixelSize } = options;
  const scale = options.scale ?? Math.max(1, Math.min(4, Math.ceil(600 / picture.width)));
  const width = picture.width * scale;
  const height = picture.height * scale;
  const total: Canvas = {
    width: panels.length * width + (panels.length - 1) * GAP,
    height: HEADER + height + FOOTER,
    data: new Uint8Array(
      (panels.length * width + (panels.length - 1) * GAP) * (HEADER + height + FOOTER) * 3,
    ).fill(255),
  };
  panels.forEach(({ contours }, i) => {
    const canvas = canvasOf(picture, channelOrder, scale);
    contours.masks.forEach((mask, k) => {
      drawContour(canvas, mask, contourColour(contours.labels[k]), scale, Math.max(1, Math.round(scale / 2)));
    });
    paste(total, canvas, i * (width + GAP), HEADER);
  });
  const titles = panels.map(
    ({ title }, i) => `<text x="${i * (width + GAP)}" y="20" font-weight="bold">${escapeXml(title)}</text>`,
  );
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total.width}" height="${total.height}" font-family="DejaVu Sans" font-size="14" fill="#222">`,
    ...titles,
    ...legendOf(classes, HEADER + height + 22),
    pixelSize ? scaleBar(total.width, HEADER + height + 22, pixelSize, scale) : '',
    '</svg>',
  ];
  return await canvasToPng(total, [{ png: svgToPng(svg.join(''), 1), left: 0, top: 0 }]);
}

/** One picture with contours. */
export async function drawOverlay(
  picture: Picture,
  contours: LabelledContours,
  title: string,
  options: OverlayOptions,
): Promise<Buffer> {
  return await drawPanels(picture, [{ title, contours }], options);
}

/** Copies a canvas into another. */
export function paste(target: Canvas, source: Canvas, left: number, top: number): void {
  for (let y = 0; y < source.height; y++)
    target.data.set(
      source.data.subarray(y * source.width * 3, (y + 1) * source.width * 3),
      ((top + y) * target.width + left) * 3,
    );
}

/** Colours and names of the classes in a row, as SVG. */
export function legendOf(classes: readonly string[], y: number): string[] {
  let x = 0;
  return classes.map((name, i) => {
    const entry = `<rect x="${x + 1}" y="${y - 11}" width="13" height="13" fill="${contourColour(i + 1)}" stroke="#444"/><text x="${x + 20}" y="${y}">${escapeXml(name)}</text>`;
    x += 36 + name.length * 9;
    return entry;
  });
}

function scaleBar(width: number, y: number, pixelSize: number, scale: number): string {
  const micrometres = [100, 50, 20, 10, 5].find((um) => (um / pixelSize) * scale < width / 5) ?? 5;
  const length = (micrometres / pixelSize) * scale;
  const x = width - length - 4;
  return `<line x1="${x}" x2="${x + length}" y1="${y - 2}" y2="${y - 2}" stroke="#222" stroke-width="4"/><text x="${x - 8}" y="${y + 2}" text-anchor="end">${micrometres} µm</text>`;
}
