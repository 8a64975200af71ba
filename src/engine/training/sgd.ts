import { fusedSgd } from '../../backend/fused_sgd';
import { hasKernels } from '../../backend/kernels';
import { type Tensor, tf } from '../../backend/tf';
import type { Parameter } from '../../layers/parameters';
import type { Optimizer, StepOptions } from './optimizer';
import { OptimizerBuffers } from './optimizer_buffers';

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
    this.parameters.forEach((parameter, i) => {
      const gradient = gradients[i];
      const { variable } = parameter;
      const before = this.buffers.get(MOMENTUM, parameter);
      const [velocity, moved] = tf.tidy(() => {
        let g: Tensor = gradient ? gradient.reshape(variable.shape) : tf.zerosLike(variable);
        if (scale !== 1) g = tf.mul(g, scale);
        if (weightDecay) g = tf.add(g, tf.mul(variable, weightDecay));
        const v = before ? tf.add(tf.mul(before, momentum), g) : g.clone();
        return [v, tf.sub(variable, tf.mul(v, rate(parameter)))];
      });
      this.buffers.set(MOMENTUM, parameter, velocity);
      variable.assign(moved);
      moved.dispose();
    });
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
