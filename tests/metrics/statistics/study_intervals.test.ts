import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { drawTally } from '../../../bench/sequential_error';
import type { Experiment } from '../../../src/config/experiment';
import { createRng } from '../../../src/core/rng';
import { HEADLINE } from '../../../src/metrics/headline';
import { claimDifferences, StudyIntervals } from '../../../src/metrics/statistics/study_intervals';
import type { Tally } from '../../../src/metrics/tally';
import { compareVariants } from '../../../src/studies/comparison';
import { makeRecord, noiseKnownOf, openRecord, writeRecord } from '../../../src/studies/record';
import { dataName, type Study } from '../../../src/studies/study';

const GROUPS = 15;
const groupOf = Array.from({ length: GROUPS }, (_, g) => `slide${g}`);

/** Tallies of variants by seeds on the same groups; the second variant finds more. */
function draw(seeds: readonly number[], better = 0.2, foldOf: readonly number[] | null = null): Tally[][] {
  const rng = createRng('tallies');
  const difficulty = Float64Array.from(groupOf, () => rng.normal(0, 0.1));
  return seeds.map((count, v) =>
    Array.from({ length: count }, (_, s) => drawTally(rng.fork(`${v} ${s}`), difficulty, foldOf, v * better)),
  );
}

describe('intervals of a study', () => {
  it('of one seed a side claim nothing, however far they are from zero, and say that training noise is unknown', () => {
    const study = new StudyIntervals({ groupOf, foldOf: null, tallies: draw([1, 1]) });
    const found = study.difference(0, 1, 'AP50');
    assert.ok((found.low as number) > 0, 'over groups alone it leaves out zero');
    assert.deepEqual([found.trainingNoise, found.p, found.shown], ['unknown', null, false]);
    assert.deepEqual(
      claimDifferences([found]).map(({ shown }) => shown),
      [false],
    );
    assert.equal(study.noise('AP50').source, 'unknown');
  });

  it('take training noise from seeds, from elsewhere, or from folds, and then claim what is there', () => {
    const seeds = new StudyIntervals({ groupOf, foldOf: null, tallies: draw([3, 3]) });
    const noise = seeds.noise('AP50').noise;
    assert.ok(noise);
    // The draws' own: 0.03 of recall between trainings, an AP50 of about two thirds of that; 4 degrees of freedom.
    assert.ok(Math.sqrt(noise.variance) > 0.003 && Math.sqrt(noise.variance) < 0.08, String(noise.variance));
    assert.equal(noise.freedom, 4);
    const stored = new StudyIntervals({
      groupOf,
      foldOf: null,
      tallies: draw([1, 1]),
      noise: { AP50: noise },
    });
    const foldOf = groupOf.map((_, g) => g % 5);
    const folds = new StudyIntervals({ groupOf, foldOf, tallies: draw([1, 1], 0.2, foldOf) });
    for (const [study, source] of [
      [seeds, 'seeds'],
      [stored, 'stored'],
      [folds, 'folds'],
    ] as const) {
      assert.equal(study.noise('AP50').source, source);
      const found = study.difference(0, 1, 'AP50');
      assert.equal(found.trainingNoise, 'included');
      assert.equal(claimDifferences([found])[0].shown, true, `${source}: p ${found.p}`);
    }
    // With its noise in it the interval of one seed a side is never narrower than over groups alone.
    const width = ({ low, high }: { low: number | null; high: number | null }): number =>
      (high as number) - (low as number);
    const alone = new StudyIntervals({ groupOf, foldOf: null, tallies: draw([1, 1]) });
    assert.ok(width(stored.difference(0, 1, 'AP50')) >= width(alone.difference(0, 1, 'AP50')));
  });

  it('lie where the metrics do: 0 to 1, differences -1 to 1', () => {
    for (const better of [0, 0.35]) {
      const study = new StudyIntervals({ groupOf, foldOf: null, tallies: draw([2, 2], better) });
      for (const { key } of HEADLINE) {
        const { low, high } = study.value(1, key, 0.999999);
        assert.ok((low as number) >= 0 && (high as number) <= 1, key);
        const difference = study.difference(0, 1, key, 0.999999);
        assert.ok((difference.low as number) >= -1 && (difference.high as number) <= 1, key);
      }
    }
  });

  it('of one run under two names are nothing wide: nothing could differ', () => {
    const [[tally]] = draw([1]);
    const study = new StudyIntervals({ groupOf, foldOf: null, tallies: [[tally], [tally]] });
    const found = study.difference(0, 1, 'AP50');
    assert.deepEqual([found.value, found.low, found.high, found.trainingNoise], [0, 0, 0, 'none']);
  });

  it('are not made surer by a run that stands under two names', () => {
    const foldOf = groupOf.map((_, g) => g % 5);
    for (const folds of [null, foldOf]) {
      const [a, b, c] = draw([2, 2, 2], 0.2, folds);
      const once = new StudyIntervals({ groupOf, foldOf: folds, tallies: [a, b, c] });
      const twice = new StudyIntervals({ groupOf, foldOf: folds, tallies: [a, b, c, c, b] });
      assert.deepEqual(twice.difference(0, 1, 'AP50'), once.difference(0, 1, 'AP50'));
    }
  });

  it('of four groups are none', () => {
    const few = groupOf.map((_, g) => `slide${g % 4}`);
    const study = new StudyIntervals({ groupOf: few, foldOf: null, tallies: draw([3, 3]) });
    const found = study.difference(0, 1, 'AP50');
    assert.deepEqual([found.groups, found.low, found.p, study.value(0, 'AP50').low], [4, null, null, null]);
  });
});

describe('a recorded study', () => {
  it('names its data by the folder, with the one above where that says nothing', () => {
    assert.deepEqual(['/a/consep/train', '/a/consep/train/', 'slides', '/a/slides'].map(dataName), [
      'consep/train',
      'consep/train',
      'slides',
      'slides',
    ]);
  });

  it('lends its training noise to runs of one seed, of the same preset on the same data', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-studies-'));
    try {
      const images = { ids: groupOf, groupOf, foldOf: null };
      const tallies = draw([3, 3]);
      const variants = ['a', 'b'].map((variant, v) => ({
        variant,
        seeds: [0, 1, 2],
        tallies: tallies[v],
        images,
      }));
      const experiment: Experiment = { name: 'lent', claim: '', config: {}, variants: { a: {}, b: {} } };
      const study: Study = {
        experiment,
        preset: 'cpu',
        data: {
          name: 'slides',
          synthetic: false,
          classes: ['cell'],
          images: 15,
          groups: 15,
          allGroups: 40,
          hash: null,
        },
        folds: null,
        seeds: [0, 1, 2],
        runs: [],
        failures: [],
        variants,
        comparison: compareVariants(variants, experiment, { preset: 'cpu', synthetic: false }),
        evaluations: [],
        knownNoise: null,
        findings: { curves: [], settings: [], thresholds: null, refinement: null },
        recorded: false,
      };
      const cost = { runs: 6, seconds: 60, secondsPerRun: 10 };
      writeRecord('lent', makeRecord(study), cost, folder);
      const own = new StudyIntervals({ groupOf, foldOf: null, tallies });
      const here = { preset: 'cpu', data: '/anywhere/slides' } as const;
      for (const { key } of HEADLINE)
        assert.deepEqual(noiseKnownOf('lent', here, folder)?.[key], own.noise(key).noise, key);
      assert.equal(noiseKnownOf('lent', { ...here, preset: 'full' }, folder), undefined);
      assert.equal(noiseKnownOf('lent', { ...here, data: '/anywhere/others' }, folder), undefined);
      assert.equal(noiseKnownOf('lent', { ...here, folds: 5 }, folder), undefined);
      assert.equal(noiseKnownOf('unknown', here, folder), undefined);
      assert.deepEqual(openRecord(makeRecord(study)).comparison, study.comparison);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});
