import * as assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Experiment } from '../../src/config/experiment';
import { findExperiment } from '../../src/config/experiments';
import { createRng } from '../../src/core/rng';
import { experimentPage } from '../../src/report/experiment_page';
import { experimentMarkdown } from '../../src/report/experiment_tables';
import type { JobProgress } from '../../src/runs/executors/executor';
import { startRun } from '../../src/runs/executors/executors';
import { RunFolder } from '../../src/runs/run_folder';
import { costOf, makeRecord, openRecord, readCosts, readRecord, writeRecord } from '../../src/studies/record';
import { runStudy } from '../../src/studies/run_study';
import { secondsUntilDone, trainSideBySide } from '../../src/studies/side_by_side';
import type { Study } from '../../src/studies/study';
import { MAIN, TINY } from '../runs/runs';
import { itGivesTheSameBits } from '../same_bits';

/** Twenty images of five slides. */
const SET = [
  ...TINY.filter((text) => !/^(training\.steps|data\.synthetic)/.test(text)),
  'data.synthetic={"images":20,"width":64,"height":64,"seed":1}',
  'training.steps=2',
  'model.box.scoreThreshold=0',
];

const EXPERIMENT: Experiment = {
  name: 'folded',
  claim: 'It learns.',
  claims: [{ variant: 'frozen', difference: -0.1, words: 'frozen is worse' }],
  sections: ['curves', 'thresholds', 'refinement'],
  config: {},
  variants: { base: {}, frozen: { model: { freeze: ['backbone.'] } } },
};

/** A folder of runs of its own while `work` runs. */
async function withRuns<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-runs-'));
  const before = process.env.CYTOBENCH_RUNS;
  process.env.CYTOBENCH_RUNS = folder;
  try {
    return await work(folder);
  } finally {
    if (before === undefined) delete process.env.CYTOBENCH_RUNS;
    else process.env.CYTOBENCH_RUNS = before;
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

describe('a cross-validated study', function () {
  this.timeout(600_000);
  const runs = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-runs-'));
  let study: Study;
  before(async () => {
    process.env.CYTOBENCH_RUNS = runs;
    study = (await runStudy({ experiment: EXPERIMENT, preset: 'smoke', set: SET, folds: 2 })) as Study;
  });
  after(() => {
    delete process.env.CYTOBENCH_RUNS;
    fs.rmSync(runs, { recursive: true, force: true });
  });

  it('scores each image once, by a model that has seen no image of its group, in the same folds for every variant', () => {
    const splits = new Map<string, string[]>();
    for (const variant of ['base', 'frozen']) {
      const own = study.runs.filter((run) => run.variant === variant);
      assert.equal(own.length, 2);
      const described = own.map(({ run }) => new RunFolder(run).describe().split);
      assert.deepEqual(
        described.flatMap(({ val }) => val).sort(),
        Array.from({ length: 20 }, (_, i) => `synth_${String(i).padStart(4, '0')}`),
      );
      const { ids, groupOf } = study.variants[0].images;
      const group = (id: string): string => groupOf[ids.indexOf(id)];
      for (const { train, val } of described) {
        const seen = new Set(train.map(group));
        assert.ok(val.every((id) => !seen.has(group(id))));
        assert.equal(train.length + val.length, 20);
      }
      splits.set(
        variant,
        described.map(({ val }) => val.join()),
      );
    }
    assert.deepEqual(splits.get('base'), splits.get('frozen'));
    assert.deepEqual([study.folds, study.data.images, study.comparison.groups], [2, 20, 5]);
    assert.equal(study.comparison.noise.source, 'folds');
  });

  it('is recorded whole: from the record alone come the same figures, to the last digit', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-studies-'));
    try {
      const file = writeRecord('folded', makeRecord(study), costOf(study.runs), folder);
      assert.ok(fs.statSync(file).size < 1e6);
      const text = fs.readFileSync(file, 'utf8');
      assert.ok(!text.includes(runs) && !text.includes(os.homedir()), 'no path of this machine');
      const again = openRecord(readRecord('folded', folder));
      assert.deepEqual(again.comparison, study.comparison);
      assert.deepEqual(again.seeds, [0]);
      const cost = readCosts(folder).folded;
      assert.equal(cost.runs, 4);
      assert.ok(cost.seconds > 0 && cost.seconds < 100);
      // The tables but that of the runs, whose times are not in the record.
      const [first, second] = [experimentMarkdown(study), experimentMarkdown(again)];
      assert.deepEqual(second.split('\n\n').slice(0, -1), first.split('\n\n').slice(0, -1));
      const page = await experimentPage(again);
      for (const words of [
        'The recorded study.',
        'each scored by the one of 2 models',
        'Thresholds',
        'With and without',
      ])
        assert.ok(page.includes(words), words);
      assert.throws(
        () => readRecord('foldde', folder),
        /no study "foldde" is recorded; did you mean "folded"/,
      );
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('takes no split beside its folds, and no variant that keeps no image back', async () => {
    const options = { experiment: EXPERIMENT, preset: 'smoke', set: SET } as const;
    await assert.rejects(
      runStudy({ ...options, folds: 2, split: 'split.json' }),
      /--folds makes its own splits/,
    );
    await assert.rejects(runStudy({ ...options, folds: 9 }), /9 folds need as many groups, there are 5/);
    const seen = [...SET, 'validation.on=train'];
    await assert.rejects(runStudy({ ...options, set: seen, folds: 2 }), /keeps no image back/);
  });
});

describe('runs side by side', function () {
  // Forty starts of a study: half an hour on two cores with nothing else to do.
  this.timeout(5_400_000);

  it('are told apart where one fails, and the others end', () =>
    withRuns(async () => {
      const experiment = findExperiment('augmentation');
      const said: string[] = [];
      const tables: (readonly JobProgress[])[] = [];
      const train = trainSideBySide({
        jobs: 2,
        onProgress: (jobs) => tables.push(jobs),
        start: (options) =>
          options.experiment === 'augmentation:basic'
            ? Promise.reject(new Error('no luck'))
            : startRun(options),
      });
      const variants = ['none', 'basic'];
      const study = await runStudy({
        experiment,
        preset: 'smoke',
        variants,
        set: SET,
        train,
        say: (line) => said.push(line),
      });
      assert.deepEqual(
        study?.failures.map(({ variant, message }) => [variant, message]),
        [['basic', 'no luck']],
      );
      assert.deepEqual(
        study?.variants.map(({ variant }) => variant),
        ['none'],
      );
      assert.ok(said.some((line) => /^failed: basic, seed 0: no luck/.test(line)));
      assert.deepEqual(
        tables.at(-1)?.map(({ state }) => state),
        ['done', 'failed'],
      );
    }));

  it('say how long all will take', () => {
    const job = (state: JobProgress['state'], seconds: number, secondsLeft: number | null): JobProgress => ({
      name: '',
      state,
      seconds,
      secondsLeft,
      steps: 0,
      totalSteps: null,
    });
    // By hand: one done in 100 s, one with 40 s to go, three waiting of 100 s each: 340 s on two at a time.
    const waiting = job('waiting', 0, null);
    assert.equal(
      secondsUntilDone([job('done', 100, null), job('running', 60, 40), waiting, waiting, waiting], 2),
      170,
    );
    assert.equal(secondsUntilDone([waiting, waiting], 2), null);
  });

  /** `cytobench experiment` with five folds in a folder of runs; ended after `after` ms where given. */
  const command = (folder: string, out: string, jobs: number, after?: number): Promise<number | null> =>
    new Promise((resolve) => {
      const set = SET.flatMap((text) => ['--set', text]);
      const child = spawn(
        process.execPath,
        [
          MAIN,
          'experiment',
          'augmentation',
          '--preset',
          'smoke',
          '--folds',
          '2',
          '--variants',
          'none,full',
          '--jobs',
          String(jobs),
          '--out',
          out,
          ...set,
        ],
        { stdio: 'ignore', env: { ...process.env, CYTOBENCH_RUNS: folder } },
      );
      const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), after);
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve(code);
      });
    });

  itGivesTheSameBits(
    '[long] interrupted at 20 moments give the same file as never, one or two at a time',
    () =>
      withRuns(async (folder) => {
        const text = (out: string): string => fs.readFileSync(out.replace('.html', '.json'), 'utf8');
        const whole = path.join(folder, 'whole.html');
        const began = performance.now();
        assert.equal(await command(path.join(folder, 'whole'), whole, 2), 0);
        const took = performance.now() - began;
        const rng = createRng('moments');
        for (let moment = 0; moment < 20; moment++) {
          const runsOf = path.join(folder, `runs-${moment}`);
          const out = path.join(folder, `study-${moment}.html`);
          const jobs = 1 + (moment % 2);
          const code = await command(runsOf, out, jobs, rng.uniform(0.05, 0.95) * took);
          assert.ok(code === 143 || code === 0 || code === null, `moment ${moment}: ${code}`);
          assert.equal(await command(runsOf, out, 3 - jobs), 0);
          assert.equal(text(out), text(whole), `moment ${moment}`);
          fs.rmSync(runsOf, { recursive: true, force: true });
        }
      }),
  );
});
