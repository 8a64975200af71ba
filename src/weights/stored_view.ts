import type { ByteFile } from './byte_file';
import { DTYPES, type DType } from './dtype';
import { countElements } from './weights_file';

/** Where a tensor's elements lie in a file. */
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
