import { ShapeError } from '../core/errors';
import type { CropMask } from './crop_mask';
import { emptyRle, type Rle, rleBox } from './rle';

/**
 * A run-length code from a whole raster [height * width], row by row, 0 or 1. Changes between a row and the next are
 * found four pixels at a time, then put in order column by column: work grows with pixels / 4 + boundary pixels.
 */
export function encodeMask(data: Uint8Array, height: number, width: number): Rle {
  if (data.length !== height * width)
    throw new ShapeError(`mask: expected ${height} x ${width} values, got ${data.length}`);
  return encodeAt(data, height, width, 0, 0, height, width);
}

/** A code of the whole image from a mask cropped to its box; what lies outside the image is cut off. */
export function encodeCropMask(mask: CropMask, imageHeight: number, imageWidth: number): Rle {
  const inside =
    mask.x >= 0 && mask.y >= 0 && mask.x + mask.width <= imageWidth && mask.y + mask.height <= imageHeight;
  const { x, y, width, height, data } = inside ? mask : clipCropMask(mask, imageHeight, imageWidth);
  return encodeAt(data, height, width, x, y, imageHeight, imageWidth);
}

/** The part of a cropped mask that lies in the image. */
export function clipCropMask(mask: CropMask, imageHeight: number, imageWidth: number): CropMask {
  const x = Math.min(Math.max(mask.x, 0), imageWidth);
  const y = Math.min(Math.max(mask.y, 0), imageHeight);
  const width = Math.max(0, Math.min(mask.x + mask.width, imageWidth) - x);
  const height = Math.max(0, Math.min(mask.y + mask.height, imageHeight) - y);
  const data = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (row + y - mask.y) * mask.width + (x - mask.x);
    data.set(mask.data.subarray(from, from + width), row * width);
  }
  return { x, y, width, height, data };
}

/** The whole raster [height * width], row by row. */
export function decodeRle(rle: Rle): Uint8Array {
  const [height, width] = rle.size;
  const out = new Uint8Array(height * width);
  paintRle(rle, out, 0, 0, width);
  return out;
}

/** The mask cropped to its own box: 0 x 0 for an empty one. */
export function rleToCropMask(rle: Rle): CropMask {
  const [x, y, width, height] = rleBox(rle);
  const data = new Uint8Array(width * height);
  if (width > 0) paintRle(rle, data, x, y, width);
  return { x, y, width, height, data };
}

/** Sets the mask's pixels in a raster whose left top corner is at (left, top) and that holds the whole mask. */
function paintRle(
  { size: [height], counts }: Rle,
  out: Uint8Array,
  left: number,
  top: number,
  stride: number,
): void {
  for (let i = 1, at = counts[0]; i < counts.length; i += 2) {
    let x = Math.floor(at / height);
    let y = at - x * height;
    for (let rest = counts[i]; rest > 0; x++, y = 0) {
      const n = Math.min(rest, height - y);
      let to = (y - top) * stride + (x - left);
      for (let k = 0; k < n; k++, to += stride) out[to] = 1;
      rest -= n;
    }
    at += counts[i] + counts[i + 1];
  }
}

// Scratch, grown as needed: positions of changes as they are found, and how many each column has.
let found = new Uint32Array(1024);
let starts = new Uint32Array(1024);
let ordered = new Uint32Array(1024);

/** Encodes a raster [h * w] lying at (x0, y0) in an image [height, width], all of it inside. */
function encodeAt(
  data: Uint8Array,
  h: number,
  w: number,
  x0: number,
  y0: number,
  height: number,
  width: number,
): Rle {
  if (h === 0 || w === 0) return emptyRle(height, width);
  if (starts.length < w + 1) starts = new Uint32Array(2 * w + 1);
  starts.fill(0, 0, w + 1);
  const n = findChanges(data, h, w);
  for (let x = 0; x < w; x++) starts[x + 1] += starts[x];
  if (ordered.length < n) ordered = new Uint32Array(found.length);
  // Changes were found row by row; a stable counting sort by column leaves each column in order from the top.
  for (let i = 0; i < n; i++) {
    const y = Math.floor(found[i] / w);
    const x = found[i] - y * w;
    ordered[starts[x]++] = x * height + y;
  }
  return fromChanges(n, x0 * height + y0, height, width);
}

/**
 * Positions y * w + x at which a pixel differs from the one above it, with zeros above the first row and below the
 * last (y = h): each column has an even number of them. Counts them by column in `starts[x + 1]`.
 */
function findChanges(data: Uint8Array, h: number, w: number): number {
  let n = 0;
  const room = (more: number): void => {
    if (n + more <= found.length) return;
    const larger = new Uint32Array(2 * (n + more));
    larger.set(found);
    found = larger;
  };
  const change = (x: number, y: number): void => {
    found[n++] = y * w + x;
    starts[x + 1]++;
  };
  room(2 * w);
  for (let x = 0; x < w; x++) if (data[x] !== 0) change(x, 0);
  const words = w >= 16 && w % 4 === 0 && data.byteOffset % 4 === 0;
  const wide = words ? new Uint32Array(data.buffer, data.byteOffset, data.length >> 2) : undefined;
  const step = w >> 2;
  for (let y = 1; y < h; y++) {
    room(2 * w);
    const row = y * w;
    if (wide) {
      for (let i = y * step, x = 0; x < w; i++, x += 4) {
        if (wide[i] === wide[i - step]) continue;
        for (let k = x; k < x + 4; k++) if ((data[row + k] !== 0) !== (data[row + k - w] !== 0)) change(k, y);
      }
    } else {
      for (let x = 0; x < w; x++) if ((data[row + x] !== 0) !== (data[row + x - w] !== 0)) change(x, y);
    }
  }
  room(w);
  for (let x = 0, last = (h - 1) * w; x < w; x++) if (data[last + x] !== 0) change(x, h);
  return n;
}

/** Run lengths from the ordered places where ones begin and end; a run that goes on in the next column is joined. */
function fromChanges(n: number, offset: number, height: number, width: number): Rle {
  const counts = new Uint32Array(n + 1);
  let runs = 0;
  let at = 0;
  for (let i = 0; i < n; ) {
    const begin = ordered[i++] + offset;
    let end = ordered[i++] + offset;
    while (i < n && ordered[i] + offset === end) {
      end = ordered[i + 1] + offset;
      i += 2;
    }
    counts[runs++] = begin - at;
    counts[runs++] = end - begin;
    at = end;
  }
  if (at < height * width || runs === 0) counts[runs++] = height * width - at;
  return { size: [height, width], counts: runs === counts.length ? counts : counts.slice(0, runs) };
}
