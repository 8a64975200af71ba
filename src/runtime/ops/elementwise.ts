import { runNativeOp } from '../kernels';
import { type Tensor, tf } from '../tf';

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

type Binary = (a: Tensor, b: Tensor) => Tensor;

const sumOp = tf.customGrad((...args: unknown[]) => ({
  value: tf.add(args[0] as Tensor, args[1] as Tensor),
  // Both sides get the gradient itself, as two tensors of the same values: each is used up on its own.
  gradFunc: (dy: Tensor): Tensor[] => [dy.clone(), dy.clone()],
})) as unknown as Binary;

const rectifiedOp = tf.customGrad((...args: unknown[]) => {
  const sum = tf.add(args[0] as Tensor, args[1] as Tensor);
  const y = tf.relu(sum);
  sum.dispose();
  (args[2] as (tensors: Tensor[]) => void)([y]);
  const gradFunc = (dy: Tensor, [saved]: Tensor[]): Tensor[] => {
    const [gradient] = runNativeOp('ReluGrad', { T: { type: 'float32' } }, [dy, saved], 1);
    return [gradient, gradient.clone()];
  };
  return { value: y, gradFunc };
}) as unknown as Binary;

/** a + b of one shape. The library's own sum keeps both sides for the gradient, which needs neither. */
export function add<T extends Tensor>(a: T, b: T): T {
  return sumOp(a, b) as T;
}

/** relu(a + b) of one shape: the end of a residual block. */
export function addRelu<T extends Tensor>(a: T, b: T): T {
  return rectifiedOp(a, b) as T;
}
