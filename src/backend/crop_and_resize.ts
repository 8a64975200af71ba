import { runNativeOp } from './native_op';
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from './tf';

/**
 * Averages a 2P x 2P grid of bilinear samples to P x P for every box: the arithmetic of RoIAlign with two samples a
 * bin and side. The gradient flows to the map alone.
 *
 * @param map [N, H, W, C]
 * @param boxes [n, 4] y1, x1, y2, x2 of the first and last sampling point, as a share of H - 1 and W - 1.
 * @param imageIndex [n] int32, row of `map`.
 * @returns [n, P, P, C]
 */
export function sampleBoxes(map: Tensor4D, boxes: Tensor2D, imageIndex: Tensor1D, size: number): Tensor4D {
  const op = tf.customGrad((...args: unknown[]) => {
    const input = args[0] as Tensor4D;
    // Saved, not captured: the forward scope disposes what is only captured.
    (args[1] as (tensors: Tensor[]) => void)([boxes, imageIndex]);
    const points = tf.image.cropAndResize(input, boxes, imageIndex, [2 * size, 2 * size], 'bilinear', 0);
    const value = tf.avgPool(points, 2, 2, 'valid');
    points.dispose();
    const shape = input.shape;
    return {
      value,
      gradFunc: (dy: Tensor, [savedBoxes, savedIndex]: Tensor[]) => {
        const spread = spreadAverage(dy as Tensor4D);
        const imageSize = tf.tensor1d(shape, 'int32');
        const [dMap] = runNativeOp(
          'CropAndResizeGradImage',
          { T: { type: 'float32' }, method: { string: 'bilinear' } },
          [spread, savedBoxes, savedIndex, imageSize],
          1,
        );
        return [dMap];
      },
    };
  });
  return (op as unknown as (...inputs: Tensor[]) => Tensor)(map) as Tensor4D;
}

/** Gradient of the 2 x 2 average: every value, divided by 4, at its four points. */
function spreadAverage(dy: Tensor4D): Tensor4D {
  const [n, h, w, c] = dy.shape;
  const quarter = tf.mul(dy, 0.25).reshape([n, h, 1, w, 1, c]);
  return tf
    .tile(quarter.reshape([n * h, 1, w, 1, c]) as Tensor, [1, 2, 1, 2, 1])
    .reshape([n, 2 * h, 2 * w, c]);
}
