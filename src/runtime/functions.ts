import { CytobenchError } from '../core/errors';
import { type BindingAttribute, binding, DTYPES } from './binding';
import { GraphDef } from './graph';
import { device, type Tensor, tf } from './tf';

let added = 0;

/** Adds a function of TensorFlow; its name is then that of an op. @param outputs node:output */
export function addFunction(graph: GraphDef, inputs: readonly string[], outputs: readonly string[]): string {
  if (!binding.addFunction)
    throw new CytobenchError('the native binding is that of an earlier version', {
      fix: 'Run `npm run setup`.',
    });
  const name = `cytobench_${added++}`;
  binding.addFunction(name, graph.done(), inputs, outputs);
  return name;
}

export function removeFunction(name: string): void {
  binding.removeFunction?.(name);
}

/**
 * ConfigProto { graph_options { rewrite_options {…} } } with every rewriting of the graph off: an op that is fused or
 * moved adds in another order. All its bytes are below 128, so that a string holds them.
 */
function plainConfig(): string {
  const OFF = '\x02';
  const [ON, NO_MEMORY] = ['\x01', '\x01'];
  const rewrites = [
    `\x08${OFF}`, // layout
    `\x10${ON}`, // no pruning
    `\x18${OFF}`, // constant folding
    `\x20${NO_MEMORY}`, // memory
    `\x38${OFF}`, // arithmetic
    `\x40${OFF}`, // dependencies
    `\x48${OFF}`, // loops
    `\x50${OFF}`, // functions
    `\x68${OFF}`, // shapes
    `\x70${OFF}`, // remapping
  ].join('');
  const part = (field: string, content: string): string =>
    `${field}${String.fromCharCode(content.length)}${content}`;
  return part('\x52', part('\x52', rewrites));
}

/** How functions are run: as they are written, and on a CPU by one thread, op after op. */
export const FUNCTION_ATTRIBUTES: readonly BindingAttribute[] = [
  { name: 'config_proto', type: binding.TF_ATTR_STRING, value: plainConfig() },
  ...(device === 'cpu'
    ? [{ name: 'executor_type', type: binding.TF_ATTR_STRING, value: 'SINGLE_THREADED_EXECUTOR' }]
    : []),
];

interface NativeBackend {
  executeMultipleOutputs(
    name: string,
    attributes: readonly BindingAttribute[],
    inputs: readonly Tensor[],
    outputs: number,
  ): Tensor[];
}

/** Runs a function, outside the gradient tape; the caller owns the results, as with `runNativeOp`. */
export function runFunction(name: string, inputs: readonly Tensor[], outputs: number): Tensor[] {
  const backend = tf.backend() as unknown as NativeBackend;
  return backend.executeMultipleOutputs(name, FUNCTION_ATTRIBUTES, inputs, outputs);
}

/** Float32 arithmetic of a function that is written by hand: each method adds a node and names it. */
export class Arithmetic {
  readonly graph = new GraphDef();
  private readonly inputs: string[] = [];
  private nodes = 0;
  private before?: string;

  input(): string {
    const name = `input${this.inputs.length}`;
    this.graph.node(name, 'Placeholder', [], { dtype: { type: DTYPES.float32 } });
    this.inputs.push(name);
    return name;
  }

  /** What is added from now on runs after `name`: the memory of one part is free before the next part begins. */
  after(name: string): void {
    this.before = `^${name}`;
  }

  mul(a: string, b: string): string {
    return this.add('Mul', [a, b]);
  }

  div(a: string, b: string): string {
    return this.add('RealDiv', [a, b]);
  }

  plus(a: string, b: string): string {
    return this.add('AddV2', [a, b]);
  }

  minus(a: string, b: string): string {
    return this.add('Sub', [a, b]);
  }

  square(a: string): string {
    return this.add('Square', [a]);
  }

  sqrt(a: string): string {
    return this.add('Sqrt', [a]);
  }

  /** Over all axes. */
  sum(a: string, rank: number): string {
    const axes = `node${this.nodes++}`;
    const values = Int32Array.from({ length: rank }, (_, i) => i);
    this.graph.node(axes, 'Const', [], {
      dtype: { type: DTYPES.int32 },
      value: { tensor: { dtype: DTYPES.int32, shape: [rank], values } },
    });
    return this.add('Sum', [a, axes]);
  }

  addN(terms: readonly string[]): string {
    const name = `node${this.nodes++}`;
    this.graph.node(name, 'AddN', terms, { T: { type: DTYPES.float32 }, N: { int: terms.length } });
    return name;
  }

  /** The values of a vector of `count`. */
  unstack(vector: string, count: number): string[] {
    const name = `node${this.nodes++}`;
    const attributes = { T: { type: DTYPES.float32 }, num: { int: count }, axis: { int: 0 } };
    this.graph.node(name, 'Unpack', [vector], attributes);
    return Array.from({ length: count }, (_, i) => `${name}:${i}`);
  }

  /** The function of all that was added. */
  build(outputs: readonly string[]): string {
    return addFunction(
      this.graph,
      this.inputs,
      outputs.map((name) => (name.includes(':') ? name : `${name}:0`)),
    );
  }

  private add(op: string, inputs: readonly string[]): string {
    const name = `node${this.nodes++}`;
    this.graph.node(name, op, this.before ? [...inputs, this.before] : inputs, {
      T: { type: DTYPES.float32 },
    });
    return name;
  }
}
