import type { SampleArray } from './page';

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
export function undoHorizontalDifferences64(data: BigUint64Array, rowLength: number, step: number): void {
  for (let row = 0; row + rowLength <= data.length; row += rowLength)
    for (let i = row + step; i < row + rowLength; i++) data[i] += data[i - step];
}

/**
 * Undoes the floating-point predictor (3) in place: byte differences along a row whose bytes stand in planes, most
 * significant first. Leaves little-endian samples. Source: Adobe Photoshop TIFF Technical Note 3 (2005).
 */
export function undoFloatPredictor(
  bytes: Uint8Array,
  rowBytes: number,
  step: number,
  sampleBytes: number,
): void {
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
