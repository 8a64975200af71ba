import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createRng } from '../../src/core/rng';
import { boxToRle, polygonToRle, segmentationToRle } from '../../src/geometry/polygon';
import {
  decodeRle,
  encodeCropMask,
  encodeMask,
  rleArea,
  rleBox,
  rleFromCounts,
  rleFromString,
  rleToCropMask,
  rleToString,
} from '../../src/geometry/rle';
import {
  intersectRle,
  rleIntersectionArea,
  rleIou,
  rleIouMatrix,
  subtractRle,
  unionRle,
} from '../../src/geometry/rle_operations';
import { fixturePath } from '../support';

interface PolygonCase {
  readonly height: number;
  readonly width: number;
  readonly polygon: number[];
  readonly counts: string;
}
interface MaskCase {
  readonly height: number;
  readonly width: number;
  readonly rows: string[];
  readonly codes: [string, string, string];
  readonly area: number;
  readonly box: number[];
  readonly iou: number;
  readonly crowd: number;
  readonly union: string;
  readonly intersection: string;
}

// Numbers of pycocotools 2.0.11: bench/peers/make_rle_cases.py.
const golden = JSON.parse(fs.readFileSync(fixturePath('rle_cases.json'), 'utf8')) as {
  polygons: PolygonCase[];
  masks: MaskCase[];
};

/** A raster from rows of '.' or '0' and anything else. */
function raster(rows: readonly string[]): Uint8Array {
  return Uint8Array.from([...rows.join('')], (c) => (c === '.' || c === '0' ? 0 : 1));
}

describe('run-length codes', () => {
  it('agree with pycocotools on 90 masks: code, string, area, box, overlap, union, intersection', () => {
    for (const [i, c] of golden.masks.entries()) {
      const size = [c.height, c.width] as const;
      const rle = encodeMask(raster(c.rows), c.height, c.width);
      const [a, b, d] = c.codes.map((code) => rleFromString(code, size));
      assert.equal(rleToString(rle), c.codes[0], `mask ${i}`);
      assert.deepEqual(a, rle, `mask ${i}: from its string`);
      assert.deepEqual(decodeRle(a), raster(c.rows), `mask ${i}: decoded`);
      assert.equal(rleArea(a), c.area, `mask ${i}: area`);
      assert.deepEqual([...rleBox(a)], c.box, `mask ${i}: box`);
      assert.equal(rleIou(a, b), c.iou, `mask ${i}: overlap`);
      assert.equal(rleIou(a, b, true), c.crowd, `mask ${i}: overlap with a crowd`);
      assert.equal(rleToString(unionRle([a, b, d])), c.union, `mask ${i}: union`);
      assert.equal(rleToString(intersectRle([a, b, d])), c.intersection, `mask ${i}: intersection`);
    }
  });

  it('agree with pycocotools on 120 polygons', () => {
    for (const [i, c] of golden.polygons.entries())
      assert.equal(rleToString(polygonToRle(c.polygon, c.height, c.width)), c.counts, `polygon ${i}`);
  });

  it('are the same from a crop as from the whole mask', () => {
    for (const [i, c] of golden.masks.entries()) {
      const rle = rleFromString(c.codes[0], [c.height, c.width]);
      const crop = rleToCropMask(rle);
      assert.deepEqual([crop.x, crop.y, crop.width, crop.height], c.box, `mask ${i}`);
      assert.deepEqual(encodeCropMask(crop, c.height, c.width), rle, `mask ${i}`);
    }
  });

  it('do not depend on the width being a multiple of four or the data being aligned', () => {
    const rng = createRng(3);
    for (const width of [16, 17, 20, 64, 66]) {
      const padded = Uint8Array.from({ length: 30 * width + 1 }, () => (rng.chance(0.5) ? 1 : 0));
      const odd = padded.subarray(1);
      assert.deepEqual(encodeMask(odd, 30, width), encodeMask(odd.slice(), 30, width));
      assert.deepEqual(decodeRle(encodeMask(odd, 30, width)), odd.slice());
    }
  });

  it('join a mask that goes on from the foot of a column to the head of the next', () => {
    // By hand: columns 0 1 1 and 1 0 0 read downwards give 1 zero, 3 ones, 2 zeros.
    const rle = encodeMask(raster(['01', '10', '10']), 3, 2);
    assert.deepEqual([...rle.counts], [1, 3, 2]);
  });

  it('take zero of something as normal', () => {
    assert.deepEqual([...encodeMask(new Uint8Array(6), 2, 3).counts], [6]);
    assert.deepEqual([...encodeMask(new Uint8Array(6).fill(1), 2, 3).counts], [0, 6]);
    assert.deepEqual([...rleBox(encodeMask(new Uint8Array(6), 2, 3))], [0, 0, 0, 0]);
    const none = { x: 3, y: 3, width: 0, height: 0, data: new Uint8Array(0) };
    assert.deepEqual([...encodeCropMask(none, 5, 4).counts], [20]);
    assert.deepEqual(rleToCropMask(encodeCropMask(none, 5, 4)).data.length, 0);
    assert.equal(rleIouMatrix([], []).length, 0);
  });

  it('cut off what lies outside the image', () => {
    // By hand: a 3 x 3 square at (-1, -1) leaves 2 x 2 pixels in the corner of a 4 x 4 image.
    const square = { x: -1, y: -1, width: 3, height: 3, data: new Uint8Array(9).fill(1) };
    assert.deepEqual([...encodeCropMask(square, 4, 4).counts], [0, 2, 2, 2, 10]);
    assert.equal(rleArea(encodeCropMask({ ...square, x: 9 }, 4, 4)), 0);
  });

  it('take runs of no pixels for nothing', () => {
    // By hand: pixels 3 and 4 of 6 in columns of 3: the head of the second column and the one below.
    assert.deepEqual([...rleBox(rleFromCounts([1, 0, 2, 2, 1], [3, 2]))], [1, 0, 1, 2]);
    assert.deepEqual([...rleBox(rleFromCounts([2, 0, 4], [3, 2]))], [0, 0, 0, 0]);
  });

  it('subtract, and count what is shared', () => {
    const a = encodeMask(raster(['1100', '1100']), 2, 4);
    const b = encodeMask(raster(['0110', '0000']), 2, 4);
    assert.equal(rleIntersectionArea(a, b), 1);
    assert.deepEqual([...decodeRle(subtractRle(a, b))].join(''), '10001100');
    assert.equal(rleArea(subtractRle(a, a)), 0);
  });

  it('refuse codes that do not fill their mask, are cut, or hold other characters', () => {
    assert.throws(() => rleFromString('04', [3, 2]), /expected 6 pixels for a mask of 3 x 2, got 4/);
    assert.throws(() => rleFromString('P', [4, 4]), /ends inside a number/);
    assert.throws(() => rleFromString('a b', [4, 4]), /character 1 \(" "\)/);
    assert.throws(() => rleFromCounts([1, -1, 6], [3, 2]), /whole numbers, got -1/);
    assert.throws(() => rleFromCounts([1, 1], [3, 2]), /expected 6 pixels/);
    assert.throws(() => rleIou(rleFromCounts([6], [3, 2]), rleFromCounts([6], [2, 3])), /two sizes/);
  });

  it('hold runs longer than 2^31', () => {
    const rle = rleFromCounts([3e9, 5, 1e9 - 5], [40000, 100000]);
    assert.deepEqual(rleFromString(rleToString(rle), rle.size), rle);
  });
});

describe('segmentationToRle', () => {
  it('unites polygons, and takes four numbers as a box', () => {
    const left = [1, 1, 1, 4, 3, 4, 3, 1];
    const right = [5, 1, 5, 4, 7, 4, 7, 1];
    assert.equal(rleArea(segmentationToRle([left, right], 8, 8)), rleArea(boxToRle([1, 1, 2, 3], 8, 8)) * 2);
    assert.deepEqual(segmentationToRle([[1, 1, 2, 3]], 8, 8), polygonToRle(left, 8, 8));
  });

  it('takes codes of both kinds, and refuses another size', () => {
    const rle = rleFromCounts([1, 3, 2], [3, 2]);
    assert.deepEqual(segmentationToRle({ size: [3, 2], counts: [1, 3, 2] }, 3, 2), rle);
    assert.deepEqual(segmentationToRle({ size: [3, 2], counts: rleToString(rle) }, 3, 2), rle);
    assert.throws(
      () => segmentationToRle({ size: [2, 3], counts: [6] }, 3, 2),
      /expected a mask of 3 x 2, got 2 x 3/,
    );
  });

  it('refuses what is not a segmentation', () => {
    assert.throws(() => segmentationToRle([], 4, 4), /at least three points/);
    assert.throws(() => segmentationToRle([[1, 2, 3, 4, 5]], 4, 4), /at least three points/);
    assert.throws(() => segmentationToRle([[1, 2, 3, 4, Number.NaN, 6]], 4, 4), /got NaN, 6/);
    assert.throws(() => segmentationToRle([[1, 2, 3, 4, 1e300, 6]], 4, 4), /expected pixel coordinates/);
    assert.throws(() => segmentationToRle({ counts: [16] } as never, 4, 4), /polygons or a run-length code/);
  });
});
