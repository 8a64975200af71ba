import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRng } from '../../src/core/rng';
import { evaluateRun } from '../../src/evaluation/evaluate';
import type { AppliedSettings } from '../../src/runs/applied';
import { resumeRun } from '../../src/runs/executors/in_process';
import { RunFolder } from '../../src/runs/run_folder';
import { stepsOf } from '../../src/training/metrics_log';
import { itGivesTheSameBits } from '../same_bits';
import { withTemporaryFolder } from '../support';
import {
  checkpoint,
  ended,
  hashOf,
  MAIN,
  spawnResume,
  spawnTiny,
  trainTiny,
  withoutTimes,
  writeSplitData,
} from './runs';

const LONG = [
  'training.steps=400',
  'validation.every=0',
  'earlyStopping.patience=null',
  'schedule.kind=constant',
];
const epochs = ['training.steps=null', 'training.epochs=6', 'earlyStopping.patience=null'];

describe('a run', function () {
  this.timeout(600_000);

  itGivesTheSameBits('stopped and continued ends in the same bits as one straight through', () =>
    withTemporaryFolder(async (folder) => {
      const [straight, broken] = [path.join(folder, 'a'), path.join(folder, 'b')];
      await trainTiny(straight);
      let steps = 0;
      const stopped = await trainTiny(broken, { interrupted: () => (++steps === 2 ? 'SIGTERM' : null) });
      assert.deepEqual([stopped.stopped, stopped.steps], ['SIGTERM', 2]);
      const continued = await resumeRun(broken, {});
      assert.deepEqual([continued.stopped, continued.steps], ['complete', 4]);
      assert.equal(hashOf(checkpoint(broken)), hashOf(checkpoint(straight)));
      assert.deepEqual(withoutTimes(broken), withoutTimes(straight));
      const evaluation = await evaluateRun(broken);
      assert.equal(evaluation.predictions.length, evaluation.ids.length);
    }),
  );

  const killed =
    (kills: number, sums: readonly string[], withSplit = false) =>
    () =>
      withTemporaryFolder(async (folder) => {
        const [straight, broken] = [path.join(folder, 'a'), path.join(folder, 'b')];
        const given = withSplit ? await writeSplitData(folder) : undefined;
        const more = given ? ['--data', given.data, '--split', given.split] : [];
        await trainTiny(straight, { set: [...epochs, ...sums], ...given });
        const rng = createRng(`kill-${kills}`);
        const next = `${checkpoint(broken)}.next`;
        let writing = 0;
        for (let kill = 0; kill < kills; kill++) {
          // With a split every second start is `train --resume`, which is given neither data nor split.
          const resumes = given && kill % 2 === 1 && fs.existsSync(path.join(broken, 'config.json'));
          const set = [...epochs, ...sums, 'training.checkpointMinutes=0.0001'];
          const child = resumes ? spawnResume(broken) : spawnTiny(broken, set, {}, more);
          const end = ended(child);
          // Every third waits for a checkpoint to be under way, which ends most of them within it.
          const delay = kill % 3 === 2 ? 0 : rng.uniform(300, 3000);
          await new Promise((resolve) => setTimeout(resolve, delay));
          if (delay === 0) await untilWriting(path.dirname(next), child);
          child.kill('SIGKILL');
          await end;
          if (fs.existsSync(path.dirname(next)))
            writing += Number(fs.readdirSync(path.dirname(next)).some((name) => /\.next|\.tmp$/.test(name)));
        }
        const last = await ended(spawnTiny(broken, [...epochs, ...sums], {}, more));
        assert.equal(last.code, 0, last.said);
        assert.ok(writing > 0, 'no kill hit a checkpoint being written');
        assert.equal(hashOf(checkpoint(broken)), hashOf(checkpoint(straight)));
        assert.deepEqual(withoutTimes(broken), withoutTimes(straight));
      });
  itGivesTheSameBits('killed with kill -9 at 3 moments ends in the same bits', killed(3, []));
  itGivesTheSameBits(
    '[long] killed with kill -9 at 20 moments ends in the same bits',
    killed(20, ['training.epochs=8']),
  );
  itGivesTheSameBits(
    '[long] killed at 20 moments with a split, rare classes and an average of the weights: the same bits',
    killed(20, ['training.epochs=8', 'data.sampling=rareClasses', 'training.emaDecay=0.9'], true),
  );

  it('uses the checkpoint before when the last one is cut or a bit of it is flipped', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      await trainTiny(dir, { interrupted: afterSteps(dir, 3) });
      const sound = fs.readFileSync(checkpoint(dir));
      for (const damage of ['cut', 'flipped']) {
        const bytes = Buffer.from(sound);
        bytes[bytes.length - 1000] ^= 1;
        fs.writeFileSync(checkpoint(dir), damage === 'cut' ? sound.subarray(0, 1000) : bytes);
        const said: string[] = [];
        const result = await resumeRun(dir, {
          say: (line) => said.push(line),
          interrupted: afterSteps(dir, 3),
        });
        assert.match(said.join('\n'), /the checkpoint before it is used/, damage);
        assert.equal(result.steps, 3, damage);
      }
      assert.equal((await resumeRun(dir, {})).steps, 4);
    }));

  it('reads back what is applied, and refuses to start where that is something else', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      await trainTiny(dir, {
        set: ['normalisation.times=2', 'model.anchors.sizes=[[4],[8],[16],[32],[64]]'],
      });
      const { settings } = JSON.parse(
        fs.readFileSync(path.join(dir, 'applied.json'), 'utf8'),
      ) as AppliedSettings;
      const applied = (key: string) => settings.find((setting) => setting.key === key)?.applied;
      assert.equal(applied('normalisation.times'), 2);
      assert.deepEqual(applied('model.anchors.sizes'), [[4], [8], [16], [32], [64]]);
      assert.ok(settings.every(({ ok }) => ok));
      const other = trainTiny(path.join(folder, 'none'), { set: ['model.freeze=["bakbone."]'] });
      await assert.rejects(other, /model.freeze: \["bakbone\."\] was requested, \[\] is applied/);
      for (const name of ['config', 'environment', 'provenance'])
        assert.ok(fs.existsSync(path.join(dir, `${name}.json`)), name);
    }));

  for (const precision of ['bfloat16', 'tf32'])
    it(`refuses products in ${precision} where nothing here computes them`, () =>
      withTemporaryFolder(async (folder) => {
        const without = { CYTOBENCH_KERNELS: '0', CYTOBENCH_DEVICE: 'cpu' };
        const { code, said } = await ended(
          spawnTiny(path.join(folder, 'run'), [`runtime.precision=${precision}`], without),
        );
        assert.equal(code, 1);
        assert.ok(
          said.includes(`runtime.precision: "${precision}" was requested, "float32" is applied`),
          said,
        );
      }));

  it('refuses a GPU that is not there, and says what to do', () =>
    withTemporaryFolder(async (folder) => {
      const nowhere = { CYTOBENCH_DEVICE: 'gpu', CUDA_VISIBLE_DEVICES: '-1' };
      const { code, said } = await ended(spawnTiny(path.join(folder, 'run'), [], nowhere));
      assert.equal(code, 1);
      assert.match(said, /the native runtime finds no GPU[\s\S]*CYTOBENCH_DEVICE=gpu npm run setup/);
    }));

  it('says that it is complete when it is asked for again, and refuses a folder of another run', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      const first = await trainTiny(dir);
      const before = fs.statSync(checkpoint(dir)).mtimeMs;
      assert.deepEqual(await trainTiny(dir), first);
      assert.equal(fs.statSync(checkpoint(dir)).mtimeMs, before);
      await assert.rejects(trainTiny(dir, { set: ['seed=3'] }), /holds another run/);
    }));

  it('ends in order by SIGTERM and SIGINT, and a second process on it is refused', () =>
    withTemporaryFolder(async (folder) => {
      for (const [signal, code] of [
        ['SIGTERM', 143],
        ['SIGINT', 130],
      ] as const) {
        const dir = path.join(folder, signal);
        const child = spawnTiny(dir, LONG);
        const end = ended(child);
        await untilSteps(dir, child);
        const second = await ended(spawnTiny(dir, LONG));
        assert.equal(second.code, 1);
        assert.match(second.said, /another process trains this run \(pid \d+/);
        const running = JSON.parse(
          spawnSync(process.execPath, [MAIN, 'runs', folder, '--json']).stdout.toString(),
        );
        assert.equal(running.runs.find((run: { run: string }) => run.run === dir).state, 'running');
        if (signal === 'SIGTERM') {
          const stopped = spawnSync(process.execPath, [MAIN, 'stop', dir, '--json']).stdout.toString();
          assert.equal(JSON.parse(stopped).stopped, true);
        } else child.kill(signal);
        assert.equal((await end).code, code);
        assert.ok(fs.existsSync(checkpoint(dir)));
        assert.ok(!fs.existsSync(path.join(dir, 'lock.json')));
      }
    }));

  itGivesTheSameBits('leaves hashes of weights and statistics, and its loss, unchanged by validation', () =>
    withTemporaryFolder(async (folder) => {
      const live = ['model.norm=live', 'training.steps=2'];
      const [plain, validated, moved] = ['a', 'b', 'c'].map((name) => path.join(folder, name));
      await trainTiny(plain, {
        set: [...live, 'validation.every=0', 'earlyStopping.patience=null', 'schedule.kind=constant'],
      });
      await trainTiny(validated, { set: [...live, 'schedule.kind=constant'] });
      assert.equal(hashOf(checkpoint(validated)), hashOf(checkpoint(plain)));
      // What the report's code did: the same validation moves the statistics.
      await trainTiny(moved, { set: [...live, 'schedule.kind=constant', 'validation.mode=training'] });
      assert.notEqual(hashOf(checkpoint(moved)), hashOf(checkpoint(plain)));
      const loss = (dir: string) => new RunFolder(dir).metrics().filter(({ type }) => type === 'epoch');
      const again = path.join(folder, 'd');
      await trainTiny(again, { set: [...live, 'schedule.kind=constant'] });
      assert.deepEqual(
        loss(again).map((line) => ({ ...line, seconds: 0 })),
        loss(validated).map((line) => ({ ...line, seconds: 0 })),
      );
    }),
  );

  itGivesTheSameBits('is the same with 0 and 2 workers, which are there', () =>
    withTemporaryFolder(async (folder) => {
      const [none, two] = ['0', '2'].map((name) => path.join(folder, name));
      await trainTiny(none, { set: ['training.workers=0'] });
      await trainTiny(two, { set: ['training.workers=2'] });
      const { settings } = JSON.parse(
        fs.readFileSync(path.join(two, 'applied.json'), 'utf8'),
      ) as AppliedSettings;
      assert.equal(settings.find(({ key }) => key === 'training.workers')?.applied, 2);
      assert.equal(hashOf(checkpoint(two)), hashOf(checkpoint(none)));
      assert.deepEqual(withoutTimes(two), withoutTimes(none));
    }),
  );

  it('writes a checkpoint within an epoch', () =>
    withTemporaryFolder(async (folder) => {
      const saved = async (minutes: number): Promise<boolean> => {
        const dir = path.join(folder, String(minutes));
        let within = false;
        const interrupted = () => {
          within ||= fs.existsSync(checkpoint(dir));
          return null;
        };
        const set = ['training.batchSize=1', 'training.steps=3', `training.checkpointMinutes=${minutes}`];
        await trainTiny(dir, { set, interrupted });
        return within;
      };
      assert.deepEqual([await saved(0.00001), await saved(60)], [true, false]);
    }));

  for (const steps of [300, 500])
    it(`[long] keeps its tensors and its memory over ${steps} steps`, () =>
      withTemporaryFolder(async (folder) => {
        const dir = path.join(folder, 'run');
        const set = ['validation.every=0', 'earlyStopping.patience=null', 'schedule.kind=constant'];
        await trainTiny(dir, { set: [...set, `training.steps=${steps}`, 'training.batchSize=1'] });
        const lines = stepsOf(new RunFolder(dir).metrics());
        assert.equal(new Set(lines.slice(1).map(({ tensors }) => tensors)).size, 1);
        const [early, late] = [lines[49].rssMb, lines[steps - 1].rssMb];
        assert.ok(Math.abs(late / early - 1) <= 0.05, `${early} MB after step 50, ${late} MB at the end`);
      })).timeout(1_200_000);
});

/** Interrupts once so many steps are done. */
function afterSteps(dir: string, count: number): () => 'SIGTERM' | null {
  const steps = (): number => new RunFolder(dir).metrics().filter(({ type }) => type === 'step').length;
  return () => (steps() >= count ? 'SIGTERM' : null);
}

async function untilSteps(dir: string, child: { exitCode: number | null }): Promise<void> {
  while (!fs.existsSync(path.join(dir, 'metrics.jsonl')) && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 50));
}

async function untilWriting(folder: string, child: { exitCode: number | null }): Promise<void> {
  const writing = (): boolean =>
    fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.endsWith('.tmp'));
  while (!writing() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
}
