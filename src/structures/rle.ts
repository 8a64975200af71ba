import { DataError } from '../core/errors';

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
