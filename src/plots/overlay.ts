import type { Instances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { rleToCropMask } from '../geometry/rle';
import {
  type Canvas,
  canvasOf,
  canvasToPng,
  contourColour,
  drawContour,
  type RasterImage,
  tintMask,
} from './canvas';
import { escapeXml, svgToPng } from './svg';

/** Masks with their classes: ground truth, or what a prediction becomes. */
export interface LabelledContours {
  readonly labels: ArrayLike<number>;
  readonly masks: readonly CropMask[];
  /** Rows that are tinted: what is wrong about them is told by `OverlayOptions.tinted`. */
  readonly tinted?: ReadonlySet<number>;
  /** With them each cell's score is written beside it. */
  readonly scores?: ArrayLike<number>;
}

/** A image with its contours under a title. */
export interface Panel {
  readonly title: string;
  readonly contours: LabelledContours;
}

export interface OverlayOptions {
  readonly classes: readonly string[];
  readonly channelOrder?: 'rgb' | 'bgr';
  /** Micrometres a pixel: with it a scale bar is drawn. */
  readonly pixelSize?: number;
  /** Side of an image pixel; default: so that the image is about 700 pixels wide. */
  readonly scale?: number;
  /** What a tinted cell is, for the legend. */
  readonly tinted?: string;
}

/** Instances at or over a score as contours; with `scores` these are written beside them. */
export function contoursOf(instances: Instances, scoreThreshold = 0, scores = false): LabelledContours {
  const rows = [...instances.labels.keys()].filter((i) => instances.scores[i] >= scoreThreshold);
  return {
    labels: rows.map((i) => instances.labels[i]),
    masks: rows.map((i) => rleToCropMask(instances.masks[i])),
    ...(scores ? { scores: rows.map((i) => instances.scores[i]) } : {}),
  };
}

const GAP = 12;
const HEADER = 30;
/** Room for the scale bar beside the legend. */
const BAR = 0.25;
const TINT = 0.5;

/** Images of one image side by side, each with its contours and title; legend and scale bar below. PNG bytes. */
export async function drawPanels(
  picture: RasterImage,
  panels: readonly Panel[],
  options: OverlayOptions,
): Promise<Buffer> {
  const { channelOrder = 'rgb', pixelSize } = options;
  const scale = options.scale ?? Math.max(1, Math.min(4, Math.ceil(600 / picture.width)));
  const [width, height] = [picture.width * scale, picture.height * scale];
  const wide = panels.length * width + (panels.length - 1) * GAP;
  const legend = legendOf(options, HEADER + height + 7, pixelSize ? wide * (1 - BAR) : wide);
  const total = blank(wide, HEADER + height + 14 + legend.rows * LEGEND_ROW);
  const texts = panels.flatMap(({ title, contours }, i) => {
    const left = i * (width + GAP);
    const canvas = canvasOf(picture, channelOrder, scale);
    drawContours(canvas, contours, scale);
    paste(total, canvas, left, HEADER);
    const heading = `<text x="${left}" y="20" font-weight="bold">${escapeXml(title)}</text>`;
    return [heading, ...scoreTexts(contours, left, HEADER, scale, canvas)];
  });
  const below = [...legend.svg, pixelSize ? scaleBar(wide, HEADER + height + 22, pixelSize, scale) : ''];
  const scored = panels.some(({ contours }) => contours.scores);
  // Text is drawn where there is some: over a large image it would cost more than everything else.
  const strips = scored
    ? [strip([...texts, ...below], wide, 0, total.height)]
    : [strip(texts, wide, 0, HEADER), strip(below, wide, HEADER + height, total.height - HEADER - height)];
  return await canvasToPng(total, strips);
}

/** Part of an image's text, `height` pixels from `top` on, as a layer. */
function strip(
  svg: readonly string[],
  width: number,
  top: number,
  height: number,
): { png: Buffer; left: number; top: number } {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 ${top} ${width} ${height}" font-family="DejaVu Sans" font-size="14" fill="#222">`;
  return { png: svgToPng(`${open}${svg.join('')}</svg>`, 1), left: 0, top };
}

/** A white canvas. */
export function blank(width: number, height: number): Canvas {
  return { width, height, data: new Uint8Array(width * height * 3).fill(255) };
}

/** Contours in the colours of their classes, two pixels of the picture wide at least, and tints. */
export function drawContours(canvas: Canvas, contours: LabelledContours, scale: number): void {
  const { labels, masks, tinted } = contours;
  masks.forEach((mask, k) => {
    if (tinted?.has(k)) tintMask(canvas, mask, contourColour(labels[k]), scale, TINT);
  });
  masks.forEach((mask, k) => {
    drawContour(canvas, mask, contourColour(labels[k]), scale, Math.max(2, Math.round(scale / 2)));
  });
}

/** Each score at the upper right of its cell, with a dark rim, as SVG. */
export function scoreTexts(
  { masks, scores }: LabelledContours,
  left: number,
  top: number,
  scale: number,
  within: { readonly width: number },
): string[] {
  if (!scores) return [];
  return masks.map((mask, k) => {
    const x = left + Math.min((mask.x + mask.width) * scale, within.width - 24);
    const y = top + Math.max(mask.y * scale + 4, 10);
    return `<text x="${x}" y="${y}" font-size="10" fill="#fff" stroke="#000" stroke-width="2.5" stroke-linejoin="round" paint-order="stroke">${scores[k].toFixed(2)}</text>`;
  });
}

/** Copies a canvas into another. */
export function paste(target: Canvas, source: Canvas, left: number, top: number): void {
  for (let y = 0; y < source.height; y++)
    target.data.set(
      source.data.subarray(y * source.width * 3, (y + 1) * source.width * 3),
      ((top + y) * target.width + left) * 3,
    );
}

/** Height of a legend's row, pixels. */
export const LEGEND_ROW = 20;

/**
 * Colours and names of the classes, and what tints mean, in rows of up to `width` pixels, as SVG.
 * @param top of the first row.
 */
export function legendOf(
  { classes, tinted }: Pick<OverlayOptions, 'classes' | 'tinted'>,
  top: number,
  width: number,
): { readonly svg: readonly string[]; readonly rows: number } {
  let [x, rows] = [0, 1];
  const entry = (name: string, box: string): string => {
    const needs = 30 + name.length * 8.2;
    if (x > 0 && x + needs > width) [x, rows] = [0, rows + 1];
    const y = top + rows * LEGEND_ROW - 5;
    const text = `<rect x="${x + 1}" y="${y - 11}" width="13" height="13" ${box}/><text x="${x + 20}" y="${y}">${escapeXml(name)}</text>`;
    x += needs + 14;
    return text;
  };
  const svg = [
    ...classes.map((name, i) => entry(name, `fill="${contourColour(i + 1)}" stroke="#444"`)),
    ...(tinted === undefined ? [] : [entry(tinted, 'fill="#999" stroke="#222" stroke-width="2"')]),
  ];
  return { svg, rows };
}

function scaleBar(width: number, y: number, pixelSize: number, scale: number): string {
  const micrometres = [100, 50, 20, 10, 5].find((um) => (um / pixelSize) * scale < width / 5) ?? 5;
  const length = (micrometres / pixelSize) * scale;
  const x = width - length - 4;
  return `<line x1="${x}" x2="${x + length}" y1="${y - 2}" y2="${y - 2}" stroke="#222" stroke-width="4"/><text x="${x - 8}" y="${y + 2}" text-anchor="end">${micrometres} µm</text>`;
}
