import type { Attribute } from '../kernels';
import { type Tensor, tf } from '../tf';

/**
 * Values that kernels hand on in bfloat16, where products round them anyway: two in each int32 along the last axis, so
 * that [N, H, W, C] is an int32 tensor of [N, H, W, C / 2]. The gradient of a packed tensor is float32 and not packed.
 */
export function isBfloat16Pairs(x: Tensor): boolean {
  return x.dtype === 'int32';
}

/** The type of an op's argument that may be packed. */
export function typeOf(pairs: boolean): Attribute {
  return { type: pairs ? 'int32' : 'float32' };
}

/** x, packed or not, as [.., channels] of other axes; channels count values, packed or not. */
export function reshapeValues<T extends Tensor>(x: Tensor, shape: readonly number[]): T {
  if (!isBfloat16Pairs(x)) return x.reshape([...shape]) as T;
  const scaleLast = (axes: readonly number[], by: number): number[] =>
    axes.map((side, i) => (i === axes.length - 1 ? side * by : side));
  const op = tf.customGrad((...args: unknown[]) => {
    const [input] = args as Tensor[];
    // The gradient has twice as many elements as its packed input.
    const gradFunc = (dy: Tensor): Tensor => dy.reshape(scaleLast(input.shape, 2));
    return { value: input.reshape(scaleLast(shape, 0.5)), gradFunc };
  }) as unknown as (x: Tensor) => Tensor;
  return op(x) as T;
}
