import type { ByteFile } from './byte_file';
import { DTYPES, type DType, type TensorData } from './dtype';

/** A tensor as a file lists it. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  /** In PyTorch's order: convolutions `[out, in, kh, kw]`, linear layers `[out, in]`. */
  readonly shape: readonly number[];
}

export type WeightsFormat = 'pytorch-zip' | 'pytorch-legacy' | 'safetensors';

/** An open weight file: the list of its tensors; values are read from the disk when they are asked for. */
export interface WeightsFile {
  readonly path: string;
  readonly format: WeightsFormat;
  /** In the order of the file. */
  readonly tensors: readonly StoredTensor[];
  /** What the file says beside its tensors: a safetensors header's `__metadata__`, a checkpoint's `epoch`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Bytes of the file. */
  readonly size: number;
  has(name: string): boolean;
  /** Values in C order of the shape; half types as float32. Throws WeightsError for an unknown name. */
  read(name: string): TensorData;
  /** The same as float32, whatever the file holds. */
  readFloat32(name: string): Float32Array;
  /** Little-endian bytes in C order, in the file's own element type. */
  readBytes(name: string): Uint8Array;
}

/** Number of elements; 1 for a scalar. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Where a tensor's elements are in a file. */
export interface StoredView {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements between neighbours along each dimension. */
  readonly strides: readonly number[];
  /** Position of the first element, bytes. */
  readonly start: number;
}

/** The strides of a tensor in C order. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length);
  for (let d = shape.length - 1, step = 1; d >= 0; d--) {
    strides[d] = step;
    step *= Math.max(1, shape[d]);
  }
  return strides;
}

/** The tensor's bytes in C order: read in one piece where they lie so, else gathered from the part it spans. */
export function readView(file: ByteFile, view: StoredView): Uint8Array {
  const { shape, strides, start } = view;
  const width = DTYPES[view.dtype].bytes;
  const n = countElements(shape);
  if (n === 0) return new Uint8Array(0);
  const plain = contiguousStrides(shape);
  if (shape.every((size, d) => size === 1 || strides[d] === plain[d])) return file.read(start, n * width);
  const span = shape.reduce((last, size, d) => last + (size - 1) * strides[d], 0) + 1;
  const source = file.read(start, span * width);
  const out = new Uint8Array(n * width);
  if (width === 1) gather(shape, strides, source, out);
  else if (width === 2) gather(shape, strides, new Uint16Array(source.buffer), new Uint16Array(out.buffer));
  else if (width === 4) gather(shape, strides, new Uint32Array(source.buffer), new Uint32Array(out.buffer));
  // Float64Array could change the bits of a NaN; BigUint64Array copies them as they are.
  else gather(shape, strides, new BigUint64Array(source.buffer), new BigUint64Array(out.buffer));
  return out;
}

function gather<T extends { [index: number]: number | bigint; length: number }>(
  shape: readonly number[],
  strides: readonly number[],
  source: T,
  out: T,
): void {
  const last = shape.length - 1;
  const index = new Array<number>(shape.length).fill(0);
  let row = 0;
  for (let at = 0; at < out.length; ) {
    for (let i = 0; i < shape[last]; i++) out[at++] = source[row + i * strides[last]];
    for (let d = last - 1; d >= 0; d--) {
      row += strides[d];
      if (++index[d] < shape[d]) break;
      row -= shape[d] * strides[d];
      index[d] = 0;
    }
  }
}

/** What each format's reader finds. */
export interface Listing {
  readonly format: WeightsFormat;
  readonly views: readonly StoredView[];
  readonly metadata: Readonly<Record<string, string>>;
}
