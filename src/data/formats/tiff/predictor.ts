import type { SampleArray } from '../sample_array';
import type { TiffPage } from './directory';

/**
 * Brings a decompressed block into the machine's byte order and undoes its predictor, in place (fault 4 of geotiff.ts).
 *
 * @param row samples of a row. @param step interleaved channels.
 */
export function restoreSamples(page: TiffPage, bytes: Uint8Array, row: number, step: number): void {
  const { bits, kind, predictor } = page;
  if (bits % 8 !== 0) {
    if (predictor !== 1) throw new Error(`predictor ${predictor} on ${bits}-bit samples is not supported`);
    return;
  }
  const size = bits / 8;
  if (predictor === 3) {
    if (kind !== 'float') throw new Error('the floating-point predictor on integers');
    undoFloatPredictor(bytes, row * size, step, size);
  } else if (!page.little) swapBytes(bytes, size);
  if (predictor === 2) {
    if (size === 8) undoHorizontalDifferences64(new BigUint64Array(bytes.buffer), row, step);
    else undoHorizontalDifferences(integers(bytes, size), row, step);
  } else if (predictor !== 1 && predictor !== 3) throw new Error(`predictor ${predictor} is not supported`);
}

function integers(bytes: Uint8Array, size: number): Uint8Array | Uint16Array | Uint32Array {
  if (size === 1) return bytes;
  return size === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
}

/** Typed arrays are little-endian on every machine Node runs on. */
function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}

/**
 * Undoes horizontal differences (predictor 2) in place; `step` is the number of interleaved channels. The typed array
 * wraps at its own width, as the encoder did.
 */
export function undoHorizontalDifferences(data: SampleArray, rowLength: number, step: number): void {
  if (data instanceof Float32Array || data instanceof Float64Array)
    throw new TypeError('give the bits of floating-point samples as integers');
  for (let row = 0; row + rowLength <= data.length; row += rowLength)
    for (let i = row + step; i < row + rowLength; i++) data[i] += data[i - step];
}

/** The same for 64-bit samples, whose differences are those of their bits. */
function undoHorizontalDifferences64(data: BigUint64Array, rowLength: number, step: number): void {
  for (let row = 0; row + rowLength <= data.length; row += rowLength)
    for (let i = row + step; i < row + rowLength; i++) data[i] += data[i - step];
}

/**
 * Undoes the floating-point predictor (3) in place: byte differences along a row whose bytes are in planes, most
 * significant first. Leaves little-endian samples. Source: Adobe Photoshop TIFF Technical Note 3 (2005).
 */
function undoFloatPredictor(bytes: Uint8Array, rowBytes: number, step: number, sampleBytes: number): void {
  const samples = rowBytes / sampleBytes;
  const copy = new Uint8Array(rowBytes);
  for (let row = 0; row + rowBytes <= bytes.length; row += rowBytes) {
    for (let i = row + step; i < row + rowBytes; i++) bytes[i] += bytes[i - step];
    copy.set(bytes.subarray(row, row + rowBytes));
    for (let i = 0; i < samples; i++)
      for (let b = 0; b < sampleBytes; b++)
        bytes[row + i * sampleBytes + b] = copy[(sampleBytes - 1 - b) * samples + i];
  }
}

/** Samples of a decoded block as numbers: `count` of them. Integers of 64 bits beyond 2^53 are rounded. */
export function toSamples(
  page: Pick<TiffPage, 'bits' | 'kind'>,
  buffer: ArrayBuffer,
  count: number,
): SampleArray {
  const { bits, kind } = page;
  if (kind === 'float') {
    if (bits === 16) return halfFloats(new Uint16Array(buffer, 0, count));
    return bits === 32 ? new Float32Array(buffer, 0, count) : new Float64Array(buffer, 0, count);
  }
  if (bits === 64) {
    const words =
      kind === 'signed' ? new BigInt64Array(buffer, 0, count) : new BigUint64Array(buffer, 0, count);
    return Float64Array.from({ length: count }, (_, i) => Number(words[i]));
  }
  if (kind === 'signed') {
    if (bits === 8) return new Int8Array(buffer, 0, count);
    return bits === 16 ? new Int16Array(buffer, 0, count) : new Int32Array(buffer, 0, count);
  }
  if (bits <= 8) return new Uint8Array(buffer, 0, count);
  return bits <= 16 ? new Uint16Array(buffer, 0, count) : new Uint32Array(buffer, 0, count);
}

/** IEEE 754 binary16. */
function halfFloats(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const sign = half & 0x8000 ? -1 : 1;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return exponent === 0 ? sign * 2 ** -24 * fraction : sign * 2 ** (exponent - 25) * (1024 + fraction);
  });
}
