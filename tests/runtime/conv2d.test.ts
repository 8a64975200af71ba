import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import { applyChain, Conv as ConvLayer, type NormMode } from '../../src/nn/conv';
import { kaimingNormal } from '../../src/nn/init';
import { affine } from '../../src/nn/linear';
import { ParameterStore } from '../../src/nn/parameters';
import { computeGradients } from '../../src/runtime/gradients';
import { hasKernels } from '../../src/runtime/kernels';
import { isBfloat16Pairs, reshapeValues } from '../../src/runtime/ops/bfloat16_pairs';
import { type FusedConvSpec, fusedConv } from '../../src/runtime/ops/conv2d';
import { fusedNorm, fusedSgd } from '../../src/runtime/ops/sgd';
import { type Precision, withPrecision } from '../../src/runtime/precision';
import {
  type Scalar,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  tf,
  type Variable,
} from '../../src/runtime/tf';

const rng = createRng('fused');
const random = (shape: number[]): Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.uniform(-1, 1)),
    shape,
  );

type Conv = (x: Tensor4D, filter: Tensor4D, bias: Tensor1D) => Tensor4D;

/** The same from TensorFlow's own ops: what runs where there are no kernels. */
const plain =
  ({ stride, padding, depthwise, activation }: FusedConvSpec, size: number): Conv =>
  (x, filter, bias) => {
    const side = (size - 1) / 2;
    const input = padding === 'same' ? x : (tf.pad(x, [[0, 0], [side, side], [side, side], [0, 0]]) as Tensor4D); // biome-ignore format: one line
    const pad = padding === 'same' ? 'same' : 'valid';
    const y = depthwise
      ? tf.depthwiseConv2d(input, filter, stride, pad)
      : tf.conv2d(input, filter, stride, pad);
    const z = tf.add(y, bias) as Tensor4D;
    return activation === 'none' ? z : activation === 'relu' ? tf.relu(z) : tf.relu6(z);
  };

/** conv, and the three gradients of sum(conv * weights). */
function outcome(conv: Conv, inputs: readonly Variable[], weights: Tensor): Float32Array[] {
  const [x, filter, bias] = inputs as unknown as [Tensor4D, Tensor4D, Tensor1D];
  const { value, grads } = computeGradients(
    () => tf.sum(tf.mul(conv(x, filter, bias), weights)) as Scalar,
    inputs,
  );
  value.dispose();
  const tensors = [tf.tidy(() => conv(x, filter, bias)), ...(grads as Tensor[])];
  const values = tensors.map((tensor) => tensor.dataSync<'float32'>());
  tf.dispose(tensors);
  return values;
}

/** The norm of the difference, as a share of the norm. */
function difference(a: Float32Array, b: Float32Array): number {
  let [apart, whole] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    apart += (a[i] - b[i]) ** 2;
    whole += b[i] ** 2;
  }
  return Math.sqrt(apart / whole);
}

/** float32 sums in another order; bfloat16 has 8 bits of fraction. */
const TOLERANCE: Record<Precision, number> = { float32: 1e-6, bfloat16: 5e-3 };

describe('the kernels of this repository', () => {
  before(function () {
    if (!hasKernels()) this.skip();
  });

  for (const precision of ['float32', 'bfloat16'] as const)
    for (const [size, stride, padding, depthwise, activation] of [
      [3, 1, 'symmetric', false, 'relu'],
      [1, 1, 'same', false, 'none'],
      [3, 2, 'symmetric', false, 'none'],
      [1, 2, 'symmetric', false, 'relu'],
      [7, 2, 'symmetric', false, 'relu'],
      [3, 2, 'same', false, 'relu6'],
      [5, 2, 'same', true, 'relu6'],
      [3, 1, 'same', true, 'none'],
    ] as const) {
      const kind = `${depthwise ? 'depthwise ' : ''}${size} x ${size}, stride ${stride}, ${padding}, ${activation}, ${precision}`;
      it(`convolve as TensorFlow's ops do: ${kind}`, () => {
        const spec: FusedConvSpec = { stride, padding, depthwise, activation, inputGradient: true };
        const count = tf.memory().numTensors;
        // 32 channels fill the vectors of the depthwise kernel, 20 do not.
        const channels = depthwise && size === 5 ? 32 : 20;
        const outputs = depthwise ? channels : 24;
        const shapes = [[2, 13, 10, channels], [size, size, channels, depthwise ? 1 : outputs], [outputs]];
        const inputs = shapes.map((shape) => tf.tidy(() => tf.variable(random(shape))));
        const conv: Conv = (x, filter, bias) => fusedConv(x, filter, bias, spec);
        const [x, filter, bias] = inputs as unknown as [Tensor4D, Tensor4D, Tensor1D];
        const weights = tf.tidy(() => random(plain(spec, size)(x, filter, bias).shape));
        const ours = withPrecision(precision, () => outcome(conv, inputs, weights));
        const theirs = outcome(plain(spec, size), inputs, weights);
        ours.forEach((values, i) => {
          // Rounded, a value near an activation's corner falls on its other side, and its gradient with it.
          if (precision === 'bfloat16' && activation !== 'none' && i > 0) return;
          const apart = difference(values, theirs[i]);
          const what = ['value', 'to the input', 'to the filter', 'to the bias'][i];
          assert.ok(apart <= TOLERANCE[precision], `${what}: ${apart}`);
        });
        tf.dispose([...inputs, weights]);
        assert.equal(tf.memory().numTensors, count);
      });
    }

  // A packed value is what the next product would round: every bit stays. A live norm sees rounded values too, as under
  // PyTorch's autocast.
  for (const mode of ['frozen', 'live'] as const satisfies readonly NormMode[])
    it(`hand on values in bfloat16 between convolutions: ${mode} norms`, () => {
      const count = tf.memory().numTensors;
      const store = new ParameterStore(createRng(`packed-${mode}`));
      const convs = [1, 3, 1].map((size, i) => {
        const norm = { mode, epsilon: 1e-3, name: `norm${i}` };
        const [name, activation] = [`conv${i}`, 'relu' as const];
        return new ConvLayer(store, {
          name,
          inputs: 8,
          outputs: 8,
          size,
          norm,
          activation,
          init: kaimingNormal,
        });
      });
      const [x, weights] = [random([2, 9, 7, 8]) as Tensor4D, random([2, 9, 7, 8])];
      const variables = convs.map(({ weight }) => weight.variable);
      const run = (apply: () => Tensor4D): Float32Array[] => {
        const y = tf.tidy(apply);
        const { value, grads } = computeGradients(
          () => tf.sum(tf.mul(apply(), weights)) as Scalar,
          variables,
        );
        const tensors = [y, ...(grads as Tensor[])];
        const values = tensors.map((tensor) => tensor.dataSync<'float32'>());
        tf.dispose([value, ...tensors]);
        return values;
      };
      const training = { training: true };
      const packed = withPrecision('bfloat16', () => run(() => applyChain(convs, x, training)));
      const oneByOne = (): Tensor4D => convs.reduce((y, conv) => conv.apply(y, training), x);
      assert.deepEqual(
        packed,
        withPrecision('bfloat16', () => run(oneByOne)),
      );
      const apart = difference(packed[0], run(oneByOne)[0]);
      assert.ok(apart > 0 && apart <= 2 * TOLERANCE.bfloat16, `against float32: ${apart}`);
      tf.dispose([x, weights]);
      store.dispose();
      assert.equal(tf.memory().numTensors, count);
    });

  it('hand on values in bfloat16 between matrix products, in another shape', () => {
    const count = tf.memory().numTensors;
    const shapes = [[5, 6], [6, 16], [16], [4, 2], [2]];
    const variables = shapes.map((shape) => tf.tidy(() => tf.variable(random(shape))));
    const [x, first, shift, second, bias] = variables as unknown as Tensor2D[];
    const weights = random([20, 2]);
    const run = (packed: boolean): Float32Array[] => {
      const { value, grads } = computeGradients(() => {
        const y = affine(x, first, shift as unknown as Tensor1D, 'relu', packed);
        assert.equal(isBfloat16Pairs(y), packed);
        const rows = reshapeValues<Tensor2D>(y, [20, 4]);
        return tf.sum(tf.mul(affine(rows, second, bias as unknown as Tensor1D, 'none'), weights)) as Scalar;
      }, variables);
      const tensors = [value, ...(grads as Tensor[])];
      const values = tensors.map((tensor) => tensor.dataSync<'float32'>());
      tf.dispose(tensors);
      return values;
    };
    const [packed, plainly] = withPrecision('bfloat16', () => [run(true), run(false)]);
    assert.deepEqual(packed, plainly);
    tf.dispose([...variables, weights]);
    assert.equal(tf.memory().numTensors, count);
  });

  it('fold a frozen norm into the convolution, and train its filter', () => {
    const filter = tf.tidy(() => tf.variable(random([3, 3, 4, 5])));
    const [x, weights] = [random([1, 6, 6, 4]) as Tensor4D, random([1, 6, 6, 5])];
    const [gamma, beta, mean] = [random([5]), random([5]), random([5])] as Tensor1D[];
    const variance = tf.tensor1d([0.5, 1, 1.5, 2, 0.1]);
    const spec = { stride: 1, padding: 'same', depthwise: false, activation: 'none', inputGradient: false } as const; // biome-ignore format: one line
    const norm = { gamma, beta, mean, variance, epsilon: 1e-3 };
    const run = (conv: (w: Tensor4D) => Tensor): Float32Array[] => {
      const { value, grads } = computeGradients(
        () => tf.sum(tf.mul(conv(filter as unknown as Tensor4D), weights)) as Scalar,
        [filter],
      );
      const values = [value, grads[0] as Tensor].map((tensor) => tensor.dataSync<'float32'>());
      tf.dispose([value, grads[0] as Tensor]);
      return values;
    };
    const ours = run((w) => fusedConv(x, w, norm, spec));
    const theirs = run((w) =>
      tf.add(
        tf.mul(tf.div(tf.sub(tf.conv2d(x, w, 1, 'same'), mean), tf.sqrt(tf.add(variance, 1e-3))), gamma),
        beta,
      ),
    );
    assert.ok(ours.every((values, i) => difference(values, theirs[i]) < 1e-6));
    tf.dispose([filter, x, weights, gamma, beta, mean, variance]);
  });

  it('take a step of SGD in place, without touching a clone made before', () => {
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, -2])));
    const clone = variable.clone();
    const [gradient, velocity] = [tf.tensor1d([0.5, 1]), tf.tensor1d([2, 0])];
    fusedSgd([variable], [gradient], [velocity], { momentum: 0.9, weightDecay: 0.1, scale: 2, rates: [0.5] });
    // v = 0.9 v + (2 g + 0.1 p) = 1.8 + 1.1, 0 + 1.8; p - 0.5 v.
    const near = (tensor: Tensor, wanted: number[]): void =>
      assert.ok(tensor.dataSync<'float32'>().every((value, i) => Math.abs(value - wanted[i]) < 1e-6));
    near(velocity, [2.9, 1.8]);
    near(variable as unknown as Tensor, [-0.45, -2.9]);
    near(clone, [1, -2]);
    // sqrt(0.25 + 1 + 8.41 + 3.24)
    assert.ok(Math.abs(fusedNorm([gradient, velocity]) - Math.sqrt(12.9)) < 1e-6);
    tf.dispose([variable, clone, gradient, velocity]);
  });
});
