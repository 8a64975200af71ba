import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import { roiAlign } from '../../src/nn/roi_align';
import { computeGradients } from '../../src/runtime/gradients';
import { batchNormTraining } from '../../src/runtime/ops/batch_norm';
import { conv2dSame } from '../../src/runtime/ops/conv2d';
import { relu, relu6 } from '../../src/runtime/ops/elementwise';
import { type Scalar, type Tensor, type Tensor1D, type Tensor4D, tf } from '../../src/runtime/tf';
import { itGivesTheSameBits } from '../same_bits';

const rng = createRng('gradients');
const random = (shape: number[]): Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.uniform(-1, 1)),
    shape,
  );

/**
 * Compares a gradient with central differences of the loss, in a random direction: the step 1e-2 makes the error of
 * float32 sums (about 1e-6 of the loss) and of the third derivative about equal for these smooth functions.
 */
function checkGradient(shape: number[], loss: (x: Tensor) => Scalar, tolerance = 2e-3): void {
  const initial = random(shape);
  const x = tf.variable(initial);
  const direction = random(shape);
  const { value, grads } = computeGradients(() => loss(x), [x]);
  const along = tf.tidy(() => tf.sum(tf.mul(grads[0] as Tensor, direction)).dataSync()[0]);
  const step = 1e-2;
  const at = (sign: number): number =>
    tf.tidy(() => loss(tf.add(x, tf.mul(direction, sign * step))).dataSync()[0]);
  const difference = (at(1) - at(-1)) / (2 * step);
  assert.ok(
    Math.abs(along - difference) <= tolerance * Math.max(1, Math.abs(difference)),
    `gradient ${along}, differences ${difference}`,
  );
  tf.dispose([initial, x, direction, value, ...(grads as Tensor[])]);
}

describe('own gradients agree with finite differences', () => {
  const tensors = (): number => tf.memory().numTensors;

  it('RoIAlign, over levels and beyond the edge', () => {
    const count = tensors();
    const boxes = Float32Array.from([2, 3, 30, 40, -3, -2, 9, 12, 50, 50, 64, 64, 0, 0, 64, 64]);
    const rois = { boxes, imageIndex: Int32Array.from([0, 1, 1, 0]) };
    const weights = random([4, 7, 7, 3]);
    const other = [8, 4, 2].map((side) => random([2, side, side, 3]) as Tensor4D);
    checkGradient(
      [2, 16, 16, 3],
      (x) => tf.sum(tf.mul(roiAlign([x as Tensor4D, ...other], rois, 7), weights)) as Scalar,
    );
    tf.dispose([weights, ...other]);
    assert.equal(tensors(), count);
  });

  it('a convolution with stride 1, to its input and to its filter', () => {
    const filter = random([3, 3, 4, 5]) as Tensor4D;
    const input = random([2, 6, 7, 4]) as Tensor4D;
    const weights = random([2, 6, 7, 5]);
    checkGradient([2, 6, 7, 4], (x) => tf.sum(tf.mul(conv2dSame(x as Tensor4D, filter), weights)) as Scalar);
    checkGradient([3, 3, 4, 5], (w) => tf.sum(tf.mul(conv2dSame(input, w as Tensor4D), weights)) as Scalar);
    tf.dispose([filter, input, weights]);
  });

  it('batch norm with batch statistics', () => {
    const weights = random([2, 5, 5, 3]);
    const [scale, offset] = [random([3]) as Tensor1D, random([3]) as Tensor1D];
    checkGradient([2, 5, 5, 3], (x) => {
      const { y, mean, variance } = batchNormTraining(x as Tensor4D, scale, offset, 1e-5);
      tf.dispose([mean, variance]);
      return tf.sum(tf.mul(y, weights)) as Scalar;
    });
    tf.dispose([weights, scale, offset]);
  });

  it('ReLU and ReLU6, away from their corners', () => {
    const weights = random([40]);
    const away = (x: Tensor): Tensor => tf.add(tf.mul(x, 3), tf.mul(tf.sign(x), 0.2));
    const scaled = (x: Tensor): Tensor => tf.add(away(x), tf.scalar(3.05));
    for (const [f, input] of [
      [relu, away],
      [relu6, scaled],
    ] as const) {
      const x = tf.variable(random([40]));
      const { grads } = computeGradients(() => tf.sum(tf.mul(f(input(x)), weights)) as Scalar, [x]);
      const inside = tf.tidy(() => {
        const values = input(x);
        const open =
          f === relu ? tf.greater(values, 0) : tf.logicalAnd(tf.greater(values, 0), tf.less(values, 6));
        return tf.add(tf.mul(tf.mul(weights, 3), tf.cast(open, 'float32')), 0).dataSync();
      });
      // Adding 0 makes -0 and 0 one.
      const got = tf.tidy(() => tf.add(grads[0] as Tensor, 0).dataSync());
      assert.deepEqual(Array.from(got), Array.from(inside));
    }
  });

  itGivesTheSameBits('the same step twice gives the same bits', () => {
    const map = tf.variable(random([1, 32, 32, 16]));
    const boxes = Float32Array.from({ length: 400 }, (_, i) =>
      i % 4 < 2 ? rng.uniform(0, 60) : rng.uniform(64, 128),
    );
    const rois = { boxes, imageIndex: new Int32Array(100) };
    const once = (): Float32Array => {
      const { value, grads } = computeGradients(
        () => tf.sum(tf.square(roiAlign([map as unknown as Tensor4D], rois, 7))) as Scalar,
        [map],
      );
      const data = (grads[0] as Tensor).dataSync<'float32'>();
      tf.dispose([value, ...(grads as Tensor[])]);
      return data;
    };
    const first = once();
    for (let i = 0; i < 5; i++) assert.deepEqual(once(), first);
  });
});
