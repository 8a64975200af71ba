import * as assert from 'node:assert/strict';
import { measureCell } from '../../src/metrics/cell_shape';

const crop = (rows: readonly string[]) => ({
  x: 10,
  y: 20,
  width: rows[0].length,
  height: rows.length,
  data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
});

describe('measurements of a cell', () => {
  it('of a square, by hand', () => {
    const { area, x, y, perimeter, eccentricity, solidity } = measureCell(
      crop(['####', '####', '####', '####']),
    );
    // The border runs through the centres of 12 pixels.
    assert.deepEqual([area, x, y, perimeter, eccentricity, solidity], [16, 11.5, 21.5, 12, 0, 1]);
  });

  it('of an L, by hand', () => {
    const cell = measureCell(crop(['#..', '#..', '###']));
    assert.equal(cell.area, 5);
    assert.equal(cell.x, 10 + (0 + 0 + 0 + 1 + 2) / 5);
    // The hull also holds the pixel in the corner of the L, whose centre lies on its edge.
    assert.equal(cell.solidity, 5 / 6);
  });

  it('of nothing are zero', () => {
    assert.equal(measureCell({ x: 0, y: 0, width: 0, height: 0, data: new Uint8Array(0) }).area, 0);
  });
});
