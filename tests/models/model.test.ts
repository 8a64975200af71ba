import * as assert from 'node:assert/strict';
import { networkOf } from '../../src/config/schema';
import { createRng } from '../../src/core/rng';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { sampleRandom } from '../../src/models/sampler';
import { totalLoss } from '../../src/nn/losses';
import { generateImage, generateTargets } from '../../src/parity/generate';
import { computeGradients } from '../../src/runtime/gradients';
import { hasKernels } from '../../src/runtime/kernels';
import { type Scalar, type Tensor, tf } from '../../src/runtime/tf';
import { gradientNorm, Sgd } from '../../src/training/optimizers';

const sample = (name: string, height: number, width: number, cells: number) => ({
  height,
  width,
  image: generateImage(name, height, width),
  ...generateTargets(`${name}:cells`, height, width, cells),
});

describe('Mask R-CNN', () => {
  let model: MaskRcnn;
  before(() => {
    model = new MaskRcnn(networkOf('efficientnet_lite0_fpn'), 1);
  });
  after(() => model.dispose());

  /** One step's gradients: each finite, and the number of tensors as before. */
  const trainable = (batch: ReturnType<typeof sample>[]): void => {
    const before = tf.memory().numTensors;
    const { value, grads } = computeGradients(
      () =>
        tf.addN(
          Object.values(model.losses(batch, { training: true, sampler: sampleRandom(createRng(1)) })),
        ) as Scalar,
      model.parameters.trainable().map(({ variable }) => variable),
    );
    assert.ok(Number.isFinite(value.dataSync()[0]) && Number.isFinite(gradientNorm(grads)));
    tf.dispose([value, ...grads.filter((gradient): gradient is Tensor => gradient !== null)]);
    assert.equal(tf.memory().numTensors, before);
  };

  for (const [height, width] of [
    [203, 171],
    [333, 160],
    [64, 500],
  ])
    it(`trains and predicts on ${height} x ${width}`, () => {
      const image = sample('odd', height, width, 6);
      trainable([image]);
      const [found] = model.detect([image]);
      assert.equal(found.masks.length, found.labels.length);
      for (const mask of found.masks) assert.deepEqual([...mask.size], [height, width]);
    });

  it('takes images of different sizes in one batch', () => {
    const batch = [sample('a', 96, 130, 4), sample('b', 60, 80, 3)];
    trainable(batch);
    assert.deepEqual(
      model.detect(batch).map(({ height, width }) => [height, width]),
      [
        [96, 130],
        [60, 80],
      ],
    );
  });

  it('keeps its precision beside a model of another', function () {
    if (!hasKernels()) this.skip();
    const image = sample('beside', 96, 96, 5);
    const other = new MaskRcnn(networkOf('efficientnet_lite0_fpn'), 1, 'bfloat16');
    const before = model.evaluateLosses([image]);
    const rounded = other.evaluateLosses([image]);
    assert.deepEqual(model.evaluateLosses([image]), before);
    assert.notDeepEqual(rounded, before);
    other.dispose();
  });

  it('an image without cells gives finite losses, box and mask terms of zero', () => {
    const losses = model.evaluateLosses([sample('empty', 96, 96, 0)]);
    assert.ok(Object.values(losses).every(Number.isFinite));
    trainable([sample('empty', 96, 96, 0)]);
    assert.deepEqual([losses.loss_box_reg, losses.loss_mask, losses.loss_rpn_box_reg], [0, 0, 0]);
  });

  it('an image with 500 cells trains and predicts', () => {
    trainable([sample('crowd', 256, 256, 500)]);
    model.detect([sample('crowd', 256, 256, 500)]);
  });

  it('keeps the number of tensors from step to step, and lowers the loss', () => {
    const own = new MaskRcnn(networkOf('efficientnet_lite0_fpn'), 2);
    const parameters = own.parameters.trainable();
    const optimizer = new Sgd(parameters, { momentum: 0.9, weightDecay: 0 });
    const batch = [sample('fixed', 64, 64, 4)];
    const counts: number[] = [];
    const totals: number[] = [];
    for (let step = 0; step < 8; step++) {
      const { value, grads } = computeGradients(
        () => {
          const terms = own.losses(batch, { training: true, sampler: sampleRandom(createRng('same')) });
          return totalLoss(terms);
        },
        parameters.map(({ variable }) => variable),
      );
      totals.push(value.dataSync()[0]);
      optimizer.step(grads, { rate: () => 0.002, scale: 1, done: step });
      tf.dispose([value, ...grads.filter((gradient): gradient is Tensor => gradient !== null)]);
      counts.push(tf.memory().numTensors);
    }
    assert.equal(new Set(counts.slice(1)).size, 1, `tensors: ${counts.join(' ')}`);
    assert.ok(totals[7] < totals[0], `losses: ${totals.join(' ')}`);
    optimizer.buffers.dispose();
    own.dispose();
  });
});
