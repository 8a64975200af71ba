import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Experiment } from '../../src/config/experiment';
import { compareRuns } from '../../src/evaluation/compare';
import { HEADLINE } from '../../src/metrics/headline';
import type { PairedInterval } from '../../src/metrics/statistics/interval';
import { experimentPage } from '../../src/report/experiment_page';
import { experimentMarkdown } from '../../src/report/experiment_tables';
import { runStudy } from '../../src/studies/run_study';
import { isDecided, type StudySize, verdictOn } from '../../src/studies/verdict';
import { TINY } from '../runs/runs';

const interval = (value: number, low: number, high: number): PairedInterval => ({
  value,
  low,
  high,
  groups: 12,
  method: 't',
  a: 0.4,
  b: 0.4 + value,
  trainingNoise: 'included',
  p: 0.5,
  shown: low > 0 || high < 0,
});

const LARGE: StudySize = { preset: 'cpu', synthetic: false, comparisons: 7 };

describe('verdicts on a claimed difference', () => {
  const cases: [number, PairedInterval, string, RegExp][] = [
    [0.043, interval(0.05, 0.02, 0.08), 'reproduced', /the claimed size lies within/],
    [0.043, interval(0.01, 0.005, 0.02), 'reproduced', /smaller than claimed/],
    [0.043, interval(0.2, 0.1, 0.3), 'reproduced', /larger than claimed/],
    [0.043, interval(0.01, -0.02, 0.05), 'not shown', /holds zero$/],
    [0.043, interval(0, -0.01, 0.01), 'not shown', /leaves out the claimed \+0\.043/],
    [0.043, interval(-0.05, -0.08, -0.02), 'contradicted', /\+0\.043 was claimed/],
    [0, interval(0.001, -0.01, 0.01), 'reproduced', /no change of more than 0.01/],
    [0, interval(0.04, -0.06, 0.14), 'not shown', /holds zero, and changes/],
    [0, interval(0.05, 0.02, 0.08), 'contradicted', /no change was claimed/],
  ];
  for (const [claimed, found, verdict, because] of cases)
    it(`${claimed} claimed, ${found.low} to ${found.high} found: ${verdict}`, () => {
      const classified = verdictOn(claimed, found, LARGE);
      assert.equal(classified.verdict, verdict);
      assert.match(classified.because, because);
    });

  it('are not given where Holm’s correction lets no difference stand', () => {
    const { verdict, because } = verdictOn(0.043, { ...interval(0.05, 0.02, 0.08), shown: false }, LARGE);
    assert.equal(verdict, 'not shown');
    assert.match(because, /leaves out zero, but not after correction for 7 comparisons/);
  });

  const found = interval(0.05, 0.02, 0.08);
  const small: [string, PairedInterval, Partial<StudySize>, RegExp][] = [
    ['synthetic tissue', found, { synthetic: true }, /synthetic tissue/],
    ['the smoke preset', found, { preset: 'smoke' }, /smoke preset/],
    ['four groups', { ...found, groups: 4, low: null, high: null }, {}, /^4 groups: too few groups to tell/],
    [
      'a model that finds next to nothing',
      { ...found, a: 0.04, b: 0.09 },
      {},
      /an AP50 of 0.20 \(0.04 and 0.09\)/,
    ],
    [
      'one seed a side',
      { ...found, trainingNoise: 'unknown', shown: false },
      {},
      /training noise is unknown/,
    ],
  ];
  for (const [what, difference, size, because] of small)
    it(`are not given on ${what}`, () => {
      const classified = verdictOn(0.043, difference, { ...LARGE, ...size });
      assert.equal(classified.verdict, 'too small to tell');
      assert.match(classified.because, because);
    });

  it('are decided where zero or the claimed size is left out', () => {
    assert.equal(isDecided(0.043, found), true);
    assert.equal(isDecided(0.043, interval(0, -0.01, 0.01)), true, 'leaves out the claimed size');
    assert.equal(isDecided(0.043, interval(0.02, -0.01, 0.05)), false);
    assert.equal(isDecided(0, interval(0.001, -0.005, 0.008)), true, 'no change of more than 0.01');
    assert.equal(isDecided(0, interval(0.001, -0.05, 0.08)), false);
    assert.equal(isDecided(0.043, { ...found, shown: false, trainingNoise: 'unknown' }), false);
  });
});

describe('an experiment', function () {
  this.timeout(600_000);
  const runs = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-runs-'));
  before(() => {
    process.env.CYTOBENCH_RUNS = runs;
  });
  after(() => {
    delete process.env.CYTOBENCH_RUNS;
    fs.rmSync(runs, { recursive: true, force: true });
  });

  const experiment: Experiment = {
    name: 'study',
    claim: 'It learns.',
    claims: [
      { variant: 'frozen', difference: -0.1, words: 'frozen is worse' },
      { variant: 'base', step: 'morphology', difference: 0.01, words: 'rounder is better' },
    ],
    sections: ['curves', 'thresholds', 'refinement', 'examples'],
    config: { training: { steps: 2 }, model: { box: { scoreThreshold: 0 } } },
    variants: { base: {}, frozen: { model: { freeze: ['backbone.'] } }, same: {} },
  };
  const set = TINY.filter((text) => !text.startsWith('training.steps'));

  it('interrupted in the middle repeats nothing that was finished, and makes equal runs once', async () => {
    // Once the second run has made a step.
    const second = (): boolean =>
      fs
        .readdirSync(runs)
        .some((name) => /frozen/.test(name) && fs.existsSync(path.join(runs, name, 'metrics.jsonl')));
    const interrupted = () => (second() ? ('SIGTERM' as const) : null);
    assert.equal(await runStudy({ experiment, preset: 'smoke', set, interrupted }), null);
    const first = fs.readdirSync(runs).find((name) => name.startsWith('study-base')) as string;
    const checkpoint = path.join(runs, first, 'checkpoints', 'last.safetensors');
    const made = fs.statSync(checkpoint).mtimeMs;
    const study = await runStudy({ experiment, preset: 'smoke', set });
    assert.ok(study);
    assert.equal(fs.statSync(checkpoint).mtimeMs, made);
    assert.deepEqual(
      study.runs.map(({ variant, steps }) => [variant, steps]),
      [
        ['base', 2],
        ['frozen', 2],
        ['same', 2],
      ],
    );
    assert.equal(study.runs[0].run, study.runs[2].run);
    assert.equal(fs.readdirSync(runs).length, 2);
    const same = study.comparison.rows.find((row) => row.variant === 'same' && row.metric === 'AP50');
    assert.deepEqual([same?.difference?.value, same?.difference?.shown], [0, false]);
    const [claim, step] = study.comparison.claims;
    assert.deepEqual(
      [step.variant, step.against, step.difference.trainingNoise],
      ['morphology', 'base without it', 'none'],
    );
    // frozen and morphology; the variant that is the same run has nothing to compare.
    assert.equal(study.comparison.comparisons, 2);
    assert.deepEqual(
      [claim.verdict, claim.because],
      ['too small to tell', 'synthetic tissue is not the report’s kind of data'],
    );
  });

  it('is told on one page that asks no network', async () => {
    const study = await runStudy({ experiment, preset: 'smoke', set });
    assert.ok(study);
    const page = await experimentPage(study);
    for (const words of [
      'The report: It learns.',
      'Against the report',
      'Thresholds',
      'With and without each step',
    ])
      assert.ok(page.includes(words), words);
    // What scripts hold is text; that a page asks nothing of the network is seen in a browser (report/pages.test.ts).
    const markup = page.replace(/<script>[\s\S]*?<\/script>/g, '');
    assert.doesNotMatch(markup, /(src|href)="(?!data:|#)/);
    assert.ok(page.length < 10e6);
    const tables = experimentMarkdown(study).trim().split('\n\n');
    assert.deepEqual(
      tables.map((text) => text.split('\n').length - 2),
      [3, 2, 4, 10, 3],
      'variants, claims, classes, steps, runs',
    );
    const cells = tables[0].split('\n').flatMap((line) => line.split(' | '));
    assert.ok(cells.filter((cell) => /^\d\.\d{3} \(/.test(cell)).every((cell) => page.includes(cell)));
  });

  it('compares runs: every metric with its interval, and no difference shown between a run and itself', async () => {
    const [run] = fs.readdirSync(runs).map((name) => path.join(runs, name));
    const { metrics, pairs, orders } = await compareRuns([run, run], {});
    assert.equal(metrics.length, 2 * HEADLINE.length);
    // Two slides.
    assert.deepEqual(new Set(pairs.map(({ verdict }) => verdict)), new Set(['too few groups to tell']));
    assert.ok(pairs.every(({ difference, groups }) => (difference ?? 0) === 0 && groups > 0));
    assert.deepEqual(
      orders.map(({ disagree }) => disagree),
      [false],
    );
    await assert.rejects(compareRuns([run], {}), /one run alone/);
  });
});
