import { runNativeOp } from './native_op';
import { type Tensor, type Tensor2D, type Tensor4D, tf } from './tf';

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
