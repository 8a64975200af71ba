import * as assert from 'node:assert/strict';
import { createRng } from '../../../src/core/rng';
import type { Instances } from '../../../src/geometry/instances';
import type { CropMask } from '../../../src/geometry/masks';
import { encodeCropMask, rleBox } from '../../../src/geometry/rle';
import { fillMask, largestComponent, REPORT_BOUNDARY } from '../../../src/inference/postprocess/boundary';
import { suppressMasks } from '../../../src/inference/postprocess/mask_nms';
import {
  applyMorphology,
  closeMask,
  openMask,
  REPORT_MORPHOLOGY,
} from '../../../src/inference/postprocess/morphology';
import { resolveOverlaps, toLabelMaps } from '../../../src/inference/postprocess/overlaps';
import { refine } from '../../../src/inference/postprocess/refine';
import {
  applySizeScore,
  applyThresholds,
  REPORT_SIZE_SCORE,
} from '../../../src/inference/postprocess/scores';
import { holdTime } from '../../support';
import { drawing, drawn } from './helpers';

const round = (values: ArrayLike<number>): number[] => Array.from(values, (v) => Math.round(v * 1e4) / 1e4);

describe('thresholds and scores', () => {
  const three = drawn(['#. ..', '.# ..', '.. ##'], [0.9, 0.5, 0.3], [1, 2, 2]);

  it('keep what is at or over the threshold, of all classes or of each', () => {
    assert.deepEqual(round(applyThresholds(three, 0.5).scores), [0.9, 0.5]);
    assert.deepEqual(round(applyThresholds(three, [0.95, 0.2]).scores), [0.5, 0.3]);
    assert.throws(() => applyThresholds(three, [0.5]), /one a class, got 1 and an instance of class 2/);
  });

  it('raise small cells by the report’s factors, 1 at most', () => {
    // 400 pixels: 3 are 0.75 %, 4 are 1 % (not under it), 20 are 5 % (not under it).
    const row = (n: number): string => '#'.repeat(n).padEnd(400, '.').match(/.{20}/g)!.join(' ');
    const sizes = drawn([row(3), row(4), row(20), row(1)], [0.4, 0.5, 0.6, 0.95]);
    assert.deepEqual(round(applySizeScore(sizes).scores), [1, 0.6, 0.55, 0.46]);
  });
});

describe('morphology', () => {
  const margin = (row: string): string => `...${row}...`;
  /** A drawing with three empty pixels around it: the edge of the image is not felt. */
  const framed = (rows: readonly string[]): string => {
    const empty = '.'.repeat(rows[0].length + 6);
    return [empty, empty, empty, ...rows.map(margin), empty, empty, empty].join(' ');
  };

  it('closes gaps of up to 4 pixels and takes off thorns of 2', () => {
    const gap = drawn([framed(['###....###.....###', '###....###.....###', '###....###.....###'])]);
    const filled = '##########.....###';
    assert.equal(drawing(applyMorphology(gap, REPORT_MORPHOLOGY), 0), framed([filled, filled, filled]));
    const thorn = drawn([framed(['####...', '#######', '####...'])]);
    assert.equal(
      drawing(applyMorphology(thorn, { close: 1, open: 3 }), 0),
      framed(['####...', '####...', '####...']),
    );
  });

  it('never empties a cell', () => {
    const small = framed(['##']);
    assert.equal(drawing(applyMorphology(drawn([small])), 0), small);
  });

  it('equals the definition on random masks, the edge of the image included', () => {
    const rng = createRng('morphology');
    for (let trial = 0; trial < 60; trial++) {
      const image = { height: 9, width: 11 };
      const data = Uint8Array.from({ length: 99 }, () => (rng.next() < 0.55 ? 1 : 0));
      const whole: CropMask = { x: 0, y: 0, ...image, data };
      const byHand = (from: Uint8Array, radius: number, all: boolean): Uint8Array =>
        from.map((_, p) => {
          const [cx, cy] = [p % 11, Math.floor(p / 11)];
          const window: number[] = [];
          for (let y = Math.max(cy - radius, 0); y <= Math.min(cy + radius, 8); y++)
            for (let x = Math.max(cx - radius, 0); x <= Math.min(cx + radius, 10); x++)
              window.push(from[y * 11 + x]);
          return all ? Math.min(...window) : Math.max(...window);
        });
      assert.deepEqual(closeMask(whole, 5, image).data, byHand(byHand(data, 2, false), 2, true));
      assert.deepEqual(openMask(whole, 3, image).data, byHand(byHand(data, 1, true), 1, false));
    }
  });
});

describe('boundaries', () => {
  const crop = (rows: string): CropMask => {
    const lines = rows.split(' ');
    return {
      x: 0,
      y: 0,
      width: lines[0].length,
      height: lines.length,
      data: Uint8Array.from(lines.join(''), (c) => (c === '#' ? 1 : 0)),
    };
  };

  it('keep the largest piece, corners joined, and fill holes but not bays', () => {
    assert.deepEqual(largestComponent(crop('##... ##..# ..#.# ....#')), crop('##... ##... ..#.. .....'));
    assert.deepEqual(fillMask(crop('##### #.#.. #####')), crop('##### ###.. #####'));
  });

  it('leave cells of 5,000 pixels in their tiles', () => {
    const row = `${'#'.repeat(60)}.#`;
    const large = drawn([Array(90).fill(row).join(' ')]);
    assert.equal(refine(large, { boundary: REPORT_BOUNDARY }).masks[0], large.masks[0]);
    const small = refine(drawn([Array(80).fill(row).join(' ')]), { boundary: REPORT_BOUNDARY });
    assert.deepEqual([...small.boxes], [0, 0, 60, 80]);
  });
});

describe('overlapping masks', () => {
  // IoU of the first two: 2 / 4; the third covers the first wholly.
  const cells = drawn(['###.. .....', '.###. .....', '###.. .....'], [0.8, 0.9, 0.7], [1, 1, 2]);

  it('go by IoU, within classes and across', () => {
    assert.deepEqual(round(suppressMasks(cells, { within: 0.49, across: null }).scores), [0.9, 0.7]);
    assert.deepEqual(round(suppressMasks(cells, { within: 0.5, across: null }).scores), [0.9, 0.8, 0.7]);
    assert.deepEqual(round(suppressMasks(cells, { within: null, across: 0.9 }).scores), [0.9, 0.8]);
  });

  it('give their pixels to the higher score', () => {
    const apart = resolveOverlaps(cells);
    assert.deepEqual([drawing(apart, 0), drawing(apart, 1)], ['#.... .....', '.###. .....']);
    assert.deepEqual(
      [...apart.boxes],
      [0, 0, 1, 1, 1, 0, 4, 1],
      'the cut mask has a box of its own; the covered one has gone',
    );
    const [first, second] = toLabelMaps(cells, 2);
    assert.deepEqual([...(first as Uint16Array)], [1, 2, 2, 2, 0, 0, 0, 0, 0, 0]);
    assert.equal(second, null);
  });
});

describe('all steps together', () => {
  it('take 1,000 cells on 2500 x 2500', () => {
    const rng = createRng('speed');
    const [height, width, n] = [2500, 2500, 1000];
    const masks = Array.from({ length: n }, () => {
      const side = 30 + Math.floor(rng.next() * 60);
      const data = new Uint8Array(side * side);
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          if ((x - side / 2) ** 2 + (y - side / 2) ** 2 < side ** 2 / 4 && rng.next() < 0.97)
            data[y * side + x] = 1;
      const at = (): number => Math.floor(rng.next() * (2500 - side));
      return encodeCropMask({ x: at(), y: at(), width: side, height: side, data }, height, width);
    });
    const boxes = Float32Array.from(
      masks.flatMap((mask) => {
        const [x, y, w, h] = rleBox(mask);
        return [x, y, x + w, y + h];
      }),
    );
    const scores = Float32Array.from({ length: n }, () => 0.5 + rng.next() / 2);
    const labels = Int32Array.from({ length: n }, () => 1 + Math.floor(rng.next() * 4));
    const instances: Instances = { height, width, boxes, scores, labels, masks };
    const start = performance.now();
    const refined = refine(instances, {
      sizeScore: REPORT_SIZE_SCORE,
      threshold: 0.5,
      morphology: REPORT_MORPHOLOGY,
      boundary: REPORT_BOUNDARY,
      maskNms: { within: 0.5, across: 0.7 },
      overlaps: 'score' as const,
    });
    const maps = toLabelMaps(refined, 4);
    holdTime('all refinement of 1,000 cells', start, 2);
    assert.equal(maps.length, 4);
  });

  it('do nothing unless asked, and nothing to nothing', () => {
    const cells = drawn(['#. ..'], [0.01]);
    assert.equal(refine(cells, {}), cells);
    const none: Instances = {
      height: 5,
      width: 5,
      boxes: new Float32Array(0),
      scores: new Float32Array(0),
      labels: new Int32Array(0),
      masks: [],
    };
    const all = {
      morphology: REPORT_MORPHOLOGY,
      boundary: REPORT_BOUNDARY,
      overlaps: 'score' as const,
      threshold: 0.5,
    };
    assert.equal(refine(none, all).masks.length, 0);
  });
});
