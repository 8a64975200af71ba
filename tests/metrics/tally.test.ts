import assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import type { Instances } from '../../src/geometry/instances';
import { evaluateCells } from '../../src/metrics/cells/summary';
import { matchCoco } from '../../src/metrics/coco/evaluate';
import { IOU_THRESHOLDS } from '../../src/metrics/coco/match';
import { summarizeCoco } from '../../src/metrics/coco/summary';
import { detectionsOf, type EvaluationImage, groundTruthImage } from '../../src/metrics/evaluation_image';
import { HEADLINE, headlineStatistics } from '../../src/metrics/headline';
import { tallyOf } from '../../src/metrics/tally';
import { decodeTally, encodeTally } from '../../src/metrics/tally_file';
import { instancesOf, rectangle } from './helpers';

/** Images with rectangles of three classes, some in an ignored region, and detections beside them. */
function drawImages(
  seed: number,
  images: number,
): { groundTruth: EvaluationImage[]; predictions: Instances[] } {
  const rng = createRng(seed);
  const size = 60;
  const box = (): [number, number, number, number] => [
    rng.integer(0, 48),
    rng.integer(0, 48),
    rng.integer(4, 12),
    rng.integer(4, 12),
  ];
  const groundTruth: EvaluationImage[] = [];
  const predictions: Instances[] = [];
  for (let i = 0; i < images; i++) {
    const boxes = Array.from({ length: rng.integer(0, 9) }, box);
    const masks = boxes.map(([x, y, width, height]) => ({
      x,
      y,
      width,
      height,
      data: new Uint8Array(width * height).fill(1),
    }));
    const ignore = rng.chance(0.3)
      ? [{ x: 0, y: 0, width: 20, height: 20, data: new Uint8Array(400).fill(1) }]
      : [];
    const labels = Int32Array.from(boxes, () => rng.integer(1, 4));
    groundTruth.push(
      groundTruthImage({ id: `i${i}`, height: size, width: size, labels, masks, ignore }, 3, `g${i % 6}`),
    );
    const near = boxes
      .filter(() => rng.chance(0.7))
      .map(([x, y, w, h]): [number, number, number, number] => [x, y, w, Math.max(3, h - rng.integer(0, 4))]);
    const found = [...near, ...Array.from({ length: rng.integer(0, 12) }, box)];
    predictions.push(
      instancesOf(
        found.map((one) => rectangle(one, size, size)),
        found.map(() => rng.integer(1, 4)),
        found.map(() => Math.round(rng.next() * 20) / 20),
        [size, size],
      ),
    );
  }
  return { groundTruth, predictions };
}

const options = { classes: 3, thresholds: [0.5, 0.5, 0.5], maxDets: 300 };

describe('a tally', () => {
  it('has the metrics of the evaluation', () => {
    const { groundTruth, predictions } = drawImages(1, 18);
    const found = headlineStatistics(tallyOf(groundTruth, predictions, options))(
      new Float64Array(18).fill(1),
    );
    const coco = summarizeCoco(
      matchCoco(
        groundTruth,
        predictions.map((one) => detectionsOf(one)),
        { classes: 3, maxDets: 300 },
      ),
    );
    const cells = evaluateCells(groundTruth, predictions, { classes: 3, scoreThreshold: 0.5 });
    const expected: Record<string, number | null> = {
      AP50: coco.AP50,
      AP: coco.AP,
      pq: cells.pq,
      f1: cells.f1,
      aji: cells.aji,
    };
    for (const [i, { key }] of HEADLINE.entries())
      assert.ok(
        Math.abs((found[i] ?? 9) - (expected[key] ?? -9)) < 1e-12,
        `${key}: ${found[i]}, ${expected[key]}`,
      );
  });

  it('written and read again has the same metrics to the last digit, for any weights', () => {
    for (let seed = 0; seed < 12; seed++) {
      const { groundTruth, predictions } = drawImages(seed, seed === 0 ? 1 : 15);
      const tally = tallyOf(groundTruth, predictions, options);
      const [ids, groups] = [groundTruth.map(({ id }) => id), groundTruth.map(({ group }) => group ?? '')];
      const again = decodeTally(JSON.parse(JSON.stringify(encodeTally(tally))), ids, groups);
      const [first, second] = [headlineStatistics(tally), headlineStatistics(again)];
      const rng = createRng(seed);
      for (let trial = 0; trial < 30; trial++) {
        const weights = Float64Array.from(ids, () => (trial === 0 ? 1 : rng.integer(0, 4)));
        assert.deepEqual(second(weights), first(weights), `seed ${seed}, trial ${trial}`);
      }
      assert.deepEqual(encodeTally(again), encodeTally(tally), 'written again it is the same text');
    }
  });

  it('of 108 images with 300 detections each takes so little that 16 of them are under 1 MB', () => {
    // As many as CoNSeP has, of which a third are true, the higher scores more often.
    const rng = createRng(1);
    const draw = (): { score: number; image: number; least: number }[] =>
      Array.from({ length: 108 * 75 }, (_, i) => {
        const found = rng.chance(0.35);
        const score = found ? rng.next() ** 0.7 : rng.next() ** 3;
        return { score, image: Math.floor(i / 75), least: found ? rng.integer(1, 11) : 0 };
      }).sort((a, b) => b.score - a.score);
    const { cells } = tallyOf([], [], options);
    const classes = Array.from({ length: 4 }, () => {
      const rows = draw();
      return {
        image: Int32Array.from(rows, ({ image }) => image),
        outcomes: IOU_THRESHOLDS.map((_, t) => Uint8Array.from(rows, ({ least }) => (t < least ? 1 : 0))),
        positives: [new Int32Array(108).fill(40)],
      };
    });
    const { outcomes } = encodeTally({ images: 108, iouThresholds: IOU_THRESHOLDS, classes, cells });
    // Counts and sums take 14 kB more.
    assert.ok(16 * (outcomes.length + 14_000) < 1e6, String(outcomes.length));
  });

  it('that is cut or of other images is refused in one line', () => {
    const { groundTruth, predictions } = drawImages(3, 6);
    const encoded = encodeTally(tallyOf(groundTruth, predictions, options));
    const names = groundTruth.map(({ id }) => id);
    assert.throws(
      () => decodeTally(encoded, names.slice(1), names.slice(1)),
      /expected a tally of 5 images, got 6/,
    );
    assert.throws(
      () => decodeTally({ ...encoded, outcomes: encoded.outcomes.slice(0, 8) }, names, names),
      /damaged/,
    );
  });
});
