import { tf } from './tf';

/** What the binding says of an op's output. */
export interface TensorInfo {
  readonly id: number;
  readonly shape: number[];
  /** TensorFlow's number of it. */
  readonly dtype: number;
}

/** An attribute of an op as the binding takes it. */
export interface BindingAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export type Values = Float32Array | Int32Array | Uint8Array;

/** The bridge between Node and TensorFlow: handles of tensors are numbers. */
export interface Binding {
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  executeOp(
    name: string,
    attributes: readonly BindingAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): TensorInfo[];
  createTensor(shape: readonly number[], dtype: number, values: Values): number;
  tensorDataSync(id: number): Values;
  deleteTensor(id: number): void;
  /** Missing where the binding was built without functions. */
  addFunction?(name: string, graph: Uint8Array, inputs: readonly string[], outputs: readonly string[]): void;
  removeFunction?(name: string): void;
}

/** TensorFlow's numbers of types. */
export const DTYPES = { float32: 1, int32: 3, bool: 10 } as const;

/** Calls into the runtime: ops and functions, tensors made from JavaScript, tensors read. */
export interface Calls {
  readonly ops: number;
  readonly writes: number;
  readonly reads: number;
}

interface NativeBackend {
  binding: Binding;
}

let counted = { ops: 0, writes: 0, reads: 0 };

/** The binding of the running backend, every call through it counted. */
export const binding: Binding = countCalls(tf.backend() as unknown as NativeBackend);

function countCalls(backend: NativeBackend): Binding {
  const raw = backend.binding;
  const wrapped = Object.create(raw, {
    executeOp: {
      value: (...call: Parameters<Binding['executeOp']>) => {
        counted.ops++;
        return raw.executeOp(...call);
      },
    },
    createTensor: {
      value: (...call: Parameters<Binding['createTensor']>) => {
        counted.writes++;
        return raw.createTensor(...call);
      },
    },
    tensorDataSync: {
      value: (id: number) => {
        counted.reads++;
        return raw.tensorDataSync(id);
      },
    },
  }) as Binding;
  backend.binding = wrapped;
  return wrapped;
}

/** The backend's ways into the runtime lead through `other` from now on. */
export function routeThrough(other: Binding): void {
  (tf.backend() as unknown as NativeBackend).binding = other;
}

/** The calls that `work` makes into the runtime. */
export function callsOf(work: () => void): Calls {
  const before = counted;
  counted = { ops: 0, writes: 0, reads: 0 };
  try {
    work();
    return { ...counted };
  } finally {
    const own = counted;
    counted = {
      ops: before.ops + own.ops,
      writes: before.writes + own.writes,
      reads: before.reads + own.reads,
    };
  }
}
