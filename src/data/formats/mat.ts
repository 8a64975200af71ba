import { inflateSync } from 'node:zlib';
import { DataError } from '../../core/errors';
import { openByteSource } from './tiff/byte_source';

/** A numeric matrix of a MATLAB file: [rows * columns], column by column as MATLAB stores it. */
export interface MatMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

const MOST_BYTES = 1e9;
/** Element types (MAT-File Format, table 1-1). */
const [MATRIX, COMPRESSED] = [14, 15];
/** Bytes of a value, and how it is read, by the element type. */
const READ: Readonly<
  Record<number, { size: number; get: (view: DataView, at: number, little: boolean) => number }>
> = {
  1: { size: 1, get: (view, at) => view.getInt8(at) },
  2: { size: 1, get: (view, at) => view.getUint8(at) },
  3: { size: 2, get: (view, at, little) => view.getInt16(at, little) },
  4: { size: 2, get: (view, at, little) => view.getUint16(at, little) },
  5: { size: 4, get: (view, at, little) => view.getInt32(at, little) },
  6: { size: 4, get: (view, at, little) => view.getUint32(at, little) },
  7: { size: 4, get: (view, at, little) => view.getFloat32(at, little) },
  9: { size: 8, get: (view, at, little) => view.getFloat64(at, little) },
  12: { size: 8, get: (view, at, little) => Number(view.getBigInt64(at, little)) },
  13: { size: 8, get: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

interface Element {
  readonly type: number;
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/**
 * The numeric matrices of a MATLAB file of level 5 by their names (MATLAB's versions 5 to 7). Errors name the file:
 * version 7.3 (an HDF5 file), damaged ones.
 */
export function readMat(file: string): Map<string, MatMatrix> {
  const source = openByteSource(file);
  let bytes: Buffer;
  try {
    if (source.size > MOST_BYTES) throw new DataError('is too large to be read', { where: file });
    bytes = source.read(0, source.size);
  } finally {
    source.close();
  }
  if (bytes.toString('latin1', 1, 4) === 'HDF' || bytes.toString('latin1', 0, 20).includes('MATLAB 7.3'))
    throw new DataError('is a MATLAB file of version 7.3, which is not read', {
      where: file,
      fix: "Save it again in MATLAB: save(FILE, '-v7'); or in Python: scipy.io.savemat.",
    });
  const order = bytes.toString('latin1', 126, 128);
  if (bytes.length < 136 || (order !== 'IM' && order !== 'MI'))
    throw new DataError('is no MATLAB file of version 5 or later', { where: file });
  const out = new Map<string, MatMatrix>();
  try {
    readElements(bytes, 128, order === 'IM', out, 0);
  } catch (error) {
    throw new DataError(`is damaged: ${(error as Error).message.split('\n')[0]}`, {
      where: file,
      cause: error,
    });
  }
  return out;
}

function readElements(
  bytes: Buffer,
  start: number,
  little: boolean,
  out: Map<string, MatMatrix>,
  depth: number,
): void {
  for (let at = start; at + 8 <= bytes.length; ) {
    const element = elementAt(bytes, at, little);
    if (element.type === COMPRESSED && depth === 0) {
      const inner = inflateSync(bytes.subarray(element.start, element.end), { maxOutputLength: MOST_BYTES });
      readElements(inner, 0, little, out, 1);
      // A compressed element is not padded.
      at = element.end;
      continue;
    }
    if (element.type === MATRIX) addMatrix(bytes.subarray(element.start, element.end), little, out);
    at = element.next;
  }
}

function elementAt(bytes: Buffer, at: number, little: boolean): Element {
  const word = (k: number): number => (little ? bytes.readUInt32LE(at + k) : bytes.readUInt32BE(at + k));
  const first = word(0);
  // A small element: its size and its type share a word, its data is in the next.
  if (first >>> 16 !== 0) {
    const size = first >>> 16;
    if (size > 4) throw new Error('a small element of more than four bytes');
    return { type: first & 0xffff, start: at + 4, end: at + 4 + size, next: at + 8 };
  }
  const size = word(4);
  const end = at + 8 + size;
  if (end > bytes.length) throw new Error('it ends within a matrix');
  return { type: first, start: at + 8, end, next: end + ((8 - (size % 8)) % 8) };
}

/** Flags, dimensions, name, values. Cells, structures, text and sparse matrices are passed over. */
function addMatrix(bytes: Buffer, little: boolean, out: Map<string, MatMatrix>): void {
  const flags = elementAt(bytes, 0, little);
  const dimensions = elementAt(bytes, flags.next, little);
  const name = elementAt(bytes, dimensions.next, little);
  const kind = little ? bytes[flags.start] : bytes[flags.start + 3];
  // 6 to 15: double, single, and integers of all sizes.
  if (kind < 6 || kind > 15 || name.next + 8 > bytes.length) return;
  const sizes: number[] = [];
  for (let at = dimensions.start; at + 4 <= dimensions.end; at += 4)
    sizes.push(little ? bytes.readInt32LE(at) : bytes.readInt32BE(at));
  const values = elementAt(bytes, name.next, little);
  const reader = READ[values.type];
  if (!reader || sizes.length !== 2) return;
  const [rows, columns] = sizes;
  const count = Math.floor((values.end - values.start) / reader.size);
  if (rows < 0 || columns < 0 || rows * columns !== count)
    throw new Error('a matrix of another size than it says');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = reader.get(view, values.start + i * reader.size, little);
  out.set(bytes.toString('latin1', name.start, name.end), { rows, columns, data });
}
