import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { device, type Tensor, tf } from './tf';

/** Raise it whenever a kernel is added or called in another way: a library of another revision is not loaded. */
const REVISION = 4;

/** Made by the set-up from src/runtime/native; the path is that from dist/src/runtime. */
const LIBRARY = path.resolve(__dirname, `../../../.native/kernels/cytobench_kernels_${REVISION}.node`);

let loaded: boolean | undefined;

/**
 * Whether this repository's own kernels are there: on a CPU, where the set-up could build them, unless
 * CYTOBENCH_KERNELS is 0. Without them everything runs on TensorFlow's own ops, slower.
 */
export function hasKernels(): boolean {
  loaded ??= load();
  return loaded;
}

function load(): boolean {
  if (process.env.CYTOBENCH_KERNELS === '0' || device !== 'cpu' || !existsSync(LIBRARY)) return false;
  try {
    // The runtime is loaded by now: the kernels join its registry.
    return require(LIBRARY) !== null;
  } catch {
    return false;
  }
}

/** An attribute of a TensorFlow op, by its kind. */
export type Attribute =
  | { readonly int: number | readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly type: 'float32' | 'int32' | 'bool' };

interface Binding {
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_TYPE: number;
}

interface NativeBackend {
  readonly binding: Binding;
  executeMultipleOutputs(name: string, attributes: object[], inputs: Tensor[], outputs: number): Tensor[];
}

const TYPE_NUMBERS = { float32: 1, int32: 3, bool: 10 } as const;

/**
 * Runs any op that TensorFlow registers, outside the gradient tape. The caller owns the results: engine scopes see
 * them only when the call stands inside a kernel function or a `customGrad`.
 */
export function runNativeOp(
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly Tensor[],
  outputs: number,
): Tensor[] {
  const backend = tf.backend() as unknown as NativeBackend;
  const list = Object.entries(attributes).map(([key, value]) => encode(backend.binding, key, value));
  return backend.executeMultipleOutputs(name, list, inputs as Tensor[], outputs);
}

function encode(binding: Binding, name: string, attribute: Attribute): object {
  if ('int' in attribute) return { name, type: binding.TF_ATTR_INT, value: attribute.int };
  if ('float' in attribute) return { name, type: binding.TF_ATTR_FLOAT, value: attribute.float };
  if ('bool' in attribute) return { name, type: binding.TF_ATTR_BOOL, value: attribute.bool };
  if ('string' in attribute) return { name, type: binding.TF_ATTR_STRING, value: attribute.string };
  return { name, type: binding.TF_ATTR_TYPE, value: TYPE_NUMBERS[attribute.type] };
}
