import type { Rng } from '../../core/rng';
import type { Range } from './transforms';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * One axis of a smooth random displacement, as Albumentations' elastic transform: white normal noise brought to -1..1,
 * blurred with standard deviation `sigma`, times `alpha`. [height * width] pixels.
 *
 * A field that smooth holds nothing finer than its blur, so it is drawn on a lattice twice finer than `sigma` and
 * interpolated: 9 to 600 times fewer numbers. The spread is that of the full-size noise.
 */
export function elasticField({ width, height }: Size, alpha: number, sigma: number, rng: Rng): Float32Array {
  const spacing = Math.max(1, sigma / 2);
  const blur = sigma / spacing;
  const radius = Math.ceil(3 * blur);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - radius) / blur) ** 2),
  );
  const columns = Math.ceil(width / spacing) + 2;
  const rows = Math.ceil(height / spacing) + 2;
  const lattice = blurredNoise(columns, rows, kernel, radius, rng);
  // Standard deviation of normal noise blurred by sigma: 1 / (2 sqrt(pi) sigma). Its largest of n values is about sqrt(2 ln n).
  const largest = Math.sqrt(2 * Math.log(2 * width * height));
  const scale = alpha / (largest * 2 * Math.sqrt(Math.PI) * sigma);
  return interpolate(lattice, columns, width, height, spacing, scale);
}

/** Noise of standard deviation 1 after the blur; the sum of many even draws is as good as normal. */
function blurredNoise(
  columns: number,
  rows: number,
  kernel: Float64Array,
  radius: number,
  rng: Rng,
): Float32Array {
  const wide = columns + 2 * radius;
  const tall = rows + 2 * radius;
  const norm = kernel.reduce((sum, value) => sum + value * value, 0);
  const std = Math.sqrt(12) / norm;
  const noise = new Float32Array(wide * tall);
  for (let i = 0; i < noise.length; i++) noise[i] = (rng.next() - 0.5) * std;
  const across = new Float32Array(columns * tall);
  for (let y = 0; y < tall; y++)
    for (let x = 0; x < columns; x++)
      across[y * columns + x] = weighted(noise, y * wide + x + radius, 1, kernel, radius);
  const out = new Float32Array(columns * rows);
  for (let i = 0; i < out.length; i++)
    out[i] = weighted(across, i + radius * columns, columns, kernel, radius);
  return out;
}

/** Symmetric weights over the neighbours of one value, `step` apart. */
function weighted(
  values: Float32Array,
  at: number,
  step: number,
  kernel: Float64Array,
  radius: number,
): number {
  let sum = kernel[radius] * values[at];
  for (let k = 1, away = step; k <= radius; k++, away += step)
    sum += kernel[radius + k] * (values[at - away] + values[at + away]);
  return sum;
}

function interpolate(
  lattice: Float32Array,
  columns: number,
  width: number,
  height: number,
  spacing: number,
  scale: number,
): Float32Array {
  const out = new Float32Array(width * height);
  const row = new Float32Array(columns);
  // The same for every row: the lattice point left of each pixel, and how far behind it the pixel lies.
  const lefts = Int32Array.from({ length: width }, (_, x) => Math.floor(x / spacing));
  const fractions = Float64Array.from(lefts, (left, x) => x / spacing - left);
  for (let y = 0; y < height; y++) {
    const v = y / spacing;
    const top = Math.floor(v) * columns;
    const fy = v - Math.floor(v);
    for (let x = 0; x < columns; x++)
      row[x] = scale * (lattice[top + x] + (lattice[top + columns + x] - lattice[top + x]) * fy);
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const left = lefts[x];
      out[at] = row[left] + (row[left + 1] - row[left]) * fractions[x];
    }
  }
  return out;
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
