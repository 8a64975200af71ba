import { fusedNorm } from '../../backend/fused_sgd';
import { hasKernels } from '../../backend/kernels';
import { scoped } from '../../backend/scope';
import { type Tensor, tf } from '../../backend/tf';
import type { Parameter } from '../../layers/parameters';
import type { OptimizerSection } from '../config/types';
import type { OptimizerBuffers } from './optimizer_buffers';

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
export function rateFactor({ rateFactors }: OptimizerSection, name: string): number {
  const fitting = Object.keys(rateFactors).filter((prefix) => name.startsWith(prefix));
  if (!fitting.length) return 1;
  return rateFactors[fitting.reduce((a, b) => (b.length > a.length ? b : a))];
}

/** The norm of all gradients together, as one number. */
export function gradientNorm(gradients: readonly (Tensor | null)[]): number {
  const present = gradients.filter((gradient): gradient is Tensor => gradient !== null);
  if (!present.length) return 0;
  if (hasKernels()) return fusedNorm(present);
  return scoped(() => Math.sqrt(tf.addN(present.map((g) => tf.sum(tf.square(g)))).dataSync()[0]));
}
