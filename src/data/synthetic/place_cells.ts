import type { Rng } from '../../core/rng';
import { CELL_KINDS, type CellKind, type CellPainter } from './cell_kinds';

/** A cell in the image: outline in polar form around its centre. */
export interface PlacedCell {
  /** 1..K. */
  readonly label: number;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Half axes over the mean radius, and the angle of the long one. */
  readonly long: number;
  readonly short: number;
  readonly angle: number;
  /** Amplitude and phase of the waves 2, 3, 4 … of the outline. */
  readonly waves: readonly { readonly amplitude: number; readonly phase: number }[];
  readonly paint: CellPainter;
}

/** A cell behind others must show at least this share of itself. */
const VISIBLE_SHARE = 0.72;
/** A cell cut by the edge of the image must show at least this share. */
const INSIDE_SHARE = 0.5;

/** Own coordinates of a pixel: u, v on the axes, and depth 0 in the middle to 1 on the outline. */
export function cellCoordinates(cell: PlacedCell, px: number, py: number, out: Float64Array): void {
  const dx = px - cell.x;
  const dy = py - cell.y;
  const cos = Math.cos(cell.angle);
  const sin = Math.sin(cell.angle);
  const u = (dx * cos + dy * sin) / (cell.radius * cell.long);
  const v = (dy * cos - dx * sin) / (cell.radius * cell.short);
  const square = u * u + v * v;
  // Waves reach 1.5 times the radius at most.
  if (square > 2.25) {
    out[2] = 2;
    return;
  }
  const theta = Math.atan2(v, u);
  let outline = 1;
  for (let k = 0; k < cell.waves.length; k++)
    outline += cell.waves[k].amplitude * Math.cos((k + 2) * theta + cell.waves[k].phase);
  out[0] = u / outline;
  out[1] = v / outline;
  out[2] = Math.sqrt(square) / outline;
}

/** The pixels a cell can reach, cut to the image: x1, y1, x2, y2 (exclusive). */
export function cellBounds(
  cell: PlacedCell,
  width: number,
  height: number,
): [number, number, number, number] {
  const reach = cell.radius * cell.long * 1.35 + 2;
  return [
    Math.max(0, Math.floor(cell.x - reach)),
    Math.max(0, Math.floor(cell.y - reach)),
    Math.min(width, Math.ceil(cell.x + reach)),
    Math.min(height, Math.ceil(cell.y + reach)),
  ];
}

/**
 * Places cells in nests: most stand against one that is already there, mostly of its own class, partly behind it, so
 * that they share borders. `owner` gets the number (1..n) of the cell each pixel belongs to.
 */
export function placeCells(
  width: number,
  height: number,
  count: number,
  rng: Rng,
  owner: Uint16Array,
): PlacedCell[] {
  const cells: PlacedCell[] = [];
  for (let attempt = 0; attempt < count * 40 && cells.length < count; attempt++) {
    const neighbour = cells.length > 0 && rng.chance(0.5) ? rng.pick(cells) : undefined;
    const label = neighbour && rng.chance(0.6) ? neighbour.label : pickLabel(rng);
    const cell = proposeCell(label, CELL_KINDS[label - 1], neighbour, width, height, rng);
    if (claimPixels(cell, cells.length + 1, width, height, owner)) cells.push(cell);
  }
  return cells;
}

function pickLabel(rng: Rng): number {
  let left = rng.next();
  for (const [k, { share }] of CELL_KINDS.entries()) {
    left -= share;
    if (left < 0) return k + 1;
  }
  return CELL_KINDS.length;
}

function proposeCell(
  label: number,
  kind: CellKind,
  neighbour: PlacedCell | undefined,
  width: number,
  height: number,
  rng: Rng,
): PlacedCell {
  const [mean, std, least, most] = kind.radius;
  const radius = Math.min(most, Math.max(least, rng.normal(mean, std)));
  const elongation = Math.sqrt(rng.uniform(...kind.elongation));
  let x = rng.uniform(0, width);
  let y = rng.uniform(0, height);
  if (neighbour) {
    const direction = rng.uniform(0, 2 * Math.PI);
    const distance = (radius + neighbour.radius) * rng.uniform(0.82, 1.02);
    x = neighbour.x + distance * Math.cos(direction);
    y = neighbour.y + distance * Math.sin(direction);
  }
  const waves = Array.from({ length: 4 }, () => ({
    amplitude: kind.waviness * rng.uniform(0.2, 1),
    phase: rng.uniform(0, 2 * Math.PI),
  }));
  const angle = rng.uniform(0, Math.PI);
  return {
    label,
    x,
    y,
    radius,
    long: elongation,
    short: 1 / elongation,
    angle,
    waves,
    paint: kind.paint(rng),
  };
}

/** Gives the cell its free pixels, unless too little of it would be seen. */
function claimPixels(
  cell: PlacedCell,
  number: number,
  width: number,
  height: number,
  owner: Uint16Array,
): boolean {
  const [x1, y1, x2, y2] = cellBounds(cell, width, height);
  const own = new Float64Array(3);
  const free: number[] = [];
  let inside = 0;
  for (let y = y1; y < y2; y++)
    for (let x = x1; x < x2; x++) {
      cellCoordinates(cell, x, y, own);
      if (own[2] >= 1) continue;
      inside++;
      if (owner[y * width + x] === 0) free.push(y * width + x);
    }
  const whole = Math.PI * cell.radius * cell.radius;
  if (inside < INSIDE_SHARE * whole || free.length < VISIBLE_SHARE * inside) return false;
  if (!connected(free, width, owner, number)) return false;
  return true;
}

/** Marks the free pixels; undoes it when the cell behind would fall into pieces. */
function connected(free: readonly number[], width: number, owner: Uint16Array, number: number): boolean {
  for (const p of free) owner[p] = number;
  const height = owner.length / width;
  const seen = new Set<number>([free[0]]);
  const queue = [free[0]];
  for (let p = queue.pop(); p !== undefined; p = queue.pop()) {
    const x = p % width;
    const y = (p - x) / width;
    for (const [nx, ny] of [
      [x - 1, y],
      [x + 1, y],
      [x, y - 1],
      [x, y + 1],
    ]) {
      const q = ny * width + nx;
      if (nx < 0 || ny < 0 || nx >= width || ny >= height || owner[q] !== number || seen.has(q)) continue;
      seen.add(q);
      queue.push(q);
    }
  }
  if (seen.size === free.length) return true;
  for (const p of free) owner[p] = 0;
  return false;
}
