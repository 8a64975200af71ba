import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../src/config/experiments';
import { readImage } from '../../src/data/formats/image';
import { writeTiff } from '../../src/data/formats/tiff/write_tiff';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset } from '../../src/data/write_dataset';
import { resumeRun, trainRun } from '../../src/runs/executors/in_process';
import { RunFolder } from '../../src/runs/run_folder';
import { withTemporaryFolder } from '../support';
import { checkpoint, hashOf, TINY } from './runs';

const SET = TINY.filter((text) => !text.startsWith('data.')).concat('model.numClasses=5');
const experiment = findExperiment('quickstart');

/** Eight small images on the disk. */
async function writeData(dir: string): Promise<void> {
  await writeDataset(dir, syntheticDataset({ images: 8, width: 64, height: 64, seed: 1 }));
}

/** Every image of a data set inverted in place. */
async function invert(dir: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const file = path.join(dir, id, 'image.tif');
    const { data, width, height } = await readImage(file);
    writeTiff(
      file,
      data.map((value) => 255 - value),
      { width, height, channels: 3 },
    );
  }
}

/** Where runs are made, for as long as `work` takes. */
async function withRuns<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.CYTOBENCH_RUNS;
  process.env.CYTOBENCH_RUNS = path.join(folder, 'runs');
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.CYTOBENCH_RUNS;
    else process.env.CYTOBENCH_RUNS = before;
  }
}

describe('the identity of a run', function () {
  this.timeout(120_000);

  it('holds the bytes of its images: changed ones make another run, which says what changed', () =>
    withTemporaryFolder((folder) =>
      withRuns(folder, async () => {
        const data = path.join(folder, 'data');
        await writeData(data);
        const said: string[] = [];
        const train = (): ReturnType<typeof trainRun> =>
          trainRun({ experiment, preset: 'smoke', set: SET, data, say: (line) => said.push(line) });
        const first = await train();
        assert.equal((await train()).run, first.run, 'the same data: the same run');
        assert.ok(said.some((line) => line.startsWith('it is complete')));
        const ids = fs.readdirSync(data).filter((name) => name.startsWith('synth_'));
        await invert(data, ids.slice(0, 3));
        said.length = 0;
        const second = await train();
        assert.notEqual(second.run, first.run);
        assert.ok(
          said.some((line) => line.includes(`since then 3 images changed (${ids.slice(0, 3).join(', ')})`)),
          said.join('\n'),
        );
        await assert.rejects(
          trainRun({ experiment, preset: 'smoke', set: SET, data, out: first.run }),
          /holds another run .*3 images changed/,
        );
        await assert.rejects(
          resumeRun(first.run, {}),
          /cannot be continued: since it began 3 images changed/,
        );
      }),
    ));

  it('holds its split: a run of rare classes is continued with the images and weights that it began with', () =>
    withTemporaryFolder(async (folder) => {
      const data = path.join(folder, 'data');
      await writeData(data);
      const ids = fs.readdirSync(data).filter((name) => name.startsWith('synth_'));
      const split = path.join(folder, 'split.json');
      fs.writeFileSync(split, JSON.stringify({ train: ids.slice(0, 3), val: ids.slice(4, 6) }));
      const set = [...SET, 'data.sampling=rareClasses', 'training.emaDecay=0.9'];
      const options = { experiment, preset: 'smoke' as const, set, data, split };
      const whole = await trainRun({ ...options, out: path.join(folder, 'whole') });
      const parts = path.join(folder, 'parts');
      let steps = 0;
      const stopped = await trainRun({
        ...options,
        out: parts,
        interrupted: () => (++steps > 1 ? 'SIGTERM' : null),
      });
      assert.equal(stopped.stopped, 'SIGTERM');
      const ended = await resumeRun(parts, {});
      assert.equal(ended.steps, whole.steps);
      assert.equal(hashOf(checkpoint(parts)), hashOf(checkpoint(whole.run)));
      assert.deepEqual(new RunFolder(parts).describe().split.train, ids.slice(0, 3));
    }));

  it('is found by its bare name, and nothing is written beside the caller for it', () =>
    withTemporaryFolder((folder) =>
      withRuns(folder, async () => {
        const { run } = await trainRun({ experiment, preset: 'smoke', set: TINY });
        const cwd = process.cwd();
        process.chdir(folder);
        try {
          assert.equal(RunFolder.open(path.basename(run)).dir, run);
          // A folder of that name where the caller happens to be is no run.
          fs.mkdirSync(path.basename(run));
          assert.equal(RunFolder.open(path.basename(run)).dir, run);
          assert.throws(() => RunFolder.open(`${path.basename(run)}x`), /did you mean "quickstart-base-s0-/);
        } finally {
          process.chdir(cwd);
        }
      }),
    ));

  it('is looked for in runs alone: a foreign folder is refused and left as it was', () =>
    withTemporaryFolder(async (folder) => {
      for (const name of ['notes.txt', 'config.json']) {
        const out = path.join(folder, name.replace('.', '-'));
        fs.mkdirSync(out);
        fs.writeFileSync(path.join(out, name), '{"mine":true}');
        await assert.rejects(
          trainRun({ experiment, preset: 'smoke', set: TINY, out }),
          /which is not of a run: nothing was written/,
        );
        assert.deepEqual(fs.readdirSync(out), [name]);
        assert.equal(fs.readFileSync(path.join(out, name), 'utf8'), '{"mine":true}');
      }
    }));

  it('holds its weights: others of the same name are another run', () =>
    withTemporaryFolder((folder) =>
      withRuns(folder, async () => {
        const first = await trainRun({ experiment, preset: 'smoke', set: TINY });
        const weights = path.join(folder, 'w.safetensors');
        const use = (): ReturnType<typeof trainRun> =>
          trainRun({ experiment, preset: 'smoke', set: [...TINY, `model.weights=${weights}`] });
        fs.copyFileSync(checkpoint(first.run), weights);
        const one = await use();
        fs.copyFileSync(checkpoint(one.run), weights);
        assert.notEqual((await use()).run, one.run);
      }),
    ));
});
