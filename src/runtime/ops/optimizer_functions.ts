// Optimizer steps without this repository's kernels: one function of TensorFlow for many parameters. The order of
// operations is that of the ops one by one, so that the bits are the same. Letters in the formulas: p parameter,
// g gradient, v velocity; every number that changes between steps is an input.
import { Arithmetic, runFunction } from '../functions';
import { type Tensor, tf, type Variable } from '../tf';

/** What one parameter is moved by. */
export interface Move {
  readonly variable: Variable;
  /** null is a gradient of zero. */
  readonly gradient: Tensor | null;
  /** What the optimizer keeps for it, in its own order; empty before the first step. */
  readonly state: readonly Tensor[];
  readonly rate: number;
}

/** New values of one parameter, and its new state. The caller owns them, and takes them over as they come. */
export interface Moved {
  readonly value: Tensor;
  readonly state: readonly Tensor[];
}

/** Values of the parameters that one call moves: old and new ones are in memory together. */
const VALUES_A_CALL = 1 << 24;

const functions = new Map<string, string>();

/** v = momentum v + (scale g + decay p); p = p - rate v. */
export function sgdMoves(
  moves: readonly Move[],
  { momentum, weightDecay, scale }: { momentum: number; weightDecay: number; scale: number },
): Iterable<Moved> {
  const form = `sgd ${scale !== 1} ${weightDecay !== 0}`;
  return inCalls(moves, form, 1, [momentum, weightDecay, scale], (rate) => [rate], {
    write: (b, [m, decay, s], [rate], p, gradient, [before]) => {
      let g = gradient;
      if (scale !== 1) g = b.mul(g, s);
      if (weightDecay) g = b.plus(g, b.mul(p, decay));
      const v = before === undefined ? g : b.plus(b.mul(before, m), g);
      return [b.minus(p, b.mul(v, rate)), v];
    },
  });
}

/** Adam with decoupled decay. @param done steps before this one */
export function adamwMoves(
  moves: readonly Move[],
  {
    beta1,
    beta2,
    epsilon,
    weightDecay,
    scale,
    done,
  }: { beta1: number; beta2: number; epsilon: number; weightDecay: number; scale: number; done: number },
): Iterable<Moved> {
  const firstCorrection = 1 - beta1 ** (done + 1);
  const secondCorrection = Math.sqrt(1 - beta2 ** (done + 1));
  const numbers = [scale, beta1, 1 - beta1, beta2, 1 - beta2, secondCorrection, epsilon];
  const ofRate = (rate: number): number[] => [1 - rate * weightDecay, rate / firstCorrection];
  return inCalls(moves, 'adamw', 2, numbers, ofRate, {
    write: (b, [s, b1, c1, b2, c2, second, eps], [keep, rate], p, gradient, [first, secondBefore]) => {
      const blend = (before: string | undefined, value: string, beta: string, rest: string): string => {
        const share = b.mul(value, rest);
        return before === undefined ? share : b.plus(b.mul(before, beta), share);
      };
      const g = b.mul(gradient, s);
      const m = blend(first, g, b1, c1);
      const v = blend(secondBefore, b.square(g), b2, c2);
      const denominator = b.plus(b.div(b.sqrt(v), second), eps);
      return [b.minus(b.mul(p, keep), b.mul(b.div(m, denominator), rate)), m, v];
    },
  });
}

interface Formula {
  /** Adds the formula of one parameter; the nodes of its new value and of its new state. */
  write(
    b: Arithmetic,
    numbers: readonly string[],
    ofRate: readonly string[],
    parameter: string,
    gradient: string,
    state: readonly string[],
  ): readonly string[];
}

/** @param slots tensors of state a parameter. @param ofRate the numbers that a learning rate comes to. */
function* inCalls(
  moves: readonly Move[],
  form: string,
  slots: number,
  numbers: readonly number[],
  ofRate: (rate: number) => readonly number[],
  formula: Formula,
): Generator<Moved> {
  for (let from = 0; from < moves.length; ) {
    let [to, values] = [from, 0];
    do values += moves[to++].variable.size;
    while (to < moves.length && values + moves[to].variable.size <= VALUES_A_CALL);
    yield* call(moves.slice(from, to), form, slots, numbers, ofRate, formula);
    from = to;
  }
}

function call(
  moves: readonly Move[],
  form: string,
  slots: number,
  numbers: readonly number[],
  ofRate: (rate: number) => readonly number[],
  formula: Formula,
): Moved[] {
  const rates = [...new Set(moves.map(({ rate }) => rate))];
  const places = moves.map(({ rate }) => rates.indexOf(rate));
  const known = moves.map(({ state }) => state.length);
  const width = ofRate(0).length;
  const count = numbers.length + rates.length * width;
  const key = `${form}|${count}|${places.join()}|${known.join()}`;
  let name = functions.get(key);
  if (name === undefined) {
    const b = new Arithmetic();
    const parameters = moves.map(() => b.input());
    const gradients = moves.map(() => b.input());
    const states = known.map((tensors) => Array.from({ length: tensors }, () => b.input()));
    const scalars = b.unstack(b.input(), count);
    const made = moves.map((_, i) => {
      const at = numbers.length + places[i] * width;
      const written = formula.write(
        b,
        scalars.slice(0, numbers.length),
        scalars.slice(at, at + width),
        parameters[i],
        gradients[i],
        states[i],
      );
      b.after(written[0]);
      return written;
    });
    name = b.build(made.flat());
    functions.set(key, name);
  }
  const settings = tf.tensor1d([...numbers, ...rates.flatMap((rate) => [...ofRate(rate)])], 'float32');
  const gradients = moves.map(({ gradient, variable }) => gradient ?? tf.zerosLike(variable));
  const inputs = [
    ...moves.map(({ variable }) => variable),
    ...gradients,
    ...moves.flatMap(({ state }) => state),
    settings,
  ];
  const results = runFunction(name, inputs, moves.length * (slots + 1));
  tf.dispose([settings, ...gradients.filter((_, i) => moves[i].gradient === null)]);
  return moves.map((_, i) => {
    const [value, ...state] = results.slice(i * (slots + 1), (i + 1) * (slots + 1));
    return { value, state };
  });
}

/** decay average + (1 - decay) parameter, for many of them. The caller owns the results. */
export function blended(
  averages: readonly Tensor[],
  variables: readonly Variable[],
  decay: number,
): Tensor[] {
  const key = `blend|${averages.length}`;
  let name = functions.get(key);
  if (name === undefined) {
    const b = new Arithmetic();
    const [before, now] = [averages.map(() => b.input()), averages.map(() => b.input())];
    const [keep, rest] = b.unstack(b.input(), 2);
    name = b.build(before.map((average, i) => b.plus(b.mul(average, keep), b.mul(now[i], rest))));
    functions.set(key, name);
  }
  const settings = tf.tensor1d([decay, 1 - decay]);
  const results = runFunction(name, [...averages, ...variables, settings], averages.length);
  settings.dispose();
  return results;
}

/** The sum of all squares of all tensors, [] float32, added up tensor by tensor. The caller owns it. */
export function sumOfSquares(tensors: readonly Tensor[]): Tensor {
  const ranks = tensors.map(({ rank }) => rank);
  const key = `squares|${ranks.join()}`;
  let name = functions.get(key);
  if (name === undefined) {
    const b = new Arithmetic();
    const inputs = tensors.map(() => b.input());
    const sums = inputs.map((input, i) => {
      const sum = b.sum(b.square(input), ranks[i]);
      b.after(sum);
      return sum;
    });
    name = b.build([b.addN(sums)]);
    functions.set(key, name);
  }
  return runFunction(name, tensors, 1)[0];
}
