import { createInterface } from 'node:readline';
import type { CropMask } from '../src/geometry/masks';
import { measureCell } from '../src/metrics/cells/shape';

/** A cell with scikit-image's measurements, as `bench/peers/regionprops.py` writes it. */
export interface MeasuredCell {
  readonly seed: number;
  readonly x: number;
  readonly y: number;
  /** Of 0 and 1. */
  readonly rows: readonly string[];
  readonly area: number;
  readonly cx: number;
  readonly cy: number;
  readonly perimeter: number;
  readonly eccentricity: number;
  readonly solidity: number;
}

/** How far our measurements are from the peer's. */
export interface ShapeErrors {
  /** Pixels. */
  readonly area: number;
  readonly centroid: number;
  /** Shares of the peer's value. */
  readonly perimeter: number;
  readonly eccentricity: number;
  readonly solidity: number;
}

export function shapeErrors(cell: MeasuredCell): ShapeErrors {
  const mask: CropMask = {
    x: cell.x,
    y: cell.y,
    width: cell.rows[0].length,
    height: cell.rows.length,
    data: Uint8Array.from(cell.rows.join(''), Number),
  };
  const own = measureCell(mask);
  const share = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(b), 1e-9);
  return {
    area: Math.abs(own.area - cell.area),
    centroid: Math.hypot(own.x - cell.cx, own.y - cell.cy),
    perimeter: share(own.perimeter, cell.perimeter),
    eccentricity: share(own.eccentricity, cell.eccentricity),
    solidity: share(own.solidity, cell.solidity),
  };
}

/**
 * Compares measurements with scikit-image's, cell by cell:
 *   bench/.env/bin/python bench/peers/regionprops.py FIRST COUNT | node dist/bench/cell_shapes.js
 * Prints the greatest errors; ends with 1 where one is over what is asked (area exact, centroid 0.01 px, the rest 1 %).
 */
async function main(): Promise<void> {
  const worst: Record<string, number> = {};
  let cells = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    cells++;
    for (const [name, error] of Object.entries(shapeErrors(JSON.parse(line) as MeasuredCell)))
      worst[name] = Math.max(worst[name] ?? 0, error);
  }
  console.log(JSON.stringify({ cells, ...worst }));
  const ok =
    cells > 0 &&
    worst.area === 0 &&
    worst.centroid <= 0.01 &&
    ['perimeter', 'eccentricity', 'solidity'].every((name) => worst[name] <= 0.01);
  process.exitCode = ok ? 0 : 1;
}

if (require.main === module) void main();
