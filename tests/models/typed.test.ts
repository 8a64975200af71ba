import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import { boxIou } from '../../src/geometry/boxes';
import { nonMaximumSuppression, topK } from '../../src/geometry/nms';
import { allAnchors, anchorLevels, baseAnchors } from '../../src/models/anchors';
import { BOX_WEIGHTS, decodeBox, encodeBox } from '../../src/models/box_coder';
import { projectMask } from '../../src/models/heads/mask_head';
import { pasteMask } from '../../src/models/heads/paste_masks';
import { BACKGROUND, BETWEEN, matchAnchors, matchProposals } from '../../src/models/matcher';
import { sampleBalanced, sampleFirst, sampleRandom } from '../../src/models/sampler';

describe('detection on typed arrays', () => {
  it('rounds anchors as torchvision does', () => {
    // torchvision's AnchorGenerator for size 32: 45 x 23, 32 x 32, 23 x 45 around the origin.
    assert.deepEqual(
      Array.from(baseAnchors([32], [0.5, 1, 2])),
      [-23, -11, 23, 11, -16, -16, 16, 16, -11, -23, 11, 23],
    );
  });

  it('decodes what it encodes', () => {
    const rng = createRng('coder');
    const box = (): Float32Array => {
      const [x, y] = [rng.uniform(0, 100), rng.uniform(0, 100)];
      return Float32Array.from([x, y, x + rng.uniform(4, 60), y + rng.uniform(4, 60)]);
    };
    for (let i = 0; i < 100; i++) {
      const [target, reference] = [box(), box()];
      const deltas = new Float32Array(4);
      const decoded = new Float32Array(4);
      encodeBox(target, 0, reference, 0, BOX_WEIGHTS, deltas, 0);
      decodeBox(deltas, 0, reference, 0, BOX_WEIGHTS, decoded, 0);
      assert.ok(decoded.every((value, c) => Math.abs(value - target[c]) < 1e-3));
    }
  });

  it('matches anchors on grids as the full table of overlaps does', () => {
    const rng = createRng('matcher');
    const base = [baseAnchors([8], [0.5, 1, 2]), baseAnchors([16], [0.5, 1, 2])];
    const levels = anchorLevels(
      [
        [12, 16],
        [6, 8],
      ],
      [48, 64],
      base,
    );
    const anchors = allAnchors(levels);
    const groundTruth = new Float32Array(40);
    for (let j = 0; j < 10; j++) {
      const [x, y] = [rng.uniform(0, 50), rng.uniform(0, 36)];
      groundTruth.set([x, y, x + rng.uniform(3, 20), y + rng.uniform(3, 20)], j * 4);
    }
    // torchvision's Matcher, written out over the whole table.
    const total = anchors.length / 4;
    const wanted = new Int32Array(total);
    const best = new Int32Array(total);
    for (let i = 0; i < total; i++) {
      let [value, row] = [-1, 0];
      for (let j = 0; j < 10; j++)
        if (boxIou(groundTruth, j, anchors, i) > value)
          [value, row] = [boxIou(groundTruth, j, anchors, i), j];
      best[i] = row;
      wanted[i] = value >= 0.7 ? row : value >= 0.3 ? BETWEEN : BACKGROUND;
    }
    for (let j = 0; j < 10; j++) {
      const ious = Array.from({ length: total }, (_, i) => boxIou(groundTruth, j, anchors, i));
      const highest = Math.max(...ious);
      ious.forEach((iou, i) => {
        if (iou === highest) wanted[i] = best[i];
      });
    }
    assert.deepEqual(matchAnchors(levels, groundTruth, 0.7, 0.3), wanted);
    assert.ok(wanted.some((value) => value >= 0) && wanted.includes(BETWEEN));
  });

  it('takes an image without ground truth as background only', () => {
    const levels = anchorLevels([[4, 4]], [16, 16], [baseAnchors([8], [1])]);
    assert.ok(matchAnchors(levels, new Float32Array(0), 0.7, 0.3).every((value) => value === BACKGROUND));
    assert.deepEqual(Array.from(matchProposals(Float32Array.from([0, 0, 4, 4]), new Float32Array(0), 0.5)), [
      BACKGROUND,
    ]);
  });

  it('suppresses within groups, stably', () => {
    const boxes = Float32Array.from([0, 0, 10, 10, 1, 0, 11, 10, 0, 0, 10, 10, 20, 20, 30, 30]);
    const scores = Float32Array.from([0.9, 0.8, 0.9, 0.1]);
    assert.deepEqual(Array.from(nonMaximumSuppression(boxes, scores, 0.5)), [0, 3]);
    assert.deepEqual(
      Array.from(nonMaximumSuppression(boxes, scores, 0.5, Int32Array.from([1, 1, 2, 2]))),
      [0, 2, 3],
    );
    assert.deepEqual(Array.from(topK(Float32Array.from([3, 9, 9, 1]), 2)), [1, 2]);
  });

  it('samples no more than asked, positives first', () => {
    const positive = (i: number): boolean => i < 3;
    const first = sampleBalanced(positive, (i) => i >= 3, 100, 8, 0.25, sampleFirst);
    assert.deepEqual(
      [Array.from(first.positive), Array.from(first.negative)],
      [
        [0, 1],
        [3, 4, 5, 6, 7, 8],
      ],
    );
    const random = sampleBalanced(positive, (i) => i >= 3, 100, 8, 0.25, sampleRandom(createRng(1)));
    assert.equal(new Set([...random.positive, ...random.negative]).size, 8);
  });

  it('projects a full mask to ones and pastes it back over its box', () => {
    const mask = { x: 10, y: 12, width: 20, height: 16, data: new Uint8Array(320).fill(1) };
    const boxes = Float32Array.from([12, 14, 26, 24]);
    const target = new Float32Array(784);
    projectMask(mask, boxes, 0, 64, 64, 28, target, 0);
    assert.ok(target.every((value) => Math.abs(value - 1) < 1e-6));
    const [x1, y1, x2, y2] = boxes;
    const pasted = pasteMask(
      { box: [x1, y1, x2, y2], size: 28, probabilities: target },
      { height: 64, width: 64 },
    );
    const area = pasted.data.reduce((sum, value) => sum + value, 0);
    // The paste covers the box to half a pixel on every side.
    assert.ok(Math.abs(area - 14 * 10) <= 28, `area ${area}`);
  });
});
