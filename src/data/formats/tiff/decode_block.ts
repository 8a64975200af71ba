import { inflateSync } from 'node:zlib';
import type { SampleArray, TiffPage } from './directory';
import { decodeJpeg, decodeJpeg2000, wholeJpeg, yccToRgb } from './jpeg';
import { decodeLzw } from './lzw';

/** Shape of one stored block: interleaved channels of `rows` x `columns` pixels. */
export interface BlockShape {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
}

/**
 * One strip or tile: decompressed, in the machine's byte order, differences undone. Never takes more memory than the
 * block should have.
 *
 * @returns rows * columns * channels samples.
 */
export async function decodeBlock(page: TiffPage, stored: Buffer, shape: BlockShape): Promise<SampleArray> {
  const values = shape.rows * shape.columns * shape.channels;
  if (page.compression === 7 || page.compression === 33003 || page.compression === 33005)
    return await decodeImage(page, stored, shape);
  const bytes = decompress(page.compression, stored, values * (page.bits / 8));
  return toSamples(page, bytes, shape);
}

async function decodeImage(page: TiffPage, stored: Buffer, shape: BlockShape): Promise<Uint8Array> {
  if (page.bits !== 8) throw new Error(`${page.bits}-bit channels in a JPEG block`);
  const decoded =
    page.compression === 7
      ? await decodeJpeg(
          wholeJpeg(stored, page.jpegTables(), page.photometric === 6),
          shape.rows * shape.columns,
        )
      : await decodeJpeg2000(stored);
  const { width, height, channels, data } = decoded;
  // The last strip may be stored whole although the image ends within it.
  if (width !== shape.columns || height < shape.rows || channels !== shape.channels)
    throw new Error(
      `holds an image of ${width} x ${height} with ${channels} channels, expected ${shape.columns} x ${shape.rows} with ${shape.channels}`,
    );
  if (page.compression === 33003) yccToRgb(data);
  return data.subarray(0, shape.rows * shape.columns * shape.channels);
}

function decompress(compression: number, stored: Buffer, length: number): Uint8Array {
  if (compression === 1) {
    if (stored.length < length) throw short(stored.length, length);
    // Own memory: the typed views need an aligned start.
    return new Uint8Array(stored.subarray(0, length));
  }
  const out = new Uint8Array(length);
  let written: number;
  if (compression === 5) written = decodeLzw(stored, out, length);
  else if (compression === 8 || compression === 32946) written = inflate(stored, out);
  else if (compression === 32773) written = decodePackBits(stored, out);
  else
    throw new Error(
      `compression ${compression} is not supported (none, LZW, Deflate, PackBits, JPEG, JPEG 2000 are)`,
    );
  if (written < length) throw short(written, length);
  return out;
}

function short(got: number, expected: number): Error {
  return new Error(`truncated: ${got} of ${expected} bytes`);
}

function inflate(stored: Buffer, out: Uint8Array): number {
  // A few bytes more than needed may be there (padded last strips); a bomb stops here.
  const bytes = inflateSync(stored, { maxOutputLength: Math.max(64, out.length * 2 + 65536) });
  const written = Math.min(bytes.length, out.length);
  out.set(bytes.subarray(0, written));
  return written;
}

function decodePackBits(input: Uint8Array, out: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < input.length && at < out.length; ) {
    const code = (input[i++] << 24) >> 24;
    if (code >= 0) {
      const count = Math.min(code + 1, out.length - at, input.length - i);
      out.set(input.subarray(i, i + count), at);
      i += code + 1;
      at += count;
    } else if (code !== -128) {
      const count = Math.min(1 - code, out.length - at);
      out.fill(input[i++], at, at + count);
      at += count;
    }
  }
  return at;
}

function toSamples(page: TiffPage, bytes: Uint8Array, { columns, channels }: BlockShape): SampleArray {
  const { bits, kind, predictor } = page;
  const size = bits / 8;
  const row = columns * channels;
  if (predictor === 3) {
    if (kind !== 'float') throw new Error('the floating-point predictor on integers');
    undoFloatPredictor(bytes, row * size, channels, size);
  } else if (!page.little) swapBytes(bytes, size);
  if (predictor === 2) {
    if (size === 8) undoHorizontalDifferences64(new BigUint64Array(bytes.buffer), row, channels);
    else undoHorizontalDifferences(integers(bytes, size), row, channels);
  } else if (predictor !== 1 && predictor !== 3) throw new Error(`predictor ${predictor} is not supported`);
  if (kind === 'float') {
    if (bits === 32) return new Float32Array(bytes.buffer);
    if (bits === 64) return new Float64Array(bytes.buffer);
    throw new Error(`${bits}-bit floating point is not supported`);
  }
  if (kind === 'unsigned') return integers(bytes, size);
  if (bits === 8) return new Int8Array(bytes.buffer);
  return bits === 16 ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
}

function integers(bytes: Uint8Array, size: number): Uint8Array | Uint16Array | Uint32Array {
  if (size === 1) return bytes;
  return size === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
}

/** Typed arrays are little-endian on every machine Node runs on. */
function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer);
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
export function undoHorizontalDifferences64(data: BigUint64Array, rowLength: number, step: number): void {
  for (let row = 0; row + rowLength <= data.length; row += rowLength)
    for (let i = row + step; i < row + rowLength; i++) data[i] += data[i - step];
}

/**
 * Undoes the floating-point predictor (3) in place: byte differences along a row whose bytes are in planes, most
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
