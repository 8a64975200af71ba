import { runNativeOp } from '../kernels';
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '../tf';

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

const PADDINGS: [number, number][] = [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
];

/**
 * A map with its edge repeated once all round: [N, H, W, C] -> [N, H + 2, W + 2, C]. The library's own gradient of
 * mirrorPad drops what flows into the border; this one folds it back onto the edge.
 */
export function edgePad(map: Tensor4D): Tensor4D {
  return op(map) as Tensor4D;
}

const op = tf.customGrad((...args: unknown[]) => {
  const value = tf.mirrorPad(args[0] as Tensor, PADDINGS, 'symmetric');
  const gradFunc = (dy: Tensor): Tensor[] => {
    const paddings = tf.tensor2d(PADDINGS, [4, 2], 'int32');
    const attributes = {
      T: { type: 'float32' },
      Tpaddings: { type: 'int32' },
      mode: { string: 'SYMMETRIC' },
    } as const;
    return runNativeOp('MirrorPadGrad', attributes, [dy, paddings], 1);
  };
  return { value, gradFunc };
}) as unknown as (x: Tensor) => Tensor;

/**
 * RoIAlign over a pyramid of strides 4, 8, 16, … in one kernel, and its gradient in another; two samples a bin and
 * side, aligned false. Needs the kernels (`hasKernels`).
 *
 * @param maps [N, H_l, W_l, C]
 * @param rois [n, 6] x1, y1, x2, y2 in pixels of the image, its row in the batch, its level.
 * @returns [n, size, size, C]
 */
export function fusedRoiAlign(maps: readonly Tensor4D[], rois: Tensor2D, size: number): Tensor4D {
  const attributes = { L: { int: maps.length }, size: { int: size } };
  const shapes = maps.map(({ shape }) => shape);
  const op = tf.customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (tensors: Tensor[]) => void;
    const [value] = runNativeOp(
      'CytobenchRoiAlign',
      attributes,
      [...(args.slice(0, -1) as Tensor[]), rois],
      1,
    );
    save([rois]);
    const gradFunc = (dy: Tensor, [saved]: Tensor[]): Tensor[] =>
      runNativeOp('CytobenchRoiAlignGrad', attributes, [dy, saved, tf.tensor2d(shapes)], maps.length);
    return { value, gradFunc };
  }) as unknown as (...inputs: Tensor[]) => Tensor;
  return op(...maps) as Tensor4D;
}
