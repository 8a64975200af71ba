import type { Rng } from '../../core/rng';
import type { Range } from './transforms';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Widths of the cells of the distorted grid, about 1, along both axes: `numSteps` + 1 each. */
export interface GridSteps {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Draws the grid as Albumentations 2.0.8 does (`GridDistortion.get_params_dependent_on_data`). */
export function gridSteps(
  { width, height }: Size,
  numSteps: number,
  limit: Range,
  normalized: boolean,
  rng: Rng,
): GridSteps {
  const draw = (): number[] => Array.from({ length: numSteps + 1 }, () => 1 + rng.uniform(...limit));
  const x = draw();
  const y = draw();
  return normalized
    ? { x: normalizeSteps(x, width, numSteps), y: normalizeSteps(y, height, numSteps) }
    : { x, y };
}

/** Scales the widths so that the grid ends where the image does (`normalize_grid_distortion_steps`). */
export function normalizeSteps(steps: readonly number[], length: number, numSteps: number): number[] {
  const step = Math.max(1, Math.floor(length / numSteps));
  const last = Math.min(length, (numSteps + 1) * step) - numSteps * step;
  const scaled = [...steps.slice(0, -1), (steps[numSteps] * last) / step];
  const sum = scaled.reduce((total, value) => total + value, 0);
  return scaled.map((value) => (value * length) / step / sum);
}

/** Where each column and each row of the output comes from (`generate_grid`). */
export function gridAxes(
  { width, height }: Size,
  steps: GridSteps,
  numSteps: number,
): { columns: Float32Array; rows: Float32Array } {
  return { columns: axis(width, steps.x, numSteps), rows: axis(height, steps.y, numSteps) };
}

function axis(length: number, steps: readonly number[], numSteps: number): Float32Array {
  const out = new Float32Array(length);
  const step = Math.max(1, Math.floor(length / numSteps));
  let previous = 0;
  steps.forEach((width, k) => {
    const start = k * step;
    const count = Math.min(start + step, length) - start;
    const current = previous + step * width;
    // As np.linspace: both ends are included.
    for (let i = 0; i < count; i++)
      out[start + i] = previous + ((current - previous) * i) / Math.max(1, count - 1);
    previous = current;
  });
  return out;
}
