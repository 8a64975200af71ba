import * as assert from 'node:assert/strict';
import type { Parameter } from '../../src/nn/parameters';
import { tf } from '../../src/runtime/tf';
import { AdamW, learningRateMultiplier, Sgd } from '../../src/training/optimizers';
import { WeightAverage } from '../../src/training/weight_average';

function parameter(values: readonly number[]): Parameter {
  const variable = tf.variable(tf.tensor1d([...values]));
  return {
    name: 'w',
    torchShape: [values.length],
    layout: 'vector',
    variable,
    buffer: false,
    trainable: true,
  };
}

const near = (found: ArrayLike<number>, wanted: readonly number[]): void =>
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(found[i] - value) < 1e-6, `${found[i]} and ${value}`);
  });

describe('optimizers', () => {
  it('SGD with momentum and decay, two steps by hand', () => {
    const w = parameter([1, -2]);
    const sgd = new Sgd([w], { momentum: 0.9, weightDecay: 0.1 });
    const options = { rate: () => 0.5, scale: 1, done: 0 };
    const gradient = tf.tensor1d([0.2, 0.4]);
    // v = g + 0.1 w = [0.3, 0.2]; w = w - 0.5 v = [0.85, -2.1]
    sgd.step([gradient], options);
    near(w.variable.dataSync(), [0.85, -2.1]);
    // Without a gradient momentum and decay go on: v = 0.9 v + 0.1 w = [0.355, -0.03]; w = [0.6725, -2.085]
    sgd.step([null], options);
    near(w.variable.dataSync(), [0.6725, -2.085]);
    sgd.buffers.dispose();
    tf.dispose([w.variable, gradient]);
  });

  it('AdamW, two steps by hand', () => {
    const w = parameter([1]);
    const adamw = new AdamW([w], { beta1: 0.9, beta2: 0.99, epsilon: 0, weightDecay: 0.1 });
    const gradient = tf.tensor1d([2]);
    // First step: m / (1 - b1) = g, sqrt(v / (1 - b2)) = |g|: w = 1 (1 - 0.01) - 0.1 = 0.89
    adamw.step([gradient], { rate: () => 0.1, scale: 1, done: 0 });
    near(w.variable.dataSync(), [0.89]);
    // Second, gradient scaled to 1: m = 0.9 * 0.2 + 0.1 = 0.28, over 0.19; v = 0.99 * 0.04 + 0.01 = 0.0496, over 0.0199.
    const wanted = 0.89 * 0.99 - (0.1 * (0.28 / 0.19)) / Math.sqrt(0.0496 / 0.0199);
    adamw.step([gradient], { rate: () => 0.1, scale: 0.5, done: 1 });
    near(w.variable.dataSync(), [wanted]);
    adamw.buffers.dispose();
    tf.dispose([w.variable, gradient]);
  });

  it('averages weights, and gives them back after their use', async () => {
    const w = parameter([0]);
    const average = new WeightAverage([w], 0.5);
    const set = (value: number): void => w.variable.assign(tf.tensor1d([value]));
    set(1);
    // The decay begins at min(0.5, 1 / 10): 0.1 * 0 + 0.9 * 1
    average.update(0);
    set(2);
    // min(0.5, 2 / 11) = 0.1818: 0.1818 * 0.9 + 0.8182 * 2 = 1.8
    average.update(1);
    await average.during(async () => near(w.variable.dataSync(), [1.8]));
    near(w.variable.dataSync(), [2]);
    await assert.rejects(average.during(async () => Promise.reject(new Error('x'))));
    near(w.variable.dataSync(), [2]);
    average.dispose();
    w.variable.dispose();
  });

  it('the longest prefix gives a parameter its rate', () => {
    const section = { learningRateMultipliers: { backbone: 0.1, 'backbone.fpn': 2 } } as never;
    assert.deepEqual(
      ['backbone.fpn.x', 'backbone.body.y', 'rpn.z'].map((name) => learningRateMultiplier(section, name)),
      [2, 0.1, 1],
    );
  });
});
