import type { PickleValue } from './pickle';
import { TorchTensor } from './torch_pickle';

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
