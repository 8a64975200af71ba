import assert from 'node:assert/strict';
import { readJson } from '../../../src/core/files';
import { RECALL_POINTS } from '../../../src/metrics/coco/average_precision';
import { evaluateCoco, matchCoco } from '../../../src/metrics/coco/evaluate';
import { precisionRecallCurve, summarizeCoco } from '../../../src/metrics/coco/summary';
import { detectionsOf, groundTruthFromInstances } from '../../../src/metrics/evaluation_image';
import { recomputeCocoGolden } from '../../../src/parity/coco';
import { fixturePath } from '../../support';
import { instancesOf, near, rectangle } from '../helpers';

describe('COCO evaluation', () => {
  for (const name of ['coco_a.json', 'coco_ties.json', 'coco_dense.json']) {
    it(`agrees with pycocotools on every number of ${name}`, () => {
      const fields = recomputeCocoGolden(readJson<Record<string, unknown>>(fixturePath('parity', name)));
      // 3 about codes and overlaps, 4 evaluations of 7 numbers for all and 8 for each of 4 classes.
      assert.equal(fields.length, 3 + 4 * (7 + 4 * 8));
      assert.deepEqual(
        fields.filter(({ ok }) => !ok),
        [],
      );
    });
  }

  const squares = [rectangle([1, 1, 4, 4]), rectangle([8, 8, 5, 5]), rectangle([14, 2, 3, 6])];

  it('gives 1 to perfect predictions, and -1 where there is nothing to find', () => {
    const instances = instancesOf(squares, [1, 2, 1], [0.9, 0.8, 0.7]);
    const summary = evaluateCoco([groundTruthFromInstances('a', instances)], [instances], { classes: 3 });
    near(summary.AP, 1);
    near(summary.AR, 1);
    near(summary.APsmall, 1);
    assert.equal(summary.APlarge, -1);
    for (const [k, expected] of [1, 1, -1].entries())
      near(summary.perClass[k].AP50, expected, `class ${k + 1}`);
  });

  it('gives 0 to no predictions, and -1 to images without ground truth', () => {
    const none = instancesOf([], [], [], [20, 20]);
    const groundTruth = groundTruthFromInstances('a', instancesOf(squares));
    assert.equal(evaluateCoco([groundTruth], [none], { classes: 1 }).AP, 0);
    assert.equal(
      evaluateCoco([groundTruthFromInstances('a', none)], [instancesOf(squares)], { classes: 1 }).AP,
      -1,
    );
    assert.equal(evaluateCoco([], [], { classes: 1 }).AP, -1);
  });

  it('falls by a false positive of a higher score, not by one of a lower', () => {
    // By hand: one ground truth; precision 1/2 at every recall where the false one comes first.
    const groundTruth = groundTruthFromInstances('a', instancesOf([squares[0]]));
    const both = [squares[0], squares[1]];
    const after = evaluateCoco([groundTruth], [instancesOf(both, [1, 1], [0.9, 0.1])], { classes: 1 });
    const before = evaluateCoco([groundTruth], [instancesOf(both, [1, 1], [0.1, 0.9])], { classes: 1 });
    near(after.AP50, 1);
    near(before.AP50, 0.5);
  });

  it('counts detections of equal score in the order they come, as numpy.mergesort does', () => {
    const groundTruth = groundTruthFromInstances('a', instancesOf([squares[0]]));
    const first = instancesOf([squares[0], squares[1]], [1, 1], [0.5, 0.5]);
    const second = instancesOf([squares[1], squares[0]], [1, 1], [0.5, 0.5]);
    near(evaluateCoco([groundTruth], [first], { classes: 1 }).AP50, 1);
    near(evaluateCoco([groundTruth], [second], { classes: 1 }).AP50, 0.5);
  });

  it('limits detections per image and class, and tells how many were cut', () => {
    const instances = instancesOf(squares, [1, 1, 2], [0.9, 0.8, 0.7]);
    const summary = evaluateCoco([groundTruthFromInstances('a', instances)], [instances], {
      classes: 2,
      maxDets: 1,
    });
    assert.equal(summary.cut, 1);
    near(summary.perClass[0].AR, 0.5);
    near(summary.perClass[1].AR, 1);
  });

  it('ignores what a crowd covers', () => {
    // By hand: without the crowd, precision 1/2; half of the false one is in it, so it is ignored.
    const groundTruth = groundTruthFromInstances('a', instancesOf([squares[0], rectangle([8, 8, 5, 3])]));
    const crowd = { ...groundTruth, crowd: Uint8Array.of(0, 1) };
    const detections = instancesOf([squares[0], squares[1]], [1, 1], [0.1, 0.9]);
    const summary = evaluateCoco([crowd], [detections], { classes: 1, iouThresholds: [0.5] });
    near(summary.AP50, 1);
  });

  it('gives the curve that AP is the mean of', () => {
    const groundTruth = groundTruthFromInstances('a', instancesOf(squares));
    const detections = detectionsOf(
      instancesOf([squares[0], rectangle([0, 15, 3, 3]), squares[1]], undefined, [0.9, 0.8, 0.7]),
    );
    const matches = matchCoco([groundTruth], [detections], { classes: 1 });
    const curve = precisionRecallCurve(matches, 0);
    assert(curve);
    // By hand: 1 up to recall 1/3, 2/3 up to 2/3, then nothing.
    for (const [r, recall] of RECALL_POINTS.entries()) {
      const expected = recall <= 1 / 3 ? 1 : recall <= 2 / 3 ? 2 / 3 : 0;
      assert(Math.abs(curve.precision[r] - expected) < 1e-12, `recall ${recall}`);
    }
    assert.equal(curve.scores[10], 0.8999999761581421);
    const mean = curve.precision.reduce((sum, value) => sum + value, 0) / 101;
    assert(Math.abs(summarizeCoco(matches).AP50 - mean) < 1e-12);
  });

  it('weighs images: a weight of 2 is the image twice, of 0 the image left out', () => {
    const groundTruths = [0, 1, 2].map((i) =>
      groundTruthFromInstances(String(i), instancesOf([squares[i], squares[(i + 1) % 3]])),
    );
    const found = [
      instancesOf([squares[0], squares[2]], undefined, [0.9, 0.8]),
      instancesOf([squares[0], squares[1]], undefined, [0.95, 0.3]),
      instancesOf([squares[2]], undefined, [0.6]),
    ].map((instances) => detectionsOf(instances));
    const weighted = summarizeCoco(matchCoco(groundTruths, found, { classes: 1 }), [2, 0, 1]);
    const pick = [0, 0, 2];
    const repeated = matchCoco(
      pick.map((i) => groundTruths[i]),
      pick.map((i) => found[i]),
      { classes: 1 },
    );
    assert(Math.abs(weighted.AP - summarizeCoco(repeated).AP) < 1e-12);
    assert(weighted.AP > 0 && weighted.AP < 1);
  });

  it('takes boxes and their areas for bbox', () => {
    const instances = instancesOf(squares);
    const shifted = { ...instances, boxes: instances.boxes.map((v, i) => (i % 2 === 0 ? v + 1 : v)) };
    const groundTruth = groundTruthFromInstances('a', instances);
    near(evaluateCoco([groundTruth], [shifted], { classes: 1 }).AP50, 1);
    // By hand: 4 x 4 shifted by one has IoU 12/20, 5 x 5 has 20/30, 3 x 6 has 12/24.
    const { AP50, AR } = evaluateCoco([groundTruth], [shifted], { classes: 1, type: 'bbox' });
    near(AP50, 1);
    assert(Math.abs(AR - (3 + 2 + 2 + 1) / 30) < 1e-12, String(AR));
  });

  it('refuses labels that are no classes', () => {
    const instances = instancesOf([squares[0]], [3]);
    assert.throws(
      () => evaluateCoco([groundTruthFromInstances('a', instances)], [instances], { classes: 2 }),
      /label 3 is not one of the classes 1\.\.2/,
    );
  });
});
