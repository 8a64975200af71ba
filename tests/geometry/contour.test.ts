import assert from 'node:assert/strict';
import { createRng } from '../../src/core/rng';
import { type ContourPolygon, maskPolygons, signedArea, traceContours } from '../../src/geometry/contour';
import type { CropMask } from '../../src/geometry/masks';

function mask(rows: readonly string[], x = 0, y = 0): CropMask {
  const data = Uint8Array.from([...rows.join('')], (c) => (c === '#' ? 1 : 0));
  return { x, y, width: rows[0]?.length ?? 0, height: rows.length, data };
}

describe('traceContours', () => {
  it('goes around one pixel, clockwise, in the image', () => {
    assert.deepEqual(
      traceContours(mask(['#'], 10, 20)).map(({ points, hole }) => ({ points: [...points], hole })),
      [{ points: [11, 20, 11, 21, 10, 21, 10, 20], hole: false }],
    );
  });

  it('keeps corners only', () => {
    const [{ points }] = traceContours(mask(['####', '####', '##..']));
    assert.deepEqual([...points], [4, 0, 4, 2, 2, 2, 2, 3, 0, 3, 0, 0]);
  });

  it('takes pixels that touch at a corner as apart', () => {
    assert.equal(traceContours(mask(['#.', '.#'])).length, 2);
    // Here the background meets at the corner: two holes of four corners each, which may touch there.
    const contours = traceContours(mask(['####', '#.##', '##.#', '####']));
    assert.deepEqual(contours.map(({ hole }) => hole).sort(), [false, true, true]);
    assert.deepEqual(
      contours.filter(({ hole }) => hole).map(({ points }) => points.length),
      [8, 8],
    );
    // A ring of pixels that closes at a corner alone: its hole touches the outer line there.
    const closed = traceContours(mask(['##.', '#.#', '###']));
    assert.deepEqual(
      closed.map(({ hole, points }) => [hole, signedArea(points)]),
      [
        [true, -1],
        [false, 8],
      ],
    );
  });

  it('gives nothing for an empty mask', () => {
    assert.deepEqual(traceContours(mask(['..'])), []);
    assert.deepEqual(traceContours(mask([])), []);
  });

  it('encloses exactly the pixels of the mask', () => {
    const rng = createRng(5);
    for (let i = 0; i < 200; i++) {
      const [width, height] = [rng.integer(1, 14), rng.integer(1, 14)];
      const data = Uint8Array.from({ length: width * height }, () => (rng.chance(0.6) ? 1 : 0));
      const area = data.reduce((sum, value) => sum + value, 0);
      const pieces = maskPolygons({ x: 3, y: 4, width, height, data });
      let enclosed = 0;
      for (const { outer, holes } of pieces)
        for (const line of [outer, ...holes]) enclosed += signedArea(line.points);
      // Lines around holes count negative: nothing is lost, and every hole has found its piece.
      assert.equal(enclosed, area, `mask ${i}`);
    }
  });
});

/** What JTS and shapely ask of a ring: it comes to no point twice. Of a polygon: holes inside, no two with a common side. */
function faultOf({ outer, holes }: ContourPolygon): string | undefined {
  const sides = new Set<string>();
  for (const { points } of [outer, ...holes]) {
    const corners = new Set<string>();
    for (let i = 0; i < points.length; i += 2) {
      if (corners.has(`${points[i]},${points[i + 1]}`))
        return `comes twice to ${points[i]}, ${points[i + 1]}`;
      corners.add(`${points[i]},${points[i + 1]}`);
      // Every step of one pixel along the line.
      const j = (i + 2) % points.length;
      const [dx, dy] = [Math.sign(points[j] - points[i]), Math.sign(points[j + 1] - points[i + 1])];
      for (let x = points[i], y = points[i + 1]; x !== points[j] || y !== points[j + 1]; x += dx, y += dy) {
        const side = `${Math.min(x, x + dx)},${Math.min(y, y + dy)},${dx === 0}`;
        if (sides.has(side)) return `a side twice at ${side}`;
        sides.add(side);
      }
    }
  }
  return undefined;
}

describe('maskPolygons', () => {
  it('gives valid polygons of 2,000 random masks, the dense and the sparse ones', () => {
    const rng = createRng('valid');
    for (let i = 0; i < 2000; i++) {
      const [width, height, share] = [rng.integer(1, 20), rng.integer(1, 20), rng.next()];
      const data = Uint8Array.from({ length: width * height }, () => (rng.chance(share) ? 1 : 0));
      for (const polygon of maskPolygons({ x: 0, y: 0, width, height, data }))
        assert.equal(faultOf(polygon), undefined, `mask ${i}`);
    }
  });

  it('gives a hole to the piece around it, also where pieces are in holes', () => {
    const rows = ['#######', '#.....#', '#.###.#', '#.#.#.#', '#.###.#', '#.....#', '#######'];
    const pieces = maskPolygons(mask(rows));
    // By hand: a ring of 3 x 3 with a hole of 1, in a ring of 7 x 7 with a hole of 5 x 5.
    assert.deepEqual(
      pieces.map(({ outer, holes }) => [
        signedArea(outer.points),
        holes.map((hole) => signedArea(hole.points)),
      ]),
      [
        [9, [-1]],
        [49, [-25]],
      ],
    );
  });
});
