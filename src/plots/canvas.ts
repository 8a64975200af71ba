import sharp from 'sharp';
import type { CropMask } from '../geometry/masks';

/** An image to draw on. */
export interface Canvas {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly data: Uint8Array;
}

export interface RasterImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly image: Uint8Array;
}

/** A copy of an image scaled up by a whole factor, in RGB whatever the order of the file. */
export function canvasOf(
  { image, height, width }: RasterImage,
  channelOrder: 'rgb' | 'bgr',
  scale: number,
): Canvas {
  const data = new Uint8Array(height * scale * width * scale * 3);
  const [r, b] = channelOrder === 'bgr' ? [2, 0] : [0, 2];
  const row = width * scale * 3;
  for (let y = 0; y < height; y++) {
    const start = y * scale * row;
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      for (let k = 0; k < scale; k++) {
        const to = start + (x * scale + k) * 3;
        data[to] = image[from + r];
        data[to + 1] = image[from + 1];
        data[to + 2] = image[from + b];
      }
    }
    for (let k = 1; k < scale; k++) data.copyWithin(start + k * row, start, start + row);
  }
  return { height: height * scale, width: width * scale, data };
}

/** Draws the edge of a mask inside its own pixels, `thickness` canvas pixels wide. */
export function drawContour(
  canvas: Canvas,
  mask: CropMask,
  colour: string,
  scale: number,
  thickness: number,
): void {
  const [r, g, b] = rgb(colour);
  const { width, height, data } = mask;
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] !== 0;
  const fill = (x0: number, y0: number, w: number, h: number): void => {
    for (let y = Math.max(y0, 0); y < Math.min(y0 + h, canvas.height); y++)
      for (let x = Math.max(x0, 0); x < Math.min(x0 + w, canvas.width); x++) {
        const at = (y * canvas.width + x) * 3;
        canvas.data[at] = r;
        canvas.data[at + 1] = g;
        canvas.data[at + 2] = b;
      }
  };
  const t = Math.min(thickness, scale);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      const left = (mask.x + x) * scale;
      const top = (mask.y + y) * scale;
      if (!inside(x - 1, y)) fill(left, top, t, scale);
      if (!inside(x + 1, y)) fill(left + scale - t, top, t, scale);
      if (!inside(x, y - 1)) fill(left, top, scale, t);
      if (!inside(x, y + 1)) fill(left, top + scale - t, scale, t);
      // Where a pixel is narrower than the line, the pixels behind the edge are part of it; a small cell keeps its middle.
      if (thickness > scale && Math.min(width, height) >= LEAST_SIDE && !deep(inside, x, y))
        fill(left, top, scale, scale);
    }
}

/** Cells narrower than this have lines of one image pixel. */
const LEAST_SIDE = 10;

/** Whether the pixels around one, and those around these, are all in the mask. */
function deep(inside: (x: number, y: number) => boolean, x: number, y: number): boolean {
  return inside(x - 2, y) && inside(x + 2, y) && inside(x, y - 2) && inside(x, y + 2);
}

/** Colours the pixels of a mask, `opacity` 0..1. */
export function tintMask(
  canvas: Canvas,
  mask: CropMask,
  colour: string,
  scale: number,
  opacity: number,
): void {
  const paint = rgb(colour);
  for (let y = 0; y < mask.height * scale; y++)
    for (let x = 0; x < mask.width * scale; x++) {
      if (mask.data[Math.floor(y / scale) * mask.width + Math.floor(x / scale)] === 0) continue;
      const at = ((mask.y * scale + y) * canvas.width + mask.x * scale + x) * 3;
      for (let c = 0; c < 3; c++) canvas.data[at + c] += opacity * (paint[c] - canvas.data[at + c]);
    }
}

/** PNG bytes of a canvas, with SVG layers rendered to PNG laid over it. */
export async function canvasToPng(
  canvas: Canvas,
  layers: readonly { png: Buffer; left: number; top: number }[] = [],
): Promise<Buffer> {
  const base = sharp(canvas.data, { raw: { width: canvas.width, height: canvas.height, channels: 3 } });
  const composed = layers.length
    ? base.composite(layers.map(({ png, left, top }) => ({ input: png, left, top })))
    : base;
  return await composed.png({ compressionLevel: 3 }).toBuffer();
}

/** Okabe and Ito 2008: eight colours told apart with any colour vision. Black is kept for text. */
export const PALETTE: readonly string[] = [
  '#0072B2',
  '#E69F00',
  '#009E73',
  '#D55E00',
  '#CC79A7',
  '#56B4E9',
  '#F0E442',
  '#555555',
];

/** Colour of class 1..K. */
export function classColour(label: number): string {
  return PALETTE[(label - 1) % PALETTE.length];
}

/** Against stained tissue (pink and violet) the class colours must be bright: no blue, no violet, no pink. */
const ON_TISSUE: readonly string[] = [
  '#FFE600',
  '#00F0FF',
  '#00E08A',
  '#FF6A1F',
  '#FFFFFF',
  '#B6FF6E',
  '#FFF59B',
  '#111111',
];

/** Contour colour of class 1..K on stained tissue. */
export function contourColour(label: number): string {
  return ON_TISSUE[(label - 1) % ON_TISSUE.length];
}

/** '#rrggbb' as [r, g, b], 0..255. */
export function rgb(colour: string): [number, number, number] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
}
