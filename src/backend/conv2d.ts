import { type Tensor, type Tensor4D, tf } from './tf';

interface FilterGradient {
  filterShape: number[];
  strides: number[];
  pad: 'same';
  dataFormat: 'NHWC';
}

/**
 * Convolution with stride 1 and 'same' padding, odd size. Its gradient to the input is a convolution with the turned
 * filter: the native op for it is half as fast as the native forward op.
 *
 * @param x [N, H, W, in] @param filter [h, w, in, out] @returns [N, H, W, out]
 */
export function conv2dSame(x: Tensor4D, filter: Tensor4D): Tensor4D {
  return op(x, filter) as Tensor4D;
}

const op = tf.customGrad((...args: unknown[]) => {
  const [x, filter] = args as Tensor4D[];
  (args[2] as (tensors: Tensor[]) => void)([x, filter]);
  const gradFunc = (dy: Tensor, [savedX, savedFilter]: Tensor[]): Tensor[] => {
    const toInput = (): Tensor => {
      const turned = tf.transpose(tf.reverse(savedFilter, [0, 1]), [0, 1, 3, 2]) as Tensor4D;
      return tf.conv2d(dy as Tensor4D, turned, 1, 'same');
    };
    const attributes: FilterGradient = {
      filterShape: savedFilter.shape,
      strides: [1, 1],
      pad: 'same',
      dataFormat: 'NHWC',
    };
    const toFilter = (): Tensor =>
      tf.engine().runKernel('Conv2DBackpropFilter', { x: savedX, dy }, { ...attributes }) as Tensor;
    return [toInput(), toFilter()];
  };
  return { value: tf.conv2d(x, filter, 1, 'same'), gradFunc };
}) as unknown as (x: Tensor, filter: Tensor) => Tensor;
