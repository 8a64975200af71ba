import { type Tensor, tf } from '../../backend/tf';
import type { Parameter } from '../../layers/parameters';
import type { Optimizer, StepOptions } from './optimizer';
import { OptimizerBuffers } from './optimizer_buffers';

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
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const firstCorrection = 1 - beta1 ** (done + 1);
    const secondCorrection = Math.sqrt(1 - beta2 ** (done + 1));
    this.parameters.forEach((parameter, i) => {
      const gradient = gradients[i];
      const { variable } = parameter;
      const own = rate(parameter);
      const [first, second, moved] = tf.tidy(() => {
        const g = gradient ? tf.mul(gradient.reshape(variable.shape), scale) : tf.zerosLike(variable);
        const m = blend(this.buffers.get(FIRST, parameter), g, beta1);
        const v = blend(this.buffers.get(SECOND, parameter), tf.square(g), beta2);
        const denominator = tf.add(tf.div(tf.sqrt(v), secondCorrection), epsilon);
        const decayed = tf.mul(variable, 1 - own * weightDecay);
        return [m, v, tf.sub(decayed, tf.mul(tf.div(m, denominator), own / firstCorrection))];
      });
      this.buffers.set(FIRST, parameter, first);
      this.buffers.set(SECOND, parameter, second);
      variable.assign(moved);
      moved.dispose();
    });
  }
}

/** beta * before + (1 - beta) * value; before the first step `before` is zero. */
function blend(before: Tensor | undefined, value: Tensor, beta: number): Tensor {
  const share = tf.mul(value, 1 - beta);
  return before ? tf.add(tf.mul(before, beta), share) : share;
}
