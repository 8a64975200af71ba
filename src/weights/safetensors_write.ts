import { WeightsError } from '../core/errors';
import { writeFileAtomic } from '../core/files';
import { DTYPES, type DType, type TensorData } from './dtype';
import { countElements, type StoredTensor, type WeightsFile } from './weights_file';

/** A tensor to be written. `data` may be a function, so that one tensor at a time need be in memory. */
export interface TensorToWrite extends StoredTensor {
  /** Typed values, or little-endian bytes of `dtype` (the only form for float16 and bfloat16), in C order. */
  readonly data: TensorData | (() => TensorData);
}

/**
 * Writes a `.safetensors` file, whole or not at all, that Python's `safetensors` reads. The values start at a
 * multiple of 8 bytes, and tensors of wider elements come first, so that every one is aligned.
 */
export function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size !== tensors.length) throw new WeightsError('two tensors of one name', { where: file });
  if (names.has('__metadata__'))
    throw new WeightsError('a tensor cannot be named __metadata__', { where: file });
  // Stable: tensors of one width stay in the order given.
  const order = [...tensors].sort((a, b) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes);
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', metadata]);
  let at = 0;
  for (const { name, dtype, shape } of order) {
    const end = at + byteLength(dtype, shape);
    entries.push([name, { dtype: DTYPES[dtype].safetensors, shape, data_offsets: [at, end] }]);
    at = end;
  }
  const json = JSON.stringify(Object.fromEntries(entries));
  const padded = json + ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  writeFileAtomic(file, parts(file, Buffer.from(padded), order));
}

/** Any open weight file as `.safetensors`: the same names, types, values and metadata. */
export function convertToSafetensors(input: WeightsFile, file: string): void {
  const tensors = input.tensors.map((tensor) => ({ ...tensor, data: () => input.readBytes(tensor.name) }));
  writeSafetensors(file, tensors, input.metadata);
}

function* parts(file: string, header: Uint8Array, tensors: readonly TensorToWrite[]): Generator<Uint8Array> {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  yield length;
  yield header;
  for (const { name, dtype, shape, data } of tensors) {
    const values = typeof data === 'function' ? data() : data;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const expected = byteLength(dtype, shape);
    if (bytes.byteLength !== expected)
      throw new WeightsError(
        `tensor "${name}": expected ${expected} bytes for ${dtype} [${shape}], got ${bytes.byteLength}`,
        { where: file },
      );
    yield bytes;
  }
}

function byteLength(dtype: DType, shape: readonly number[]): number {
  return countElements(shape) * DTYPES[dtype].bytes;
}
