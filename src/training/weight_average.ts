import { type Parameter, toNative } from '../nn/parameters';
import { blended } from '../runtime/ops/optimizer_functions';
import { type Tensor, tf } from '../runtime/tf';

/**
 * A running average of weights and running statistics (Polyak and Juditsky 1992): average = d average + (1 - d) weight,
 * with d = min(decay, (1 + n) / (10 + n)) after n updates, so that it leaves the random start behind.
 */
export class WeightAverage {
  private readonly averages = new Map<string, Tensor>();

  constructor(
    private readonly parameters: readonly Parameter[],
    readonly decay: number,
  ) {
    for (const { name, variable } of parameters) this.averages.set(name, tf.keep(variable.clone()));
  }

  /** @param done updates before this one. */
  update(done: number): void {
    const decay = Math.min(this.decay, (1 + done) / (10 + done));
    const before = this.parameters.map(({ name }) => this.averages.get(name) as Tensor);
    const variables = this.parameters.map(({ variable }) => variable);
    blended(before, variables, decay).forEach((next, i) => {
      before[i].dispose();
      this.averages.set(this.parameters[i].name, tf.keep(next));
    });
  }

  /** Runs `work` with the averages in the model's place, and puts the weights back whatever happens. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.exchange();
    try {
      return await work();
    } finally {
      this.exchange();
    }
  }

  /** By parameter, for a checkpoint. */
  all(): ReadonlyMap<string, Tensor> {
    return this.averages;
  }

  /** Sets an average from values in PyTorch's layout. */
  restoreTorch({ name, layout, torchShape, variable }: Parameter, values: Float32Array): void {
    const native = tf.tidy(() =>
      toNative(tf.tensor(values, [...torchShape]), layout).reshape(variable.shape),
    );
    this.averages.get(name)?.dispose();
    this.averages.set(name, tf.keep(native));
  }

  dispose(): void {
    for (const tensor of this.averages.values()) tensor.dispose();
    this.averages.clear();
  }

  private exchange(): void {
    for (const { name, variable } of this.parameters) {
      const average = this.averages.get(name) as Tensor;
      this.averages.set(name, tf.keep(variable.clone()));
      variable.assign(average);
      average.dispose();
    }
  }
}
