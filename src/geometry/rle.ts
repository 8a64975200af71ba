import { DataError, ShapeError } from '../core/errors';
import type { CropMask } from './masks';

/** A run-length code of a binary mask, column by column, starting with the run of zeros (as COCO defines it). */
export interface Rle {
  /** [height, width] in pixels. */
  readonly size: readonly [number, number];
  /** Lengths of alternating runs of 0 and 1; they add up to height * width. */
  readonly counts: Uint32Array;
}

/** x, y, width, height in pixels. */
export type BoxXywh = readonly [number, number, number, number];

/** A code of nothing: one run of zeros. */
export function emptyRle(height: number, width: number): Rle {
  return { size: [height, width], counts: Uint32Array.of(height * width) };
}

/** Pixels of the mask. */
export function rleArea({ counts }: Rle): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i];
  return area;
}

/** The smallest box around the mask; all zeros for an empty one. Source: pycocotools maskApi.c, rleToBbox. */
export function rleBox({ size: [height, width], counts }: Rle): BoxXywh {
  const runs = counts.length - (counts.length % 2);
  if (runs === 0 || height === 0) return [0, 0, 0, 0];
  let left = width;
  let right = 0;
  let top = height;
  let bottom = 0;
  // Columns only go forward: `column` starts at `base`, and no division is needed.
  let column = 0;
  let base = 0;
  for (let i = 0, at = 0; i < runs; i += 2) {
    const begin = at + counts[i];
    at = begin + counts[i + 1];
    if (counts[i + 1] === 0) continue;
    const last = at - 1;
    for (; begin >= base + height; base += height) column++;
    if (column < left) left = column;
    const y = begin - base;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
    if (last >= base + height) {
      top = 0;
      bottom = height - 1;
      for (; last >= base + height; base += height) column++;
    } else if (last - base > bottom) bottom = last - base;
    if (column > right) right = column;
  }
  return left === width ? [0, 0, 0, 0] : [left, top, right - left + 1, bottom - top + 1];
}

/**
 * A code from its run lengths, as an uncompressed COCO segmentation has them. Throws DataError where they are not
 * counts or do not fill the mask.
 */
export function rleFromCounts(counts: ArrayLike<number>, size: readonly [number, number]): Rle {
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    if (!(Number.isInteger(counts[i]) && counts[i] >= 0))
      throw new DataError(`run-length code: expected whole numbers, got ${counts[i]}`);
    total += counts[i];
  }
  checkFilled(total, size);
  return { size, counts: Uint32Array.from(counts) };
}

// Scratch for the characters of a code: at most seven a run.
let text = Buffer.allocUnsafe(1024);

/** The string form of COCO: six bits a character, differences to the run before last. Source: maskApi.c, rleToString. */
export function rleToString({ counts }: Rle): string {
  if (text.length < 7 * counts.length) text = Buffer.allocUnsafe(14 * counts.length);
  const bytes = text;
  let n = 0;
  for (let i = 0; i < counts.length; i++) {
    let value = i > 2 ? counts[i] - counts[i - 2] : counts[i];
    for (;;) {
      const bits = value & 31;
      // Division where a shift would cut: a run may be longer than 2^31.
      value = value === (value | 0) ? value >> 5 : Math.floor(value / 32);
      if (value === ((bits & 16) !== 0 ? -1 : 0)) {
        bytes[n++] = bits + 48;
        break;
      }
      bytes[n++] = bits + 80;
    }
  }
  return bytes.toString('latin1', 0, n);
}

let scratch = new Uint32Array(256);

// Short codes share memory, as Node's small buffers do: an allocation each would cost more than decoding them.
const POOL = 8192;
let pool = new Uint32Array(POOL);
let poolUsed = 0;

function pooled(counts: Uint32Array, n: number): Uint32Array {
  if (n > POOL / 8) return counts.slice(0, n);
  if (poolUsed + n > POOL) {
    pool = new Uint32Array(POOL);
    poolUsed = 0;
  }
  const out = pool.subarray(poolUsed, poolUsed + n);
  for (let i = 0; i < n; i++) out[i] = counts[i];
  poolUsed += n;
  return out;
}

/** Reads the string form; throws DataError for other characters or runs that do not fill the mask. */
export function rleFromString(text: string, size: readonly [number, number]): Rle {
  if (scratch.length < text.length) scratch = new Uint32Array(text.length * 2);
  const counts = scratch;
  let n = 0;
  let total = 0;
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let scale = 1;
    let bits = 0;
    do {
      bits = text.charCodeAt(at++) - 48;
      // NaN at the end of the text, where the last number is cut.
      if (!(bits >= 0 && bits < 64)) throw damaged(text, at - 1);
      value += (bits & 31) * scale;
      scale *= 32;
    } while ((bits & 32) !== 0);
    if ((bits & 16) !== 0) value -= scale;
    if (n > 2) value += counts[n - 2];
    if (!(value >= 0 && value <= 0xffffffff)) throw damaged(text, at - 1);
    counts[n++] = value;
    total += value;
  }
  checkFilled(total, size);
  return { size, counts: pooled(counts, n) };
}

function damaged(text: string, at: number): DataError {
  const place = at >= text.length ? 'it ends inside a number' : `character ${at} ("${text[at]}")`;
  return new DataError(`run-length code: not the string form of COCO: ${place}`);
}

function checkFilled(total: number, [height, width]: readonly [number, number]): void {
  if (total !== height * width)
    throw new DataError(
      `run-length code: expected ${height * width} pixels for a mask of ${height} x ${width}, got ${total}`,
    );
}

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

/** The part of a cropped mask that is in the image. */
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
