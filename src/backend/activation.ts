import { runNativeOp } from './native_op';
import { type Tensor, tf } from './tf';

type Unary = (x: Tensor) => Tensor;

/** An activation whose gradient is one native op of (dy, y), instead of the five that the library's gradient takes. */
function withNativeGradient(forward: Unary, op: 'ReluGrad' | 'Relu6Grad'): Unary {
  const f = tf.customGrad((...args: unknown[]) => {
    const y = forward(args[0] as Tensor);
    (args[1] as (tensors: Tensor[]) => void)([y]);
    const gradFunc = (dy: Tensor, [saved]: Tensor[]): Tensor[] =>
      runNativeOp(op, { T: { type: 'float32' } }, [dy, saved], 1);
    return { value: y, gradFunc };
  });
  return f as unknown as Unary;
}

const reluOp = withNativeGradient((x) => tf.relu(x), 'ReluGrad');
const relu6Op = withNativeGradient((x) => tf.relu6(x), 'Relu6Grad');

export function relu<T extends Tensor>(x: T): T {
  return reluOp(x) as T;
}

export function relu6<T extends Tensor>(x: T): T {
  return relu6Op(x) as T;
}
