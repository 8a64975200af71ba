import { runNativeOp } from './native_op';
import { type Tensor, type Tensor4D, tf } from './tf';

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
