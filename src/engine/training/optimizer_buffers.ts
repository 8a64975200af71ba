import { type Tensor, tf } from '../../backend/tf';
import { type Parameter, toNative } from '../../layers/parameters';

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
