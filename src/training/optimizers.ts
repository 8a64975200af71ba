import type { ExperimentConfig } from '../config/schema';
import { type Parameter, toNative } from '../nn/parameters';
import { hasKernels } from '../runtime/kernels';
import {
  adamwMoves,
  type Move,
  type Moved,
  sgdMoves,
  sumOfSquares,
} from '../runtime/ops/optimizer_functions';
import { fusedNorm, fusedSgd } from '../runtime/ops/sgd';
import { type Tensor, tf } from '../runtime/tf';

/** What one step is made with. */
export interface StepOptions {
  /** Learning rate of each parameter. */
  readonly rate: (parameter: Parameter) => number;
  /** Multiplies every gradient (clipping, averaging). */
  readonly scale: number;
  /** Steps done before this one. */
  readonly done: number;
}

/** Moves parameters along their gradients. */
export interface Optimizer {
  readonly parameters: readonly Parameter[];
  /**
   * One step. The caller owns the gradients.
   * @param gradients one a parameter; null is a gradient of zero, so that momentum and decay go on: a loss without boxes stays connected in the reference.
   */
  step(gradients: readonly (Tensor | null)[], options: StepOptions): void;
  /** Its buffers, by PyTorch's names of them, then by parameter. */
  readonly buffers: OptimizerBuffers;
}

/** The factor of the learning rate: that of the longest prefix that fits, else 1. */
export function learningRateMultiplier(
  { learningRateMultipliers }: ExperimentConfig['optimizer'],
  name: string,
): number {
  const fitting = Object.keys(learningRateMultipliers).filter((prefix) => name.startsWith(prefix));
  if (!fitting.length) return 1;
  return learningRateMultipliers[fitting.reduce((a, b) => (b.length > a.length ? b : a))];
}

/** The norm of all gradients together, as one number. */
export function gradientNorm(gradients: readonly (Tensor | null)[]): number {
  const present = gradients.filter((gradient): gradient is Tensor => gradient !== null);
  if (!present.length) return 0;
  if (hasKernels()) return fusedNorm(present);
  const sum = sumOfSquares(present);
  const [value] = sum.dataSync();
  sum.dispose();
  return Math.sqrt(value);
}

/** The buffers of an optimizer: `momentum_buffer` of SGD, `exp_avg` and `exp_avg_sq` of AdamW. It owns its tensors. */
export class OptimizerBuffers {
  private readonly tensors = new Map<string, Tensor>();

  get(slot: string, { name }: Parameter): Tensor | undefined {
    return this.tensors.get(`${slot}.${name}`);
  }

  /** Takes ownership of `tensor`; the one before is disposed. */
  set(slot: string, { name }: Parameter, tensor: Tensor): void {
    const key = `${slot}.${name}`;
    this.tensors.get(key)?.dispose();
    this.tensors.set(key, tf.keep(tensor));
  }

  /** By `slot.parameter`, for a checkpoint. */
  all(): ReadonlyMap<string, Tensor> {
    return this.tensors;
  }

  /** Sets a buffer from values in PyTorch's layout. */
  restoreTorch(slot: string, parameter: Parameter, values: Float32Array): void {
    const { layout, torchShape, variable } = parameter;
    const native = tf.tidy(() =>
      toNative(tf.tensor(values, [...torchShape]), layout).reshape(variable.shape),
    );
    this.set(slot, parameter, native);
  }

  dispose(): void {
    for (const tensor of this.tensors.values()) tensor.dispose();
    this.tensors.clear();
  }
}

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

const MOMENTUM = 'momentum_buffer';

/** Stochastic gradient descent as PyTorch's: v = momentum v + (g + decay p); p = p - rate v. */
export class Sgd implements Optimizer {
  readonly buffers = new OptimizerBuffers();

  constructor(
    readonly parameters: readonly Parameter[],
    readonly options: SgdOptions,
  ) {}

  step(gradients: readonly (Tensor | null)[], { rate, scale }: StepOptions): void {
    const { momentum, weightDecay } = this.options;
    if (hasKernels()) {
      const variables = this.parameters.map(({ variable }) => variable);
      const rates = this.parameters.map(rate);
      fusedSgd(variables, gradients, this.velocities(), { momentum, weightDecay, scale, rates });
      return;
    }
    takeOver(
      this,
      [MOMENTUM],
      sgdMoves(movesOf(this, gradients, rate, [MOMENTUM]), { ...this.options, scale }),
    );
  }

  /** Momenta of all parameters, zero at first. */
  private velocities(): Tensor[] {
    return this.parameters.map((parameter) => {
      if (!this.buffers.get(MOMENTUM, parameter))
        this.buffers.set(MOMENTUM, parameter, tf.zerosLike(parameter.variable));
      return this.buffers.get(MOMENTUM, parameter) as Tensor;
    });
  }
}

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

const FIRST = 'exp_avg';
const SECOND = 'exp_avg_sq';

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as PyTorch's AdamW. */
export class AdamW implements Optimizer {
  readonly buffers = new OptimizerBuffers();

  constructor(
    readonly parameters: readonly Parameter[],
    readonly options: AdamWOptions,
  ) {}

  step(gradients: readonly (Tensor | null)[], { rate, scale, done }: StepOptions): void {
    const moves = movesOf(this, gradients, rate, [FIRST, SECOND]);
    takeOver(this, [FIRST, SECOND], adamwMoves(moves, { ...this.options, scale, done }));
  }
}

function movesOf(
  { parameters, buffers }: Optimizer,
  gradients: readonly (Tensor | null)[],
  rate: StepOptions['rate'],
  slots: readonly string[],
): Move[] {
  return parameters.map((parameter, i) => ({
    variable: parameter.variable,
    gradient: gradients[i],
    state: slots.map((slot) => buffers.get(slot, parameter)).filter((tensor) => tensor !== undefined),
    rate: rate(parameter),
  }));
}

/** The parameters and buffers of an optimizer become what it moved them to. */
function takeOver(
  { parameters, buffers }: Optimizer,
  slots: readonly string[],
  moved: Iterable<Moved>,
): void {
  let i = 0;
  for (const { value, state } of moved) {
    const parameter = parameters[i++];
    slots.forEach((slot, k) => {
      buffers.set(slot, parameter, state[k]);
    });
    parameter.variable.assign(value);
    value.dispose();
  }
}

/** The optimizer that a configuration names. */
export function createOptimizer(
  section: ExperimentConfig['optimizer'],
  parameters: readonly Parameter[],
): Optimizer {
  return section.kind === 'sgd' ? new Sgd(parameters, section) : new AdamW(parameters, section);
}
