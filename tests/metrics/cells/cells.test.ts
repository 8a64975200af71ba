import assert from 'node:assert/strict';
import { createRng } from '../../../src/core/rng';
import type { Instances } from '../../../src/geometry/instances';
import { type Rle, rleToCropMask } from '../../../src/geometry/rle';
import { countCells } from '../../../src/metrics/cells/counts';
import { assignPairs, matchCells } from '../../../src/metrics/cells/match';
import { type CellSummary, evaluateCells, summarizeCells } from '../../../src/metrics/cells/summary';
import {
  detectionsOf,
  type EvaluationImage,
  groundTruthFromInstances,
  groundTruthImage,
} from '../../../src/metrics/evaluation_image';
import { cellStatistics } from '../../../src/metrics/statistics/statistics';
import { holdTime } from '../../support';
import { instancesOf, near, rectangle } from '../helpers';

const NONE = instancesOf([], [], [], [20, 20]);

/** One image, classes 1 and 2. */
function score(groundTruth: Instances, found: Instances, scoreThreshold?: number): CellSummary {
  return evaluateCells([groundTruthFromInstances('a', groundTruth)], [found], { classes: 2, scoreThreshold });
}

// Every number here is by hand, in pixels of rectangles x, y, width, height.
describe('cell metrics', () => {
  const a = rectangle([0, 0, 4, 4]);
  const b = rectangle([10, 10, 4, 4]);

  it('everything right: all 1', () => {
    const summary = score(instancesOf([a, b], [1, 2]), instancesOf([a, b], [1, 2], [0.9, 0.6]));
    for (const key of [
      'pq',
      'dq',
      'sq',
      'aji',
      'ajiPlus',
      'f1',
      'dice',
      'binaryPerImage',
      'pqMonusac',
    ] as const)
      near(summary[key], 1, key);
    near(summary.binary.pq, 1);
  });

  it('everything wrong: all 0', () => {
    const summary = score(instancesOf([a]), instancesOf([b]));
    for (const key of ['pq', 'dq', 'sq', 'aji', 'ajiPlus', 'f1', 'dice'] as const) near(summary[key], 0, key);
    assert.deepEqual([summary.f1At[0].tp, summary.f1At[0].fp, summary.f1At[0].fn], [0, 1, 1]);
  });

  it('the right place, the wrong class: nothing by class, everything without', () => {
    const summary = score(instancesOf([a], [1]), instancesOf([a], [2]));
    near(summary.pq, 0);
    near(summary.f1, 0);
    near(summary.binary.pq, 1);
    near(summary.aji, 1);
  });

  it('one cell split into equal halves', () => {
    // IoU of each half is 8/16: not over 0.5 for PQ, at 0.5 for F1 one of them counts.
    const halves = [rectangle([0, 0, 2, 4]), rectangle([2, 0, 2, 4])];
    const summary = score(instancesOf([a]), instancesOf(halves));
    near(summary.pq, 0);
    near(summary.f1, 1 / (1 + 0.5));
    near(summary.f1At[1].f1, 0);
    // One half is used: 8 shared, 16 joined; the other adds 8 below.
    near(summary.aji, 8 / 24);
    near(summary.dice, 1);
  });

  it('one cell split into 3/4 and 1/4', () => {
    const summary = score(instancesOf([a]), instancesOf([rectangle([0, 0, 3, 4]), rectangle([3, 0, 1, 4])]));
    near(summary.sq, 12 / 16);
    near(summary.dq, 1 / 1.5);
    near(summary.pq, 0.5);
    near(summary.aji, 12 / (16 + 4));
  });

  it('two cells merged', () => {
    // True cells of 16 and 8 pixels side by side, one detection over both: IoU 16/24 and 8/24.
    const groundTruth = instancesOf([a, rectangle([4, 0, 2, 4])]);
    const summary = score(groundTruth, instancesOf([rectangle([0, 0, 6, 4])]));
    near(summary.sq, 2 / 3);
    near(summary.dq, 1 / 1.5);
    near(summary.pq, 4 / 9);
    // Kumar's AJI lets the detection serve both: (16 + 8) / (24 + 24); one to one: 16 / (24 + 8).
    near(summary.aji, 24 / 48);
    near(summary.ajiPlus, 16 / 32);
  });

  it('shifted by half', () => {
    // 8 shared, 24 joined.
    const summary = score(instancesOf([a]), instancesOf([rectangle([2, 0, 4, 4])]));
    near(summary.pq, 0);
    near(summary.aji, 8 / 24);
    near(summary.dice, 16 / 32);
    near(summary.f1, 0);
  });

  it('shifted by a quarter', () => {
    // 12 shared, 20 joined: IoU 0.6.
    const summary = score(instancesOf([a]), instancesOf([rectangle([1, 0, 4, 4])]));
    near(summary.pq, 0.6);
    assert.deepEqual(
      summary.f1At.map(({ f1 }) => f1),
      [1, 1, 0, 0, 0],
    );
  });

  it('empty ground truth: false positives count against it', () => {
    const summary = score(NONE, instancesOf([a]));
    near(summary.pq, 0);
    near(summary.f1, 0);
    near(summary.aji, 0);
    near(summary.dice, 0);
    assert.equal(summary.f1At[0].recall, null);
    assert.equal(summary.pqMonusac, null);
  });

  it('empty prediction: misses count against it', () => {
    const summary = score(instancesOf([a]), NONE);
    near(summary.pq, 0);
    near(summary.aji, 0);
    assert.equal(summary.f1At[0].precision, null);
    assert.equal(summary.f1At[0].fn, 1);
  });

  it('neither: nothing to tell', () => {
    const summary = score(NONE, NONE);
    for (const key of ['pq', 'aji', 'f1', 'dice'] as const) assert.equal(summary[key], null, key);
    assert.equal(evaluateCells([], [], { classes: 2 }).pq, null);
  });

  it('overlapping predictions: shared pixels go to the higher score', () => {
    // 4 x 4 at 0 and 4 x 4 at 2: the lower one keeps 8 of its pixels, which are all of ground truth 2.
    const groundTruth = instancesOf([a, rectangle([4, 0, 2, 4])]);
    const both = [rectangle([2, 0, 4, 4]), a];
    near(score(groundTruth, instancesOf(both, [1, 1], [0.6, 0.9])).pq, 1);
    // The other way around: 16 and 8 pixels, IoU 8/16 with ground truth 1 and 8/16 with ground truth 2.
    near(score(groundTruth, instancesOf(both, [1, 1], [0.9, 0.6])).pq, 0);
    // Equal scores: the first given lies on top.
    near(score(groundTruth, instancesOf(both, [1, 1], [0.7, 0.7])).pq, 0);
  });

  it('a duplicate that is covered altogether is not there', () => {
    const summary = score(instancesOf([a]), instancesOf([a, a], [1, 1], [0.9, 0.8]));
    near(summary.pq, 1);
    assert.equal(summary.f1At[0].fp, 0);
  });

  it('detections under the score threshold are not there, at it they are', () => {
    const found = instancesOf([a, b], [1, 1], [0.5, 0.25]);
    near(score(instancesOf([a]), found).f1, 1);
    near(score(instancesOf([a]), found, 0.25).f1, 1 / 1.5);
    const perClass = matchCells(
      groundTruthFromInstances('x', NONE),
      detectionsOf(instancesOf([a, b], [1, 2], [0.5, 0.5])),
      [0.6, 0.4],
    );
    assert.deepEqual([...perClass.labels], [2]);
  });

  it('ignored regions are neither target nor error', () => {
    const groundTruth = (ignore: readonly Rle[]): EvaluationImage =>
      groundTruthImage(
        {
          id: 'a',
          height: 20,
          width: 20,
          labels: Int32Array.of(1),
          masks: [rleToCropMask(a)],
          ignore: ignore.map(rleToCropMask),
        },
        2,
      );
    const found = instancesOf([a, b], [1, 2]);
    const wrong = evaluateCells([groundTruth([])], [found], { classes: 2 });
    near(wrong.pq, 0.5);
    const ignored = evaluateCells([groundTruth([rectangle([9, 9, 6, 6])])], [found], { classes: 2 });
    near(ignored.pq, 1);
    near(ignored.aji, 1);
    // A quarter of the wrong detection outside the region is forgiven, exactly half of it is not.
    near(evaluateCells([groundTruth([rectangle([11, 9, 6, 6])])], [found], { classes: 2 }).f1, 1);
    near(evaluateCells([groundTruth([rectangle([12, 9, 6, 6])])], [found], { classes: 2 }).f1, 1 / 1.5);
    // A region that covers the ground truth itself changes nothing.
    near(evaluateCells([groundTruth([a])], [instancesOf([a])], { classes: 2 }).pq, 1);
  });

  it('pools PQ over images, and counts false positives where the class is missing', () => {
    const groundTruths = [
      groundTruthFromInstances('1', instancesOf([a])),
      groundTruthFromInstances('2', instancesOf([b], [2])),
    ];
    const found = [instancesOf([a]), instancesOf([a, b], [1, 2])];
    const summary = evaluateCells(groundTruths, found, { classes: 2 });
    // Class 1: one right, one wrong: 1 / 1.5; class 2: 1.
    near(summary.perClass[0].pq, 2 / 3);
    near(summary.pq, 5 / 6);
    // MoNuSAC's sees no false positive on image 2; the mean over images halves it there.
    near(summary.pqMonusac, 1);
    near(summary.pqPerImage, (1 + (0 + 1) / 2) / 2);
    // All as one: 2 right, 1 wrong.
    near(summary.binary.pq, 2 / 2.5);
    near(summary.binaryPerImage, (1 + 1 / 1.5) / 2);
  });

  it('weighs images: a weight of 2 is the image twice', () => {
    const groundTruths = [
      groundTruthFromInstances('1', instancesOf([a])),
      groundTruthFromInstances('2', instancesOf([b], [2])),
    ];
    const found = [instancesOf([a, b]), instancesOf([rectangle([10, 11, 4, 4])], [2])];
    const counts = groundTruths.map((groundTruth, i) =>
      countCells(matchCells(groundTruth, detectionsOf(found[i])), 2),
    );
    assert.deepEqual(summarizeCells(counts, [2, 1]), summarizeCells([counts[0], counts[0], counts[1]]));
    assert.deepEqual(summarizeCells(counts, [0, 1]).aji, summarizeCells([counts[1]]).aji);
    const keys = ['pq', 'dq', 'sq', 'aji', 'ajiPlus', 'f1', 'dice'] as const;
    const summary = summarizeCells(counts, [2, 1]);
    const weights = Float64Array.of(2, 1);
    assert.deepEqual(
      cellStatistics(counts, keys)(weights),
      keys.map((key) => summary[key]),
    );
    assert.deepEqual(cellStatistics(counts, ['binaryPq'])(weights), [summary.binary.pq]);
    const { pq, f1 } = summary.perClass[1];
    assert.deepEqual(cellStatistics(counts, ['pq', 'f1'], 1)(weights), [pq, f1]);
  });

  it('leaves nothing behind from one image to the next', () => {
    const first = score(instancesOf([a, b]), instancesOf([a, rectangle([1, 1, 9, 9])]));
    score(instancesOf([rectangle([0, 0, 20, 20])]), instancesOf([rectangle([3, 3, 15, 15])]));
    assert.deepEqual(score(instancesOf([a, b]), instancesOf([a, rectangle([1, 1, 9, 9])])), first);
  });

  it('refuses masks of another size', () => {
    assert.throws(
      () => score(instancesOf([a]), instancesOf([rectangle([0, 0, 2, 2], 10, 40)])),
      /expected masks of 20 x 20, got 10 x 40/,
    );
  });

  it('takes under a second for 2500 x 2500 pixels and 1,000 cells', () => {
    const rng = createRng(1);
    const cells = Array.from({ length: 1000 }, (_, i) =>
      rectangle(
        [(i % 32) * 78 + rng.integer(0, 20), Math.floor(i / 32) * 78 + rng.integer(0, 20), 50, 55],
        2500,
        2500,
      ),
    );
    const groundTruth = groundTruthFromInstances('large', instancesOf(cells));
    const found = instancesOf(cells);
    const start = performance.now();
    const summary = evaluateCells([groundTruth], [found], { classes: 4 });
    holdTime('cell metrics of 1,000 cells', start, 1);
    near(summary.pq, 1);
  });
});

describe('assignPairs', () => {
  it('finds the best of all one-to-one choices', () => {
    const rng = createRng(9);
    for (let trial = 0; trial < 200; trial++) {
      const [n, m] = [rng.integer(1, 6), rng.integer(1, 6)];
      const edges = Array.from({ length: n * m }, (_, i) => ({
        groundTruth: Math.floor(i / m),
        detection: i % m,
        weight: rng.uniform(0.01, 1),
      })).filter(() => rng.chance(0.6));
      const chosen = assignPairs(edges, ({ weight }) => weight);
      assert.equal(new Set(chosen.map(({ groundTruth }) => groundTruth)).size, chosen.length);
      assert.equal(new Set(chosen.map(({ detection }) => detection)).size, chosen.length);
      near(
        chosen.reduce((sum, { weight }) => sum + weight, 0),
        bruteForce(edges),
        `trial ${trial}`,
      );
    }
  });
});

/** The greatest weight of any one-to-one choice, by trying all. */
function bruteForce(edges: readonly { groundTruth: number; detection: number; weight: number }[]): number {
  const [first, ...rest] = edges;
  if (!first) return 0;
  const without = bruteForce(rest);
  const free = rest.filter(
    ({ groundTruth, detection }) => groundTruth !== first.groundTruth && detection !== first.detection,
  );
  return Math.max(without, first.weight + bruteForce(free));
}
