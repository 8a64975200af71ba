import { scoped } from '../../backend/scope';
import { type Tensor, tf } from '../../backend/tf';
import { type Parameter, toNative } from '../../layers/parameters';

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** Stochastic gradient descent as PyTorch's: v = momentum v + (g + decay p); p = p - rate v. */
export class Sgd {
  private readonly velocity = new Map<string, Tensor>();

  constructor(
    readonly parameters: readonly Parameter[],
    readonly options: SgdOptions,
  ) {}

  /**
   * One step. The caller owns the gradients.
   * @param gradients one a parameter; null is a gradient of zero, so that momentum and decay go on: a loss without boxes stays connected in the reference.
   * @param rate learning rate of each parameter. @param scale multiplies every gradient (clipping).
   */
  step(gradients: readonly (Tensor | null)[], rate: (parameter: Parameter) => number, scale = 1): void {
    const { momentum, weightDecay } = this.options;
    this.parameters.forEach((parameter, i) => {
      const gradient = gradients[i];
      const { name, variable } = parameter;
      const before = this.velocity.get(name);
      const [velocity, moved] = tf.tidy(() => {
        let g: Tensor = gradient ? gradient.reshape(variable.shape) : tf.zerosLike(variable);
        if (scale !== 1) g = tf.mul(g, scale);
        if (weightDecay) g = tf.add(g, tf.mul(variable, weightDecay));
        const v = before ? tf.add(tf.mul(before, momentum), g) : g.clone();
        return [v, tf.sub(variable, tf.mul(v, rate(parameter)))];
      });
      before?.dispose();
      this.velocity.set(name, tf.keep(velocity));
      variable.assign(moved);
      moved.dispose();
    });
  }

  /** Momentum buffers by name, for a checkpoint. */
  state(): ReadonlyMap<string, Tensor> {
    return this.velocity;
  }

  /** Sets a momentum buffer from values in PyTorch's layout. */
  restoreTorch({ name, layout, torchShape, variable }: Parameter, values: Float32Array): void {
    this.velocity.get(name)?.dispose();
    const native = tf.tidy(() =>
      toNative(tf.tensor(values, [...torchShape]), layout).reshape(variable.shape),
    );
    this.velocity.set(name, tf.keep(native));
  }

  dispose(): void {
    for (const tensor of this.velocity.values()) tensor.dispose();
    this.velocity.clear();
  }
}

/** The norm of all gradients together, as one number. */
export function gradientNorm(gradients: readonly (Tensor | null)[]): number {
  const present = gradients.filter((gradient): gradient is Tensor => gradient !== null);
  if (!present.length) return 0;
  return scoped(() => Math.sqrt(tf.addN(present.map((g) => tf.sum(tf.square(g)))).dataSync()[0]));
}
