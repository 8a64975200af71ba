import type { Rng } from '../../core/rng';

/** Side of the random lattice, which repeats. */
const LATTICE = 97;

/** Shape of a field: lattice spacing in pixels, how much longer it is along its direction, and that direction. */
export interface NoiseShape {
  readonly spacing: number;
  readonly stretch?: number;
  readonly angle?: number;
}

/** Smooth random field: random values on a lattice, interpolated with a cubic step. [height * width], 0..1. */
export function smoothNoise(width: number, height: number, shape: NoiseShape, rng: Rng): Float32Array {
  const { spacing, stretch = 1, angle = 0 } = shape;
  const lattice = Float32Array.from({ length: LATTICE * LATTICE }, () => rng.next());
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  // An origin far from zero keeps every coordinate positive.
  const origin = LATTICE * Math.ceil((width + height) / (spacing * LATTICE));
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const u = origin + (x * cos + y * sin) / (spacing * stretch);
      const v = origin + (y * cos - x * sin) / spacing;
      const column = Math.floor(u);
      const row = Math.floor(v);
      const fx = easeStep(u - column);
      const left = column % LATTICE;
      const right = (column + 1) % LATTICE;
      const upper = (row % LATTICE) * LATTICE;
      const lower = ((row + 1) % LATTICE) * LATTICE;
      const top = lattice[upper + left] + (lattice[upper + right] - lattice[upper + left]) * fx;
      const bottom = lattice[lower + left] + (lattice[lower + right] - lattice[lower + left]) * fx;
      out[y * width + x] = top + (bottom - top) * easeStep(v - row);
    }
  return out;
}

function easeStep(t: number): number {
  return t * t * (3 - 2 * t);
}

/** 0 under `low`, 1 over `high`, a smooth ramp between; falls when `low` > `high`. */
export function ramp(low: number, high: number, value: number): number {
  const t = (value - low) / (high - low);
  return easeStep(Math.min(Math.max(t, 0), 1));
}
