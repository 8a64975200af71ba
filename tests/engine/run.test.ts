import * as assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { evaluateRun } from '../../src/engine/evaluate';
import { findExperiment } from '../../src/engine/experiments';
import { RunFolder, type StepMetrics } from '../../src/engine/run/run_folder';
import { resumeRun, trainRun } from '../../src/engine/run/train_run';
import { openWeights } from '../../src/weights/open';
import { withTemporaryFolder } from '../support';

const tiny = [
  'data.synthetic.width=96',
  'data.synthetic.height=96',
  'training.steps=4',
  'validation.images=1',
];
const start = (out: string, more: object = {}) =>
  trainRun({ experiment: findExperiment('quickstart'), preset: 'smoke', set: tiny, out, ...more });

/** Hash of every tensor of a checkpoint, optimizer included. */
function hashOf(file: string): string {
  const weights = openWeights(file);
  const hash = createHash('sha256');
  for (const { name } of [...weights.tensors].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(name).update(weights.readBytes(name));
  return hash.digest('hex');
}

const withoutTimes = (run: RunFolder): object[] =>
  run.metrics().map((line) => ({ ...line, seconds: 0, rssMb: 0 }));

describe('a run', function () {
  this.timeout(300_000);

  it('stopped and continued ends in the same bits as one straight through', () =>
    withTemporaryFolder(async (folder) => {
      const [straight, broken] = [path.join(folder, 'a'), path.join(folder, 'b')];
      await start(straight);
      let steps = 0;
      const stopped = await start(broken, { interrupted: () => (++steps === 2 ? 'SIGTERM' : null) });
      assert.deepEqual([stopped.stopped, stopped.steps], ['SIGTERM', 2]);
      const ended = await resumeRun(broken, {});
      assert.deepEqual([ended.stopped, ended.steps], ['complete', 4]);
      const last = (dir: string): string => hashOf(path.join(dir, 'checkpoints', 'last.safetensors'));
      assert.equal(last(broken), last(straight));
      assert.deepEqual(withoutTimes(new RunFolder(broken)), withoutTimes(new RunFolder(straight)));
      const evaluation = await evaluateRun(broken);
      assert.equal(evaluation.predictions.length, evaluation.ids.length);
    }));

  it('[long] keeps its tensors and its memory over 300 steps', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      const set = [
        'training.steps=300',
        'validation.every=0',
        'earlyStopping.patience=null',
        'schedule.kind=constant',
      ];
      await start(dir, { set: [...tiny, ...set] });
      const steps = new RunFolder(dir).metrics().filter((line): line is StepMetrics => line.type === 'step');
      assert.equal(new Set(steps.slice(1).map(({ tensors }) => tensors)).size, 1);
      const [early, late] = [steps[49].rssMb, steps[299].rssMb];
      assert.ok(Math.abs(late / early - 1) <= 0.05, `${early} MB after step 50, ${late} MB after step 300`);
    })).timeout(1_200_000);

  it('uses the checkpoint before when the last one is damaged', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      await start(dir);
      fs.truncateSync(path.join(dir, 'checkpoints', 'last.safetensors'), 1000);
      const ended = await resumeRun(dir, {});
      assert.equal(ended.steps, 4);
    }));
});
