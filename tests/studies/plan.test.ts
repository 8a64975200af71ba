import * as assert from 'node:assert/strict';
import { growingStudy, sequentialError } from '../../bench/sequential_error';
import { drawStudy, layoutOf, type SimulatedDesign } from '../../bench/simulated_studies';
import { createRng } from '../../src/core/rng';
import { crossedDifference, poolTrainingNoise } from '../../src/metrics/statistics/crossed';
import { studentInterval } from '../../src/metrics/statistics/interval';
import { predictHalfWidth, varianceParts } from '../../src/metrics/statistics/variance_parts';
import { percent } from '../../src/report/experiment_tables';
import { chooseVariants, runUntilDecided } from '../../src/studies/until_decided';

const SPREAD = { group: 0.1, variantByGroup: 0.04, training: 0.01, rest: 0.02 };

/** Mean half-width that a design gives in 400 simulated studies. */
function halfWidthOf(design: SimulatedDesign): number {
  const rng = createRng('what came');
  const layout = layoutOf(design);
  let sum = 0;
  for (let i = 0; i < 400; i++) {
    const variants = drawStudy(rng, design);
    const found = crossedDifference(variants[0], variants[1], layout, {
      noise: poolTrainingNoise(variants),
      others: variants,
    });
    assert.ok(found);
    const { low, high } = studentInterval(found, [-1, 1]);
    sum += (high - low) / 2 / 400;
  }
  return sum;
}

const seedsOf = (variants: number, seeds: number): number[] => new Array<number>(variants).fill(seeds);

describe('a level', () => {
  it('is told from 100 %', () => {
    assert.deepEqual([0.95, 0.9993, 1 - 1.17e-5].map(percent), ['95 %', '99.93 %', '99.99883 %']);
  });
});

describe('the planner', () => {
  // From a pilot, what a larger study's half-width will be, against the mean of 400 simulated ones.
  const cases: [string, SimulatedDesign, { groups: number; folds: number | null; seeds: number }][] = [
    [
      'more seeds',
      { groups: 12, folds: 1, seeds: seedsOf(4, 2), spread: SPREAD },
      { groups: 12, folds: null, seeds: 5 },
    ],
    [
      'five folds of all groups',
      { groups: 12, folds: 1, seeds: seedsOf(4, 2), spread: SPREAD },
      { groups: 27, folds: 5, seeds: 1 },
    ],
    [
      'more seeds of five folds',
      { groups: 27, folds: 5, seeds: seedsOf(4, 1), spread: SPREAD },
      { groups: 27, folds: 5, seeds: 3 },
    ],
    [
      'one seed less noise',
      { groups: 20, folds: 1, seeds: [3, 3, 3], spread: { ...SPREAD, training: 0.03 } },
      { groups: 20, folds: null, seeds: 5 },
    ],
    [
      'folds and seeds',
      { groups: 15, folds: 5, seeds: seedsOf(3, 2), spread: SPREAD },
      { groups: 15, folds: 5, seeds: 5 },
    ],
  ];
  for (const [what, pilot, { groups, folds, seeds }] of cases)
    it(`tells the half-width of ${what} within 30 %`, () => {
      const came = halfWidthOf({
        groups,
        folds: folds ?? 1,
        seeds: seedsOf(pilot.seeds.length, seeds),
        spread: pilot.spread,
      });
      const rng = createRng(`pilot ${what}`);
      const layout = layoutOf(pilot);
      const ratios = Array.from({ length: 200 }, () => {
        const variants = drawStudy(rng, pilot);
        const parts = varianceParts(variants[0], variants[1], variants, layout, poolTrainingNoise(variants));
        return (predictHalfWidth(parts, { groups, folds, seeds, variants: variants.length }) ?? 0) / came;
      }).sort((a, b) => a - b);
      const median = ratios[100];
      assert.ok(median > 0.8 && median < 1.25, `${what}: the median prediction is ${median} of what came`);
      const within = ratios.filter((ratio) => ratio > 0.7 && ratio < 1.3).length / 200;
      assert.ok(within >= 0.75, `${what}: ${within} of the predictions are within 30 %`);
    });

  it('knows nothing of training noise from one seed and one split, and says so', () => {
    const variants = drawStudy(createRng(1), { groups: 12, folds: 1, seeds: [1, 1], spread: SPREAD });
    const parts = varianceParts(variants[0], variants[1], variants, layoutOf({ groups: 12, folds: 1 }), null);
    assert.equal(parts.training, null);
    for (const folds of [null, 5])
      assert.equal(predictHalfWidth(parts, { groups: 12, folds, seeds: 3, variants: 2 }), null);
  });
});

describe('a study that goes on until it is decided', () => {
  it('chooses what narrows most for its time, as long as time is left', () => {
    const claims = [
      { sides: ['base', 'a'], narrows: 0.05 },
      { sides: ['base', 'b'], narrows: 0.2 },
      { sides: ['base', 'c'], narrows: 0.1 },
    ];
    // 10 s a seed: 35 s are three of them, base and b first; then c lacks one alone.
    assert.deepEqual([...chooseVariants(claims, 10, 35)].sort(), ['b', 'base', 'c']);
    assert.deepEqual([...chooseVariants(claims, 10, 19)], []);
  });

  it('ends when all is decided, and adds no seed to what was decided before', async () => {
    const { names, growing } = growingStudy(createRng('decided'), {
      groups: 20,
      folds: 5,
      better: [0, 0.25, 0.02],
    });
    const done = await runUntilDecided(growing, {
      variants: names,
      seeds: [0],
      budget: 1e9,
      elapsed: () => 0,
    });
    assert.ok(done);
    const first = done.looks.find(({ decided }) => decided.includes('v1 against v0'));
    assert.ok(first, 'a difference of 0.25 is found');
    const last = done.looks[done.looks.length - 1];
    assert.deepEqual(last.seedsOf.v1, first.seedsOf.v1);
    assert.ok(last.seedsOf.v2.length >= last.seedsOf.v1.length);
    assert.equal(done.stopped, last.decided.length === 2 ? 'decided' : 'looks');
  });

  it('ends when the budget is spent or it is interrupted', async () => {
    const { names, growing } = growingStudy(createRng('budget'), { groups: 8, folds: null, better: [0, 0] });
    const options = { variants: names, seeds: [0], elapsed: () => 0 };
    const spent = await runUntilDecided(growing, { ...options, budget: 1.5 });
    assert.deepEqual([spent?.stopped, spent?.looks.length], ['budget', 1]);
    assert.equal(
      await runUntilDecided({ ...growing, run: async () => null }, { ...options, budget: 9 }),
      null,
    );
  });

  it('ends when a run has failed, or when no seed would narrow what is left', async () => {
    const { names, growing } = growingStudy(createRng('failed'), { groups: 8, folds: null, better: [0, 0] });
    const options = { variants: names, seeds: [0], budget: 1e9, elapsed: () => 0 };
    const run = async (...args: Parameters<typeof growing.run>) => ({
      ...(await growing.run(...args)),
      failed: true,
    });
    assert.equal((await runUntilDecided({ ...growing, run }, options))?.stopped, 'failed');
    const about = async (...args: Parameters<typeof growing.run>) => {
      const { study, comparison } = await growing.run(...args);
      const claims = comparison.claims.map((claim) => ({
        ...claim,
        variant: 'morphology',
        against: 'v0 without it',
      }));
      return { study, comparison: { ...comparison, claims } };
    };
    assert.equal((await runUntilDecided({ ...growing, run: about }, options))?.stopped, 'exhausted');
    const small = async (...args: Parameters<typeof growing.run>) => {
      const { study, comparison } = await growing.run(...args);
      const claims = comparison.claims.map((claim) => ({
        ...claim,
        verdict: 'too small to tell' as const,
        difference: { ...claim.difference, trainingNoise: 'included' as const },
      }));
      return { study, comparison: { ...comparison, claims } };
    };
    const done = await runUntilDecided({ ...growing, run: small }, options);
    assert.deepEqual([done?.stopped, done?.looks.length, done?.looks[0].decided], ['exhausted', 1, []]);
  });

  it('claims what is not there in at most 5 % of 60 studies', async function () {
    this.timeout(120_000);
    const { claimed } = await sequentialError(60, { groups: 10, folds: 5, variants: 3 }, 2);
    assert.ok(claimed <= 0.05, String(claimed));
  });

  it('[long] claims what is not there in at most 5 % of 1,000 studies', async function () {
    this.timeout(900_000);
    for (const folds of [null, 5]) {
      const { claimed } = await sequentialError(1000, { groups: 15, folds, variants: 4 }, 3);
      assert.ok(claimed <= 0.05, `${folds} folds: ${claimed}`);
    }
  });
});
