import * as assert from 'node:assert/strict';
import type { Experiment } from '../../src/config/experiment';
import { experimentNames, findExperiment } from '../../src/config/experiments';
import { leafKeys, resolveConfig } from '../../src/config/resolve';
import { defaultConfig } from '../../src/config/schema';
import { afterEpoch, INITIAL_SCHEDULE, learningRate } from '../../src/training/schedule';

const experiment: Experiment = {
  name: 'test',
  claim: '',
  config: { optimizer: { learningRate: 0.1 } },
  variants: { a: {}, b: { training: { batchSize: 3 } } },
};

describe('configuration', () => {
  it('lays preset, experiment, variant and --set over the defaults', () => {
    const config = resolveConfig(experiment, {
      preset: 'smoke',
      variant: 'b',
      set: ['model.rpn.nmsThreshold=0.6'],
    });
    assert.equal(config.model.architecture, 'efficientnet_lite0_fpn');
    assert.equal(config.optimizer.learningRate, 0.1);
    assert.equal(config.training.batchSize, 3);
    assert.equal(config.model.rpn.nmsThreshold, 0.6);
    assert.equal(config.training.steps, 6);
  });

  it('names the key and the nearest one for a setting that does not exist', () => {
    const set = (text: string) => () => resolveConfig(experiment, { preset: 'smoke', set: [text] });
    assert.throws(
      set('optimizer.learningrate=1'),
      /unknown setting "optimizer.learningrate"; did you mean "optimizer.learningRate"/,
    );
    assert.throws(set('training.batchSize=two'), /training.batchSize: .*"two"/);
    assert.throws(set('model.box.nmsThreshold=7'), /model.box.nmsThreshold/);
    assert.throws(set('training.steps'), /expected key=value/);
    assert.throws(set('model.rpn.backgroundIou=0.9'), /over foregroundIou/);
    assert.throws(
      () => resolveConfig(experiment, { preset: 'smoke', variant: 'c' }),
      /unknown variant of test "c"/,
    );
  });

  it("takes the norms' epsilon from the source of the weights", () => {
    // torchvision overwrites the frozen norms' epsilon with 0 for maskrcnn_resnet50_fpn_coco, and for no other file.
    const epsilon = (...set: string[]): number =>
      resolveConfig(experiment, { preset: 'full', set: ['model.architecture=resnet50_fpn', ...set] }).model
        .normEpsilon;
    assert.equal(epsilon('model.weights=coco'), 0);
    assert.equal(epsilon('model.weights=imagenet'), 1e-5);
    assert.equal(epsilon('model.weights=coco', 'model.normEpsilon=0.001'), 0.001);
  });

  it('knows every experiment file, and each resolves in every preset and variant', () => {
    const names = experimentNames();
    assert.ok(names.includes('quickstart'));
    for (const name of names) {
      const loaded = findExperiment(name);
      assert.equal(loaded.name, name);
      for (const preset of ['smoke', 'cpu', 'full'] as const)
        for (const variant of Object.keys(loaded.variants)) resolveConfig(loaded, { preset, variant });
    }
    assert.ok(leafKeys(defaultConfig('resnet18_fpn')).length > 60);
  });
});

describe('schedules', () => {
  const schedule = defaultConfig('resnet18_fpn').schedule;

  it('warms up linearly and steps down at its milestones', () => {
    const steps = { ...schedule, kind: 'steps' as const, warmupSteps: 10, warmupFactor: 0, factor: 0.1 };
    const rate = (step: number): number => learningRate(1, steps, INITIAL_SCHEDULE, step, 100);
    assert.ok(Math.abs(rate(4) - 0.5) < 1e-12);
    assert.deepEqual([rate(10), rate(69)], [1, 1]);
    assert.ok(Math.abs(rate(70) - 0.1) < 1e-12 && Math.abs(rate(90) - 0.01) < 1e-12);
  });

  it("lowers on a plateau as PyTorch's ReduceLROnPlateau", () => {
    // Worked by hand from its source: patience 3 means the fourth bad epoch lowers; epochs before 5 do not count.
    const plateau = { ...schedule, patience: 3, startEpoch: 5, factor: 0.5 };
    let state = INITIAL_SCHEDULE;
    const factors: number[] = [];
    [5, 4, 3, 2, 1, 1, 1, 1, 1, 1, 1].forEach((loss, epoch) => {
      state = afterEpoch(plateau, state, epoch, loss);
      factors.push(state.factor);
    });
    assert.deepEqual(factors, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5]);
  });
});
