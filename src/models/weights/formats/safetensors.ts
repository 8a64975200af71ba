import { WeightsError } from '../../../core/errors';
import { writeFileAtomic } from '../../../core/files';
import type { ByteFile } from './byte_file';
import { DTYPE_NAMES, DTYPES, type DType, type TensorData } from './dtype';
import {
  contiguousStrides,
  countElements,
  type Listing,
  type StoredTensor,
  type StoredView,
  type WeightsFile,
} from './stored_tensor';
import { printable } from './torch_pickle';

/** The format's own limit on its header. Source: safetensors/src/tensor.rs, MAX_HEADER_SIZE. */
const MAX_HEADER_BYTES = 100_000_000;

const BY_NAME = new Map<string, DType>(DTYPE_NAMES.map((dtype) => [DTYPES[dtype].safetensors, dtype]));

/** Length of the header (uint64), a JSON header of places and shapes, then the values. */
export function openSafetensors(file: ByteFile): Listing {
  const length = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) throw file.fail('not a safetensors file: its header would be over 100 MB');
  if (8 + length > file.size)
    throw file.fail('the file is cut or damaged: it ends inside its header', 'Copy or download it again.');
  const header = parseHeader(file, length);
  const views: StoredView[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') metadata = readMetadata(file, entry);
    else views.push(readEntry(file, name, entry, 8 + length));
  }
  return { format: 'safetensors', views, metadata };
}

function parseHeader(file: ByteFile, length: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(file.read(8, length)).toString('utf8'));
  } catch {
    throw file.fail('the safetensors header is not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw file.fail('the safetensors header is not an object');
  return value as Record<string, unknown>;
}

function readMetadata(file: ByteFile, entry: unknown): Record<string, string> {
  const object = typeof entry === 'object' && entry !== null ? entry : {};
  const pairs = Object.entries(object);
  if (pairs.some(([, value]) => typeof value !== 'string'))
    throw file.fail('the safetensors metadata holds something other than text');
  return Object.fromEntries(pairs) as Record<string, string>;
}

function readEntry(file: ByteFile, name: string, entry: unknown, base: number): StoredView {
  const { dtype: named, shape, data_offsets: place } = (entry ?? {}) as Record<string, unknown>;
  const dtype = BY_NAME.get(String(named));
  const damaged = (why: string): Error => file.fail(`tensor "${printable(name)}" ${why}`);
  if (!dtype) throw damaged(`is of type "${printable(String(named))}", which is not read`);
  if (!isCounts(shape) || shape.length > 32) throw damaged('has an impossible shape');
  if (!isCounts(place) || place.length !== 2) throw damaged('has an impossible place');
  const bytes = countElements(shape) * DTYPES[dtype].bytes;
  if (place[1] - place[0] !== bytes) throw damaged(`has ${place[1] - place[0]} bytes, its shape ${bytes}`);
  if (base + place[1] > file.size)
    throw file.fail(`the file is cut or damaged: tensor "${printable(name)}" ends after the file does`);
  return { name, dtype, shape, strides: contiguousStrides(shape), start: base + place[0] };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

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
