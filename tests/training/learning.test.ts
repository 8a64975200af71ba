import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../src/config/experiments';
import { evaluateRun } from '../../src/evaluation/evaluate';
import type { AppliedSettings } from '../../src/runs/applied';
import { attachRun } from '../../src/runs/executors/child_process';
import { startRun } from '../../src/runs/executors/executors';
import { trainRun } from '../../src/runs/executors/in_process';
import { RunFolder } from '../../src/runs/run_folder';
import { epochsOf, stepsOf } from '../../src/training/metrics_log';
import { withTemporaryFolder } from '../support';

describe('learning', function () {
  this.timeout(2_400_000);

  for (const [variant, least] of [
    ['light', 0.95],
    ['resnet18', 0.8],
  ] as const)
    it(`[long] ${variant} learns eight images by heart: AP50 on them at least ${least}`, () =>
      withTemporaryFolder(async (folder) => {
        const out = path.join(folder, 'run');
        const experiment = findExperiment('overfit');
        // Validated once, at the end; the run's own validations are for its curve.
        const set = ['validation.every=0'];
        const { steps } = await trainRun({ experiment, variant, preset: 'cpu', set, out });
        const { config, split } = new RunFolder(out).describe();
        assert.ok(steps <= 800);
        assert.deepEqual([config.optimizer.kind, config.optimizer.momentum], ['sgd', 0.9]);
        assert.equal(config.schedule.kind, 'constant');
        assert.deepEqual(split.train, split.val);
        const { segm, ids } = await evaluateRun(out, { part: 'train' });
        process.stderr.write(
          `      ${variant}: AP50 ${segm.AP50.toFixed(3)} on ${ids.length} images, rate ${config.optimizer.learningRate}\n`,
        );
        assert.ok(segm.AP50 >= least, `AP50 ${segm.AP50}`);
      }));

  for (const model of ['efficientnet_lite0_fpn', 'resnet18_fpn', 'resnet50_fpn', 'resnet50_fpn_v2'])
    it(`[long] ${model}: time and memory are as estimated, within a quarter`, () =>
      withTemporaryFolder(async (folder) => {
        const out = path.join(folder, 'run');
        // In a process of its own: the peak of memory is that of a process.
        const run = await startRun({
          experiment: 'quickstart',
          preset: 'cpu',
          out,
          set: [
            `model.architecture=${model}`,
            'model.weights=none',
            'model.image.resize=never',
            'data.synthetic={"images":24,"width":256,"height":256,"seed":1}',
            'data.dir=null',
            'augmentation.crop=null',
            'training.steps=24',
            'schedule.warmupSteps=4',
            'validation.every=1',
            'validation.images=3',
          ],
        });
        await run.finished();
        const { estimate } = JSON.parse(
          fs.readFileSync(path.join(out, 'applied.json'), 'utf8'),
        ) as AppliedSettings;
        const lines = attachRun(out).metrics();
        const steps = stepsOf(lines);
        const epochs = epochsOf(lines);
        // An epoch's seconds hold its steps and its validation.
        const taken = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
        const peak = Math.max(...steps.map(({ rssMb }) => rssMb));
        process.stderr.write(
          `      ${model}: estimated ${estimate.seconds.toFixed(0)} s, ${estimate.memoryMb} MB; taken ${taken.toFixed(0)} s, ${peak} MB\n`,
        );
        // As every time, held only where nothing else runs.
        if (process.env.CYTOBENCH_TIMES)
          assert.ok(Math.abs(estimate.seconds / taken - 1) <= 0.25, `${estimate.seconds} s, ${taken} s`);
        assert.ok(Math.abs(estimate.memoryMb / peak - 1) <= 0.25, `${estimate.memoryMb} MB, ${peak} MB`);
      }));
});
