// By hand, in pixels of rectangles x, y, width, height. True cells: two of class 1, two of class 2, apart from each other.

import assert from 'node:assert/strict';
import { createRng } from '../../../src/core/rng';
import type { Instances } from '../../../src/geometry/instances';
import { rankImages, recallByCrowding, recallBySize } from '../../../src/metrics/analysis/breakdown';
import { countClasses } from '../../../src/metrics/analysis/counting';
import { analyzeErrors, classifyDetections, confusionMatrix } from '../../../src/metrics/analysis/errors';
import { sweepThresholds, thresholdGrid } from '../../../src/metrics/analysis/threshold_sweep';
import { countCells } from '../../../src/metrics/cells/counts';
import { matchCells } from '../../../src/metrics/cells/match';
import { evaluateCells } from '../../../src/metrics/cells/summary';
import { evaluateCoco } from '../../../src/metrics/coco/evaluate';
import {
  detectionsOf,
  type EvaluationImage,
  groundTruthFromInstances,
} from '../../../src/metrics/evaluation_image';
import { instancesOf, near, rectangle } from '../helpers';

const TRUTH = [
  rectangle([0, 0, 4, 4]),
  rectangle([0, 8, 4, 4]),
  rectangle([8, 0, 4, 4]),
  rectangle([8, 8, 4, 4]),
];
const LABELS = [1, 1, 2, 2];
const groundTruth = groundTruthFromInstances('a', instancesOf(TRUTH, LABELS));
/** One of each kind, the highest score first. */
const FOUND = instancesOf(
  [
    TRUTH[0], // right
    rectangle([0, 0, 4, 5]), // duplicate: IoU 16/20 with ground truth 0, which is taken
    TRUTH[2], // of class 2, called 1
    rectangle([0, 10, 4, 4]), // poor: IoU 8/24 with ground truth 1
    rectangle([16, 16, 3, 3]), // background
    rectangle([8, 10, 4, 4]), // called 1, and IoU 8/24 with ground truth 3 of class 2
  ],
  [1, 1, 1, 1, 1, 1],
  [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
);

describe('judgeImage', () => {
  it('tells every kind of error', () => {
    const { detections, unmatched, missed } = classifyDetections(groundTruth, detectionsOf(FOUND));
    assert.deepEqual(
      detections.map(({ kind, groundTruth: row }) => [kind, row]),
      [
        ['right', 0],
        ['duplicate', 0],
        ['wrongClass', 2],
        ['poorMask', 1],
        ['background', -1],
        ['wrongClassAndMask', 3],
      ],
    );
    assert.deepEqual(unmatched, [1, 2, 3]);
    // True cells 1 and 2 are explained by a poor mask and a wrong class.
    assert.deepEqual(missed, [3]);
  });

  it('ignores what is in crowds', () => {
    const crowd = { ...groundTruth, crowd: Uint8Array.of(0, 0, 0, 1), labels: Int32Array.of(1, 1, 2, 1) };
    const found = detectionsOf(instancesOf([TRUTH[3]], [1]));
    assert.equal(classifyDetections(crowd, found).detections[0].kind, 'ignored');
  });
});

describe('analyzeErrors', () => {
  const options = { classes: 2 };
  const errors = analyzeErrors([groundTruth], [detectionsOf(FOUND)], options);
  const gain = (kind: string): number | null => errors.kinds.find((one) => one.kind === kind)?.gain ?? null;

  it('starts from the AP50 of the evaluation', () => {
    const { AP50 } = evaluateCoco([groundTruth], [FOUND], options);
    near(errors.AP50, AP50);
    // By hand: class 1 finds one of two true cells first (51 of 101 recalls at precision 1), class 2 none.
    near(errors.AP50, 51 / 101 / 2);
  });

  it('gives what each kind would gain', () => {
    // A wrong class put right: class 2 finds one of two true cells, and class 1 has one false positive less (after its
    // only true one: no gain there).
    near(gain('wrongClass'), 51 / 101 / 2);
    // A poor mask put right: 50 more recalls at precision 2/4.
    near(gain('poorMask'), (50 / 101) * (2 / 4) * 0.5);
    // Removed after the last true positive: nothing.
    for (const kind of ['duplicate', 'background', 'wrongClassAndMask']) near(gain(kind), 0, kind);
    // Without ground truth 3, class 2 has one ground truth, still not found.
    near(gain('missed'), 0);
    assert.deepEqual(
      errors.kinds.map(({ count }) => count),
      [1, 1, 1, 1, 1, 1],
    );
  });

  it('finds nothing wrong with perfect predictions, and nothing to say without ground truth', () => {
    const perfect = instancesOf(TRUTH, LABELS);
    const none = analyzeErrors([groundTruth], [detectionsOf(perfect)], options);
    assert(none.kinds.every(({ count, gain: value }) => count === 0 && Math.abs(value ?? 1) < 1e-12));
    const empty = groundTruthFromInstances('b', instancesOf([], [], [], [20, 20]));
    assert.equal(analyzeErrors([empty], [detectionsOf(perfect)], options).AP50, null);
  });
});

describe('confusionMatrix', () => {
  it('has background in its last row and column', () => {
    assert.deepEqual(confusionMatrix([groundTruth], [detectionsOf(FOUND)], { classes: 2 }), [
      [1, 0, 1], // true cells of class 1: one found, one missed
      [1, 0, 1], // of class 2: one called 1, one missed
      [3, 0, 0], // invented: the duplicate, the poor mask, the background (0.4 is under the threshold)
    ]);
  });

  it('sums to the true cells and detections', () => {
    const rng = createRng(4);
    const { images, found } = randomImages(rng, 6);
    const matrix = confusionMatrix(
      images,
      found.map((one) => detectionsOf(one)),
      { classes: 2, minScore: 0 },
    );
    const rows = matrix
      .slice(0, 2)
      .flat()
      .reduce((sum, n) => sum + n, 0);
    assert.equal(
      rows,
      images.reduce((sum, { labels }) => sum + labels.length, 0),
    );
    const columns = matrix.flatMap((row) => row.slice(0, 2)).reduce((sum, n) => sum + n, 0);
    assert.equal(
      columns,
      found.reduce((sum, { labels }) => sum + labels.length, 0),
    );
  });
});

/** Images of 60 x 60 with cells on a grid, some moved, relabelled or invented. */
function randomImages(
  rng: ReturnType<typeof createRng>,
  n: number,
): { images: EvaluationImage[]; found: Instances[] } {
  const images: EvaluationImage[] = [];
  const found: Instances[] = [];
  for (let i = 0; i < n; i++) {
    const places = Array.from({ length: 16 }, (_, p) => [(p % 4) * 15, Math.floor(p / 4) * 15]).filter(() =>
      rng.chance(0.7),
    );
    const masks = places.map(([x, y]) => rectangle([x, y, 8, 8], 60, 60));
    const labels = places.map(() => rng.integer(1, 3));
    images.push(
      groundTruthFromInstances(String(i), { ...instancesOf(masks, labels), height: 60, width: 60 }),
    );
    const moved = places.map(([x, y]) => rectangle([x + rng.integer(0, 5), y, 8, 8], 60, 60));
    found.push({
      ...instancesOf(
        moved,
        labels.map((label) => (rng.chance(0.8) ? label : 3 - label)),
        labels.map(() => rng.next()),
      ),
      height: 60,
      width: 60,
    });
  }
  return { images, found };
}

describe('sweepThresholds', () => {
  const { images, found } = randomImages(createRng(5), 8);
  const detections = found.map((one) => detectionsOf(one));
  const sweep = sweepThresholds(images, detections, { classes: 2 });

  it("has the report's thresholds", () => {
    assert.deepEqual(
      thresholdGrid(),
      [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8],
    );
    assert.deepEqual(thresholdGrid(0.3, 0.3, 0.1), [0.3]);
    assert.deepEqual(
      sweep[0].curve.map(({ threshold }) => threshold),
      thresholdGrid(),
    );
  });

  it('agrees at each threshold with an evaluation of the detections left', () => {
    for (const [t, threshold] of thresholdGrid().entries()) {
      const cells = evaluateCells(images, found, { classes: 2, scoreThreshold: threshold });
      for (const k of [0, 1]) {
        const { precision, recall, f1, pq } = sweep[k].curve[t];
        const expected = cells.perClass[k];
        assert.deepEqual(
          { precision, recall },
          { precision: expected.f1At[0].precision, recall: expected.f1At[0].recall },
        );
        assert.deepEqual({ f1, pq }, { f1: expected.f1, pq: expected.pq });
      }
    }
  });

  it('never raises AP50 by raising the threshold', () => {
    for (const { curve } of sweep) {
      for (let t = 1; t < curve.length; t++)
        assert((curve[t].ap50 as number) <= (curve[t - 1].ap50 as number));
      assert((curve[14].ap50 as number) < (curve[0].ap50 as number));
    }
  });

  it('chooses the threshold of the best F1', () => {
    for (const { best, curve } of sweep) {
      const most = Math.max(...curve.map(({ f1 }) => f1 ?? 0));
      assert.equal(curve.find(({ f1 }) => f1 === most)?.threshold, best);
    }
    assert.equal(sweepThresholds([], [], { classes: 1 })[0].best, null);
  });
});

describe('countClasses', () => {
  it('gives counts, their error and its interval', () => {
    const cells = Array.from({ length: 12 }, (_, i) => {
      const image = groundTruthFromInstances(String(i), instancesOf(TRUTH, LABELS));
      // Class 1: always one of two; class 2: two, in every other image one more.
      const extra = i % 2 === 0 ? [rectangle([16, 16, 3, 3])] : [];
      const masks = [TRUTH[0], TRUTH[2], TRUTH[3], ...extra];
      return matchCells(image, detectionsOf(instancesOf(masks, [1, 2, 2, ...extra.map(() => 2)])));
    });
    const [first, second] = countClasses(cells, 2);
    assert.deepEqual(
      [first.groundTruth, first.counted, second.groundTruth, second.counted],
      [24, 12, 24, 30],
    );
    assert.deepEqual([first.error.value, first.error.low, first.error.high], [-1, -1, -1]);
    near(first.ratio.value, 0.5);
    near(second.error.value, 0.5);
    near(second.absoluteError.value, 0.5);
    assert((second.error.low as number) > 0 && (second.error.high as number) < 1);
    assert.equal(second.error.groups, 12);
    assert.deepEqual(second.images[1], { id: '1', groundTruth: 2, counted: 2 });
  });
});

describe('breakdown', () => {
  const sizes = [
    rectangle([0, 0, 2, 2]),
    rectangle([5, 0, 3, 3]),
    rectangle([10, 0, 4, 4]),
    rectangle([14, 14, 5, 5]),
  ];
  const image = groundTruthFromInstances('a', instancesOf(sizes));
  const cells = matchCells(image, detectionsOf(instancesOf([sizes[0], sizes[3]])));

  it('by size, in quarters', () => {
    assert.deepEqual(
      recallBySize([image], [cells]).map(({ name, found }) => [name, found]),
      [
        ['4 to 4 px', 1],
        ['9 to 9 px', 0],
        ['16 to 16 px', 0],
        ['25 to 25 px', 1],
      ],
    );
    assert.deepEqual(recallBySize([], []), []);
  });

  it('by crowding', () => {
    // By hand: reach is two diameters: 4.5, 6.8, 9.0 and 11.3 px; centres at (1, 1), (6.5, 1.5), (12, 2), (16.5, 16.5).
    const shares = recallByCrowding([image], [cells]);
    assert.deepEqual(
      shares.map(({ name, groundTruths, found }) => [name, groundTruths, found]),
      [
        ['no neighbours', 2, 2],
        ['1 to 2 neighbours', 2, 0],
        ['3 to 5 neighbours', 0, 0],
        ['6 or more neighbours', 0, 0],
      ],
    );
  });

  it('ranks images from best to worst', () => {
    const make = (id: string, found: Instances) =>
      countCells(matchCells({ ...image, id }, detectionsOf(found)), 1);
    const none = { ...groundTruthFromInstances('empty', instancesOf([], [], [], [20, 20])) };
    const ranked = rankImages([
      make('half', instancesOf([sizes[0], sizes[3]])),
      countCells(matchCells(none, detectionsOf(instancesOf([], [], [], [20, 20]))), 1),
      make('all', instancesOf(sizes)),
    ]);
    assert.deepEqual(
      ranked.map(({ id, f1 }) => [id, f1]),
      [
        ['all', 1],
        ['half', 2 / 3],
        ['empty', null],
      ],
    );
  });
});
