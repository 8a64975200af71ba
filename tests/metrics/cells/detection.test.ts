import * as assert from 'node:assert/strict';
import type { Instances } from '../../../src/geometry/instances';
import { encodeCropMask } from '../../../src/geometry/rle';
import { detectionScores } from '../../../src/metrics/cells/detection';
import { groundTruthImage } from '../../../src/metrics/evaluation_image';

const SIDE = 200;
/** A square of 5 x 5 pixels around (x, y), its centre exactly there. */
const dot = (x: number, y: number) => ({
  x: x - 2,
  y: y - 2,
  width: 5,
  height: 5,
  data: new Uint8Array(25).fill(1),
});

type Cell = readonly [x: number, y: number, label: number, score?: number];

function image(truth: readonly Cell[]) {
  return groundTruthImage(
    {
      id: 'a',
      height: SIDE,
      width: SIDE,
      labels: Int32Array.from(truth, ([, , label]) => label),
      masks: truth.map(([x, y]) => dot(x, y)),
      ignore: [],
    },
    2,
  );
}

function answer(found: readonly Cell[]): Instances {
  return {
    height: SIDE,
    width: SIDE,
    boxes: new Float32Array(4 * found.length),
    scores: Float32Array.from(found, ([, , , score = 0.9]) => score),
    labels: Int32Array.from(found, ([, , label]) => label),
    masks: found.map(([x, y]) => encodeCropMask(dot(x, y), SIDE, SIDE)),
  };
}

const scores = (truth: readonly Cell[], found: readonly Cell[]) =>
  detectionScores([image(truth)], [answer(found)], [0.5, 0.5]);

describe('detection scores', () => {
  it('count pairs of centres within 12 pixels, the border with them', () => {
    // 12 px away: found. 12.04 px (12, 1): not.
    assert.equal(scores([[50, 50, 1]], [[62, 50, 1]]).f1, 1);
    assert.equal(scores([[50, 50, 1]], [[62, 51, 1]]).f1, 0);
    // By hand: two of three true cells found by two of four detections.
    const some = scores(
      [
        [20, 20, 1],
        [60, 60, 1],
        [120, 120, 2],
      ],
      [
        [22, 20, 1],
        [60, 65, 1],
        [150, 20, 2],
        [150, 180, 1],
      ],
    );
    assert.deepEqual([some.precision, some.recall, some.f1], [2 / 4, 2 / 3, 4 / 7]);
  });

  it('pair as many as they can, a cell with one detection', () => {
    // The nearest detection of the first cell is the only one in reach of the second.
    assert.equal(
      scores(
        [
          [50, 50, 1],
          [66, 50, 1],
        ],
        [
          [56, 50, 1],
          [40, 50, 1],
        ],
      ).recall,
      1,
    );
    // Two detections on one cell: one finds it, the other is false.
    assert.deepEqual(
      [
        scores(
          [[50, 50, 1]],
          [
            [50, 50, 1],
            [52, 50, 1],
          ],
        ).precision,
        scores([[50, 50, 1]], []).f1,
      ],
      [1 / 2, 0],
    );
  });

  it('ask for the class too, by the formula of HoVer-Net', () => {
    // Class 1: one pair agrees, one differs (true 1, found 2), one true cell of it is left: 2 / (2 + 2 * 1 + 1).
    // Class 2: no pair agrees, the same pair differs, one detection of it is left: 0 / (0 + 2 + 1).
    const { perClass, f1 } = scores(
      [
        [20, 20, 1],
        [60, 60, 1],
        [100, 100, 1],
      ],
      [
        [20, 20, 1],
        [60, 60, 2],
        [150, 150, 2],
      ],
    );
    assert.deepEqual(perClass, [2 / 5, 0]);
    assert.equal(f1, 4 / 6);
  });

  it('leave out detections under the threshold, and are undefined where there is nothing', () => {
    assert.equal(
      scores(
        [[20, 20, 1]],
        [
          [20, 20, 1],
          [90, 90, 1, 0.4],
        ],
      ).precision,
      1,
    );
    assert.deepEqual(scores([], []), {
      radius: 12,
      precision: null,
      recall: null,
      f1: null,
      perClass: [null, null],
    });
  });
});
