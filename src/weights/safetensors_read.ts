import type { ByteFile } from './byte_file';
import { DTYPE_NAMES, DTYPES, type DType } from './dtype';
import type { Listing } from './open';
import { contiguousStrides, type StoredView } from './stored_view';
import { printable } from './torch_pickle';
import { countElements } from './weights_file';

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
