import {
  PickleGlobal,
  type PickleMeaning,
  PickleObject,
  PickleTuple,
  type PickleValue,
  readPickle,
} from '../../../core/pickle';
import type { ByteCursor, ByteFile } from './byte_file';
import { DTYPE_NAMES, DTYPES, type DType } from './dtype';

/** A run of elements in the file that tensors look into. */
export class TorchStorage extends PickleObject {
  readonly kind = 'storage';
  /** Position of the first byte in the file, once known. */
  start = -1;

  constructor(
    readonly key: string,
    readonly dtype: DType,
    /** Elements, as the pickle says. */
    readonly length: number,
    /** Untyped storages count bytes; the tensor names its type. */
    readonly untyped: boolean = false,
  ) {
    super();
  }
}

/** A view into a storage: element (i, j, …) is at `offset + i * strides[0] + j * strides[1] + …`. */
export class TorchTensor extends PickleObject {
  readonly kind = 'tensor';

  constructor(
    readonly storage: TorchStorage,
    readonly dtype: DType,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

const STORAGE_TYPES = new Map<string, DType>(
  DTYPE_NAMES.flatMap((dtype) => [
    [`torch.${DTYPES[dtype].storage}`, dtype],
    [`torch.cuda.${DTYPES[dtype].storage}`, dtype],
  ]),
);
const ELEMENT_TYPES = new Map<string, DType>(DTYPE_NAMES.map((dtype) => [`torch.${dtype}`, dtype]));
const UNTYPED = new Set(['torch.storage.UntypedStorage', 'torch.UntypedStorage']);

const CALLS = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_tensor_v3',
  'torch._utils._rebuild_parameter',
  'torch.Size',
  'torch.device',
  '_codecs.encode',
]);

/** Reads the pickle of a `torch.save` file: storages as they are met are kept in `storages`, by key. */
export function readTorchPickle(cursor: ByteCursor, storages: Map<string, TorchStorage>): PickleValue {
  return readPickle(cursor, new TorchMeaning(cursor.file, storages));
}

/** The short list of names that `torch.save` writes for a state dict. */
class TorchMeaning implements PickleMeaning {
  private tensors = 0;

  constructor(
    private readonly file: ByteFile,
    private readonly storages: Map<string, TorchStorage>,
  ) {}

  global(name: string): PickleValue {
    if (CALLS.has(name) || STORAGE_TYPES.has(name) || ELEMENT_TYPES.has(name) || UNTYPED.has(name))
      return new PickleGlobal(name);
    throw this.file.fail(
      `refused: the pickle names "${printable(name)}", which no state dict needs; nothing was run`,
      'Save the state dict alone: torch.save(model.state_dict(), FILE).',
    );
  }

  reduce(callable: PickleGlobal, args: readonly PickleValue[]): PickleValue {
    switch (callable.name) {
      case 'collections.OrderedDict':
        return this.dictionary(args);
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return this.tensor(args);
      case 'torch._utils._rebuild_tensor_v3':
        return this.tensor(args, args[6]);
      case 'torch._utils._rebuild_parameter':
        if (args[0] instanceof TorchTensor) return args[0];
        break;
      case 'torch.Size':
        if (args[0] instanceof PickleTuple) return args[0];
        break;
      case 'torch.device':
      case '_codecs.encode':
        if (typeof args[0] === 'string') return args[0];
        break;
    }
    throw this.file.fail(`the file is damaged: ${callable.name} with arguments that it does not take`);
  }

  /** ('storage', type, key, place, number of elements[, view]) */
  persistent(id: PickleValue): PickleValue {
    if (!(id instanceof PickleTuple))
      throw this.file.fail('the file is damaged: an unknown kind of reference');
    const [kind, type, key, , length, view] = id.items;
    const name = type instanceof PickleGlobal ? type.name : '';
    const untyped = UNTYPED.has(name);
    const dtype = untyped ? 'uint8' : STORAGE_TYPES.get(name);
    if (kind !== 'storage' || !dtype || typeof key !== 'string' || !isCount(length))
      throw this.file.fail(`the file is damaged: a storage of type "${printable(name)}"`);
    if (view !== undefined && view !== null)
      throw this.file.fail(
        'storages that are views of others are not read',
        'Save it again with torch.save.',
      );
    const known = this.storages.get(key);
    if (known) {
      if (known.dtype !== dtype || known.length !== length)
        throw this.file.fail(
          `the file is damaged: its storage "${printable(key)}" is named twice, differently`,
        );
      return known;
    }
    const storage = new TorchStorage(key, dtype, length, untyped);
    this.storages.set(key, storage);
    return storage;
  }

  /** An empty dictionary, or one from a list of pairs (as Python 2 wrote it). */
  private dictionary(args: readonly PickleValue[]): PickleValue {
    const map = new Map<PickleValue, PickleValue>();
    const pairs = args[0];
    if (pairs === undefined) return map;
    if (!Array.isArray(pairs)) throw this.file.fail('the file is damaged: an OrderedDict of something else');
    for (const pair of pairs) {
      const items = pair instanceof PickleTuple ? pair.items : pair;
      if (!Array.isArray(items) || items.length !== 2)
        throw this.file.fail('the file is damaged: not a pair');
      map.set(items[0], items[1]);
    }
    return map;
  }

  /** (storage, offset, shape, strides, …): every element must lie inside its storage. */
  private tensor(args: readonly PickleValue[], element?: PickleValue): TorchTensor {
    const [storage, offset, shape, strides] = args;
    const damaged = (why: string): Error =>
      this.file.fail(`the file is damaged: tensor number ${this.tensors + 1} ${why}`);
    this.tensors++;
    if (!(storage instanceof TorchStorage)) throw damaged('has no storage');
    if (!isCount(offset) || !isCounts(shape) || !isCounts(strides)) throw damaged('has an impossible shape');
    if (shape.items.length !== strides.items.length || shape.items.length > 32)
      throw damaged('has an impossible shape');
    let dtype = storage.dtype;
    if (storage.untyped) {
      const named = element instanceof PickleGlobal ? ELEMENT_TYPES.get(element.name) : undefined;
      if (!named) throw damaged('has an element type that is not read');
      dtype = named;
    }
    const available = storage.untyped ? Math.floor(storage.length / DTYPES[dtype].bytes) : storage.length;
    const sizes = shape.items as number[];
    const steps = strides.items as number[];
    let last = offset;
    for (let d = 0; d < sizes.length; d++) last += (sizes[d] - 1) * steps[d];
    const empty = sizes.includes(0);
    if (!empty && !(last < available)) throw damaged('reaches past the end of its storage');
    return new TorchTensor(storage, dtype, offset, sizes, steps);
  }
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: PickleValue | undefined): value is PickleTuple {
  return value instanceof PickleTuple && value.items.every(isCount);
}

/** A name from a file as it may are in a message: short, one line, printable. */
export function printable(name: string): string {
  const clean = name.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > 100 ? `${clean.slice(0, 100)}…` : clean;
}

/** Names under which training scripts keep the state dict, in the order in which they are looked for. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model', 'module', 'network', 'net', 'weights', 'params'];

/** A state dict found in a checkpoint. */
export interface FoundState {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Keys that lead to it from the top: `['model']`; empty where the file is a state dict. */
  readonly path: readonly string[];
  /** Numbers and short strings beside it (`epoch`), as text. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The state dict in what a file holds: the dictionary itself, the one under a usual name (at most three levels
 * down), or the only dictionary with tensors. Undefined where there is none.
 */
export function findStateDict(root: PickleValue): FoundState | undefined {
  const metadata: Record<string, string> = {};
  const path: string[] = [];
  let here = root;
  for (let depth = 0; depth < 4 && here instanceof Map; depth++) {
    const inner = wrapped(here);
    collectMetadata(here, metadata);
    if (inner === undefined) {
      const tensors = tensorsOf(here);
      return tensors.size > 0 || here.size === 0 ? { tensors, path, metadata } : undefined;
    }
    path.push(inner);
    here = here.get(inner) as PickleValue;
  }
  return undefined;
}

/** The key to go down by, if the state dict lies deeper. */
function wrapped(dictionary: Map<PickleValue, PickleValue>): string | undefined {
  for (const name of WRAPPERS) if (leadsToTensors(dictionary.get(name), 3)) return name;
  if (tensorsOf(dictionary).size > 0) return undefined;
  const keys = [...dictionary.keys()].filter(
    (key): key is string => typeof key === 'string' && leadsToTensors(dictionary.get(key), 3),
  );
  return keys.length === 1 ? keys[0] : undefined;
}

function leadsToTensors(value: PickleValue | undefined, depth: number): boolean {
  if (!(value instanceof Map) || depth === 0) return false;
  for (const [key, inner] of value) {
    if (typeof key !== 'string') continue;
    if (inner instanceof TorchTensor || leadsToTensors(inner, depth - 1)) return true;
  }
  return false;
}

function tensorsOf(dictionary: Map<PickleValue, PickleValue>): Map<string, TorchTensor> {
  const tensors = new Map<string, TorchTensor>();
  for (const [key, value] of dictionary)
    if (typeof key === 'string' && value instanceof TorchTensor) tensors.set(key, value);
  return tensors;
}

function collectMetadata(dictionary: Map<PickleValue, PickleValue>, into: Record<string, string>): void {
  for (const [key, value] of dictionary) {
    const plain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
    if (typeof key === 'string' && key !== '__proto__' && plain && String(value).length <= 1000)
      into[key] = String(value);
  }
}
