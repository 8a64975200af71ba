import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type MeasuredCell, shapeErrors } from '../../../bench/cell_shapes';
import { measureCell } from '../../../src/metrics/cells/shape';
import { fixturePath } from '../../support';

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

  // Made by bench/peers/regionprops.py 0 40 350 with scikit-image 0.25.2.
  it('of 40 cells equal those of scikit-image, holes, pieces and cut cells among them', () => {
    const lines = fs.readFileSync(fixturePath('cell_shapes.jsonl'), 'utf8').trim().split('\n');
    assert.equal(lines.length, 40);
    for (const line of lines) {
      const cell = JSON.parse(line) as MeasuredCell;
      const errors = shapeErrors(cell);
      assert.equal(errors.area, 0);
      for (const [name, error] of Object.entries(errors))
        assert.ok(error < 1e-9, `${cell.seed} ${name} ${error}`);
    }
  });

  it('of nothing are zero', () => {
    assert.equal(measureCell({ x: 0, y: 0, width: 0, height: 0, data: new Uint8Array(0) }).area, 0);
  });
});
