import * as assert from 'node:assert/strict';
import type { CropMask, SoftMask } from '../../../src/geometry/masks';
import { rleArea } from '../../../src/geometry/rle';
import { splitOverlaps } from '../../../src/inference/postprocess/overlaps';
import { drawSoftMask } from '../../../src/inference/postprocess/soft_masks';
import { pasteMask } from '../../../src/models/heads/paste_masks';
import { drawing, drawn } from './helpers';

const SIZE = 28;
const IMAGE = { height: 60, width: 60, image: new Uint8Array(60 * 60 * 3).fill(200) };
const areaOf = ({ data }: CropMask): number => data.reduce((sum, value) => sum + value, 0);

/** A disc as a perfect network would give it: the share of each cell of the grid that it covers. */
function softDisc(cx: number, cy: number, radius: number): SoftMask {
  const box = [cx - radius, cy - radius, cx + radius, cy + radius] as const;
  const cell = (2 * radius) / SIZE;
  const probabilities = Float32Array.from({ length: SIZE * SIZE }, (_, k) => {
    let inside = 0;
    for (let i = 0; i < 25; i++) {
      const x = box[0] + cell * ((k % SIZE) + ((i % 5) + 0.5) / 5);
      const y = box[1] + cell * (Math.floor(k / SIZE) + (Math.floor(i / 5) + 0.5) / 5);
      if (Math.hypot(x - cx, y - cy) < radius) inside++;
    }
    return inside / 25;
  });
  return { box, size: SIZE, probabilities };
}

/** Pixels whose centre is in the disc. */
function trueDisc(cx: number, cy: number, radius: number): Set<number> {
  const pixels = new Set<number>();
  for (let y = 0; y < IMAGE.height; y++)
    for (let x = 0; x < IMAGE.width; x++)
      if (Math.hypot(x + 0.5 - cx, y + 0.5 - cy) < radius) pixels.add(y * IMAGE.width + x);
  return pixels;
}

function iou(mask: CropMask, groundTruth: Set<number>): number {
  let shared = 0;
  mask.data.forEach((value, k) => {
    const at = (mask.y + Math.floor(k / mask.width)) * IMAGE.width + mask.x + (k % mask.width);
    if (value && groundTruth.has(at)) shared++;
  });
  return shared / (areaOf(mask) + groundTruth.size - shared);
}

describe('masks drawn between pixels', () => {
  it('cover a disc nearly exactly wherever its box begins, and better than pasting does', () => {
    let [drawnSum, pastedSum, n] = [0, 0, 0];
    for (let radius = 6; radius <= 12; radius += 1.5)
      for (let shift = 0; shift < 1; shift += 0.21) {
        const [cx, cy] = [30 + shift, 29 + shift / 2];
        const soft = softDisc(cx, cy, radius);
        const groundTruth = trueDisc(cx, cy, radius);
        const own = iou(drawSoftMask(soft, IMAGE), groundTruth);
        assert.ok(own > 0.94, `radius ${radius}, shift ${shift}: IoU ${own}`);
        drawnSum += own;
        pastedSum += iou(pasteMask(soft, IMAGE), groundTruth);
        n++;
      }
    assert.ok(drawnSum / n > pastedSum / n + 0.03, `${drawnSum / n} against ${pastedSum / n}`);
  });

  it('are cut at the edge of the image, and may be empty', () => {
    const mask = drawSoftMask(softDisc(2, 58, 10), IMAGE);
    assert.ok(mask.x === 0 && mask.y + mask.height === 60);
    assert.ok(iou(mask, trueDisc(2, 58, 10)) > 0.94);
    const none = { ...softDisc(30, 30, 10), probabilities: new Float32Array(SIZE * SIZE).fill(0.4) };
    assert.equal(areaOf(drawSoftMask(none, IMAGE)), 0);
  });

  it('are wider by a margin, if asked', () => {
    const soft = softDisc(30, 30, 10);
    const wider = drawSoftMask(soft, IMAGE, { margin: 1, guide: 0 });
    assert.ok(iou(wider, trueDisc(30, 30, 11)) > 0.97, 'a disc of one pixel more');
  });

  it('go by colour where the network is undecided, if asked', () => {
    // Dark to column 33; the network is sure only up to 25 and sure of the outside from 40 on.
    const image = {
      ...IMAGE,
      image: IMAGE.image.map((_, i) => (Math.floor(i / 3) % 60 < 33 ? 80 : 220) + ((i * 7) % 5)),
    };
    const probabilities = Float32Array.from({ length: SIZE * SIZE }, (_, k) => {
      const x = 10 + ((k % SIZE) + 0.5) * (40 / SIZE);
      return Math.min(Math.max(0.95 - (x - 20) * 0.045, 0.05), 0.95);
    });
    const soft: SoftMask = { box: [10, 10, 50, 50], size: SIZE, probabilities };
    const right = (mask: CropMask): number => {
      const row = mask.data.subarray(20 * mask.width, 21 * mask.width);
      return mask.x + row.lastIndexOf(1) + 1;
    };
    assert.equal(right(drawSoftMask(soft, image)), 30, 'where the probability is a half');
    assert.equal(right(drawSoftMask(soft, image, { margin: 0, guide: 1 })), 33, 'where the colour changes');
  });
});

describe('overlaps that are split', () => {
  it('share what both cover in the middle', () => {
    const two = drawn(['######..', '..######'], [0.9, 0.6]);
    const apart = splitOverlaps(two);
    assert.deepEqual([drawing(apart, 0), drawing(apart, 1)], ['####....', '....####']);
    assert.deepEqual([...apart.boxes], [0, 0, 4, 1, 4, 0, 8, 1]);
    const odd = splitOverlaps(drawn(['#####..', '..#####'], [0.6, 0.9]));
    assert.deepEqual(
      [drawing(odd, 0), drawing(odd, 1)],
      ['###....', '...####'],
      'the middle goes to the higher score',
    );
  });

  it('leave a cell within another to the higher score, and nothing is lost', () => {
    const within = drawn(['###### ######', '.##... ......'], [0.9, 0.5]);
    assert.deepEqual(
      [...splitOverlaps(within).scores].map((s) => Math.round(s * 10)),
      [9],
    );
    const better = splitOverlaps(drawn(['###### ######', '.##... ......'], [0.5, 0.9]));
    assert.equal(
      better.masks.reduce((sum, mask) => sum + rleArea(mask), 0),
      12,
    );
    const alone = drawn(['##.. ....', '..## ....']);
    assert.equal(splitOverlaps(alone), alone);
  });

  it('grow only where a cell itself is', () => {
    // The left cell cannot pass the gap in its own mask: the pixels beyond it are the right one's.
    const cells = drawn(['###.## ......', '..#### ......'], [0.9, 0.8]);
    const apart = splitOverlaps(cells);
    assert.deepEqual([drawing(apart, 0), drawing(apart, 1)], ['###... ......', '...### ......']);
  });
});
