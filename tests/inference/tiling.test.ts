import * as assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import type { Instances } from '../../src/geometry/instances';
import type { CropMask } from '../../src/geometry/masks';
import { clipCropMask, encodeCropMask } from '../../src/geometry/rle';
import { rleIouMatrix } from '../../src/geometry/rle_operations';
import { joinTiles, placeInstances, type Rect, tileGrid } from '../../src/inference/tiling';
import { instancesOf } from './postprocess/helpers';

const SIZE = 300;

/** A disc, or where `stretch` is over 1 an ellipse lying along x. */
function disc(cx: number, cy: number, radius: number, stretch = 1): CropMask {
  const [w, h] = [2 * radius * stretch, 2 * radius];
  const data = new Uint8Array(w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      if (((x + 0.5 - w / 2) / stretch) ** 2 + (y + 0.5 - h / 2) ** 2 < radius ** 2) data[y * w + x] = 1;
  return { x: cx - w / 2, y: cy - h / 2, width: w, height: h, data };
}

interface Cell {
  readonly mask: CropMask;
  readonly label: number;
  readonly score: number;
}

/** What a perfect model finds in a part of the image: cells cut at its edges, in its own coordinates. */
function perfect(cells: readonly Cell[], { left, top, right, bottom }: Rect): Instances {
  const [height, width] = [bottom - top, right - left];
  const seen = cells
    .map(({ mask, ...cell }) => ({
      ...cell,
      mask: clipCropMask({ ...mask, x: mask.x - left, y: mask.y - top }, height, width),
    }))
    .filter(({ mask }) => mask.data.includes(1));
  const masks = seen.map(({ mask }) => encodeCropMask(mask, height, width));
  const scores = seen.map(({ score }) => score);
  return instancesOf(
    masks,
    scores,
    seen.map(({ label }) => label),
    [height, width],
  );
}

const whole: Rect = { left: 0, top: 0, right: SIZE, bottom: SIZE };

function tiled(cells: readonly Cell[], tile: number, overlap: number, shift = 0): Instances {
  const tiles = tileGrid(SIZE, SIZE, { tile, overlap, shift });
  const found = tiles.map(({ view }) =>
    placeInstances(perfect(cells, view), view.left, view.top, SIZE, SIZE),
  );
  return joinTiles(tiles, found);
}

describe('tiles', () => {
  it('have cores that fill the image once and views that overlap enough', () => {
    for (const [tile, overlap, align, shift] of [
      [100, 20, 1, 0],
      [128, 40, 32, 0],
      [128, 40, 32, 64],
      [90, 0, 7, 45],
      [299, 298, 64, 0],
    ]) {
      const tiles = tileGrid(SIZE, 211, { tile, overlap, align, shift });
      const covered = new Uint8Array(SIZE * 211);
      for (const { view, core } of tiles) {
        assert.ok(view.right - view.left <= tile && view.bottom - view.top <= tile);
        assert.ok(core.left >= view.left && core.right <= view.right && core.top >= view.top);
        if (overlap < tile - align) assert.equal(view.left % align, 0);
        for (let y = core.top; y < core.bottom; y++)
          for (let x = core.left; x < core.right; x++) covered[y * 211 + x]++;
      }
      assert.ok(
        covered.every((n) => n === 1),
        `tile ${tile}, overlap ${overlap}, shift ${shift}`,
      );
    }
    assert.equal(tileGrid(100, 100, { tile: 100, overlap: 20 }).length, 1);
    assert.throws(() => tileGrid(100, 100, { tile: 50, overlap: 50 }), /cannot overlap by 50/);
  });

  it('give back every cell whole and once, wherever they fall', () => {
    const rng = createRng('tiles');
    const cells: Cell[] = [];
    for (let y = 15; y < SIZE - 15; y += 26)
      for (let x = 15; x < SIZE - 15; x += 26)
        cells.push({
          mask: disc(x, y, 8 + Math.floor(rng.next() * 5)),
          label: 1 + (cells.length % 3),
          score: 0.5 + rng.next() / 2,
        });
    const expected = perfect(cells, whole);
    for (const [tile, overlap, shift] of [
      [100, 40, 0],
      [100, 40, 30],
      [128, 30, 0],
      [128, 30, 49],
      [200, 64, 0],
      [64, 30, 17],
    ]) {
      const got = tiled(cells, tile, overlap, shift);
      assert.equal(got.labels.length, cells.length, `tile ${tile}, overlap ${overlap}, shift ${shift}`);
      const iou = rleIouMatrix(expected.masks, got.masks);
      for (let i = 0; i < cells.length; i++) {
        const row = [...iou.subarray(i * cells.length, (i + 1) * cells.length)];
        const j = row.indexOf(1);
        assert.ok(j >= 0, `cell ${i} is not whole`);
        assert.equal(got.labels[j], expected.labels[i]);
      }
    }
  });

  it('join a cell that no tile has whole, with the class of the better piece', () => {
    const long: Cell = { mask: disc(150, 60, 15, 8), label: 2, score: 0.9 };
    const got = tiled([long], 110, 30);
    assert.equal(got.labels.length, 1);
    assert.deepEqual(rleIouMatrix(got.masks, perfect([long], whole).masks)[0], 1);
    assert.deepEqual([...got.boxes], [30, 45, 270, 75]);
  });

  it('keep a sure cell though doubtful neighbours, seen a pixel apart, lie deeper in each tile', () => {
    const at = (cx: number, score: number): Cell => ({ mask: disc(cx, 40, 10), label: 1, score });
    // Boxes of 20 px share half at 6.7 px: 7 px apart both stay within a tile, 6 px apart in two tiles they are twins.
    const seen = [[at(148, 0.8), at(141, 0.05)], [at(147, 0.79), at(154, 0.05)], [], []];
    const tiles = tileGrid(SIZE, SIZE, { tile: 200, overlap: 100 });
    const found = tiles.map(({ view }, t) =>
      placeInstances(perfect(seen[t], view), view.left, view.top, SIZE, SIZE),
    );
    const { scores, boxes } = joinTiles(tiles, found);
    assert.deepEqual([scores[0], boxes[0]], [Math.fround(0.8), 138]);
    assert.ok([...scores].slice(1).every((score) => score < 0.1));
  });

  it('keep two cells of two classes apart that lie on each other', () => {
    const cells: Cell[] = [
      { mask: disc(100, 100, 12), label: 1, score: 0.9 },
      { mask: disc(102, 100, 12), label: 2, score: 0.8 },
    ];
    for (const shift of [0, 20, 40]) assert.equal(tiled(cells, 120, 50, shift).labels.length, 2);
  });
});
