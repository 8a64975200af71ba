import type { DType, TensorData } from './dtype';

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
