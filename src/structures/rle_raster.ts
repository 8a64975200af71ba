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

/** Rasters up to this many pixels stay in the fastest cache, however they are walked. */
const SMALL = 1 << 14;

// Scratch, grown as needed: runs as they are found; changes in order of rows and of columns; changes by column.
let runs = new Uint32Array(4096);
let found = new Uint32Array(4096);
let columnOf = new Uint32Array(4096);
let ordered = new Uint32Array(4096);
let starts = new Uint32Array(1024);

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
  const n = h * w <= SMALL ? -1 : findChanges(data, h, w, height);
  // Few boundary pixels are put in order; many (and all of a small mask) are found in order at once.
  const count =
    n >= 0
      ? joinChanges(n, x0 * height + y0, height * width)
      : walkColumns(data, h, w, x0, y0, height, width);
  return { size: [height, width], counts: runs.slice(0, count) };
}

/** Runs found by walking down each column; returns their number. */
function walkColumns(
  data: Uint8Array,
  h: number,
  w: number,
  x0: number,
  y0: number,
  height: number,
  width: number,
): number {
  if (runs.length < h * w + 3) runs = new Uint32Array(h * w + 3);
  const out = runs;
  const size = h * w;
  let n = 0;
  let at = 0;
  for (let x = 0; x < w; x++) {
    const top = (x0 + x) * height + y0;
    for (let i = x, y = top; i < size; ) {
      while (i < size && data[i] === 0) {
        i += w;
        y++;
      }
      if (i >= size) break;
      const begin = y;
      while (i < size && data[i] !== 0) {
        i += w;
        y++;
      }
      if (begin === at && n > 0) {
        // It goes on from the foot of the column before.
        out[n - 1] += y - begin;
      } else {
        out[n++] = begin - at;
        out[n++] = y - begin;
      }
      at = y;
    }
  }
  const end = height * width;
  if (at < end || n === 0) out[n++] = end - at;
  return n;
}

/**
 * Positions x * height + y at which a pixel differs from the one above it, with zeros above the first row and below
 * the last: each column has an even number of them. They are put in order by column. Returns their number, or -1
 * where there are so many that walking down the columns is faster.
 */
function findChanges(data: Uint8Array, h: number, w: number, height: number): number {
  const most = (h * w) >> 4;
  if (found.length < most + 2 * w) {
    found = new Uint32Array(most + 2 * w);
    columnOf = new Uint32Array(most + 2 * w);
    ordered = new Uint32Array(most + 2 * w);
  }
  if (starts.length < w + 1) starts = new Uint32Array(2 * w + 1);
  starts.fill(0, 0, w + 1);
  let n = compareBytes(data, 0, h, 0, w, w, height, 0);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const words = w % 16 === 0 && data.byteOffset % 4 === 0;
  const wide = words ? new Uint32Array(data.buffer, data.byteOffset, data.length >> 2) : undefined;
  for (let y = 1; y < h && n <= most; y += BLOCK) {
    const end = Math.min(y + BLOCK, h);
    // Rows that are all like the ones above them, told apart by one comparison of memory.
    if (bytes.compare(bytes, (y - 1) * w, (end - 1) * w, y * w, end * w) === 0) continue;
    for (let row = y; row < end && n <= most; row++)
      n = wide ? compareWords(data, wide, row, w, height, n) : compareBytes(data, row, h, 0, w, w, height, n);
  }
  if (n <= most) n = compareBytes(data, h, h, 0, w, w, height, n);
  if (n > most) return -1;
  for (let x = 0; x < w; x++) starts[x + 1] += starts[x];
  // Changes were found row by row; a stable counting sort by column leaves each column in order from the top.
  for (let i = 0; i < n; i++) ordered[starts[columnOf[i]]++] = found[i];
  return n;
}

/** Rows compared at once. */
const BLOCK = 16;

/** Adds the changes between row y - 1 and row y, looking at sixteen pixels at a time. */
function compareWords(
  data: Uint8Array,
  wide: Uint32Array,
  y: number,
  w: number,
  height: number,
  n: number,
): number {
  const step = w >> 2;
  const end = (y + 1) * step;
  const [places, columns, counts] = [found, columnOf, starts];
  let count = n;
  for (let i = y * step; i < end; i += 4) {
    const up = i - step;
    const different =
      (wide[i] ^ wide[up]) |
      (wide[i + 1] ^ wide[up + 1]) |
      (wide[i + 2] ^ wide[up + 2]) |
      (wide[i + 3] ^ wide[up + 3]);
    if (different === 0) continue;
    for (let k = i; k < i + 4; k++) {
      // One byte with a difference after the other, the lowest (leftmost) first.
      for (let bits = wide[k] ^ wide[k - step]; bits !== 0; ) {
        const lane = (31 - Math.clz32(bits & -bits)) >> 3;
        bits &= lane === 3 ? 0 : -1 << (8 * lane + 8);
        const at = 4 * k + lane;
        if ((data[at] !== 0) === (data[at - w] !== 0)) continue;
        const x = at - y * w;
        places[count] = x * height + y;
        columns[count++] = x;
        counts[x + 1]++;
      }
    }
  }
  return count;
}

/** Adds the changes between rows y - 1 and y in columns `begin` to `end`; `last` is the row below the last. */
function compareBytes(
  data: Uint8Array,
  y: number,
  last: number,
  begin: number,
  end: number,
  w: number,
  height: number,
  n: number,
): number {
  const row = y * w;
  let count = n;
  for (let x = begin; x < end; x++) {
    const above = y > 0 && data[row - w + x] !== 0;
    const here = y !== last && data[row + x] !== 0;
    if (above === here) continue;
    found[count] = x * height + y;
    columnOf[count++] = x;
    starts[x + 1]++;
  }
  return count;
}

/** Run lengths from the ordered places where ones begin and end; a run that goes on in the next column is joined. */
function joinChanges(n: number, offset: number, total: number): number {
  if (runs.length < n + 1) runs = new Uint32Array(2 * n + 1);
  const out = runs;
  let [count, at] = [0, 0];
  for (let i = 0; i < n; ) {
    const begin = ordered[i++] + offset;
    let end = ordered[i++] + offset;
    while (i < n && ordered[i] + offset === end) {
      end = ordered[i + 1] + offset;
      i += 2;
    }
    out[count++] = begin - at;
    out[count++] = end - begin;
    at = end;
  }
  if (at < total || count === 0) out[count++] = total - at;
  return count;
}
