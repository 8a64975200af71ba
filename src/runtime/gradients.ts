import { type Scalar, type Tensor, tf, type Variable } from './tf';

export interface Gradients {
  readonly value: Scalar;
  /** One for each variable, in order; null where the loss does not depend on it. */
  readonly grads: (Tensor | null)[];
}

/** One op on the tape of the library's engine. */
interface TapeNode {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly Tensor[];
  readonly gradient: (dys: readonly (Tensor | null)[]) => Record<string, () => Tensor>;
  readonly saved: readonly Tensor[];
}

/** The parts of the engine that record a tape. */
interface Recorder {
  startTape(): void;
  endTape(): void;
  readonly state: { activeTape: TapeNode[] | null };
}

/**
 * Gradients of a scalar with respect to variables. It differs from `tf.variableGrads` in two ways: it takes a loss that
 * does not depend on some variable (an image without instances trains the proposal network alone), and it releases
 * what an op saved, and the gradient that it consumed, as soon as they are used, where the library keeps all of them to
 * the end. The caller owns value and gradients.
 */
export function computeGradients(loss: () => Scalar, variables: readonly Variable[]): Gradients {
  const recorder = tf.engine() as unknown as Recorder;
  recorder.startTape();
  let value: Scalar;
  try {
    value = tf.tidy(loss);
  } finally {
    recorder.endTape();
  }
  const tape = recorder.state.activeTape ?? [];
  recorder.state.activeTape = null;
  const gradients = new Map<number, Tensor>([[value.id, tf.keep(tf.onesLike(value))]]);
  const reached = reachedFrom(variables, tape);
  for (let i = tape.length - 1; i >= 0; i--) {
    passBack(tape[i], gradients, reached);
    tf.dispose([...tape[i].saved]);
  }
  const grads = variables.map(({ id }) => gradients.get(id) ?? null);
  const wanted = new Set(grads);
  for (const gradient of gradients.values()) if (!wanted.has(gradient)) gradient.dispose();
  return { value, grads };
}

/** Ids of everything that depends on a variable. */
function reachedFrom(variables: readonly Variable[], tape: readonly TapeNode[]): ReadonlySet<number> {
  const ids = new Set(variables.map(({ id }) => id));
  for (const { inputs, outputs } of tape)
    if (Object.values(inputs).some(({ id }) => ids.has(id))) for (const { id } of outputs) ids.add(id);
  return ids;
}

/** The gradients of an op's inputs, from those of its outputs, which are used up. */
function passBack(node: TapeNode, gradients: Map<number, Tensor>, reached: ReadonlySet<number>): void {
  const dys = node.outputs.map(({ id }) => gradients.get(id) ?? null);
  if (dys.every((dy) => dy === null)) return;
  const wanted = Object.entries(node.inputs).filter(([, { id }]) => reached.has(id));
  if (wanted.length)
    tf.tidy(() => {
      const byName = node.gradient(dys);
      for (const [name, { id }] of wanted) {
        const gradient = byName[name]();
        const before = gradients.get(id);
        // An op may hand on the gradient that came in: a clone of it outlives that one.
        const sum = before ? tf.add(before, gradient) : dys.includes(gradient) ? gradient.clone() : gradient;
        gradients.set(id, tf.keep(sum));
        before?.dispose();
      }
    });
  for (const { id } of node.outputs) gradients.delete(id);
  for (const dy of dys) dy?.dispose();
}
