/** A Gaussian of deviation `sigma`, sum 1; 0 for `size`: 3.5 deviations to each side (as Albumentations, after PIL). */
export function gaussianKernel(sigma: number, size = 0): Float64Array {
  let length = size === 0 ? Math.floor(sigma * 3.5) * 2 + 1 : size;
  if (length % 2 === 0) length++;
  const centre = (length - 1) / 2;
  const kernel = Float64Array.from({ length }, (_, i) => Math.exp(-0.5 * ((i - centre) / sigma) ** 2));
  const sum = kernel.reduce((total, value) => total + value, 0);
  return kernel.map((value) => value / sum);
}

/**
 * Separable blur of an interleaved RGB image; the picture is mirrored at its edges (without repeating the edge).
 *
 * @returns a new image.
 */
export function blurImage(
  image: Uint8Array,
  width: number,
  height: number,
  kernel: Float64Array,
): Uint8Array {
  const radius = (kernel.length - 1) / 2;
  if (radius === 0) return image.slice();
  const row = width * 3;
  const weights = Float32Array.from(kernel.subarray(radius));
  // One padded row, blurred across into `lines`; then down.
  const padded = new Float32Array((width + 2 * radius) * 3);
  const lines = new Float32Array(image.length);
  for (let y = 0; y < height; y++) {
    for (let x = -radius; x < width + radius; x++) {
      const from = y * row + mirror(x, width) * 3;
      const to = (x + radius) * 3;
      padded[to] = image[from];
      padded[to + 1] = image[from + 1];
      padded[to + 2] = image[from + 2];
    }
    blurRow(padded, weights, radius * 3, lines, y * row, row);
  }
  const out = new Uint8Array(image.length);
  const sums = new Float32Array(row);
  for (let y = 0; y < height; y++) {
    const centre = y * row;
    for (let i = 0; i < row; i++) sums[i] = weights[0] * lines[centre + i] + 0.5;
    for (let k = 1; k <= radius; k++) {
      const above = mirror(y - k, height) * row;
      const below = mirror(y + k, height) * row;
      const weight = weights[k];
      for (let i = 0; i < row; i++) sums[i] += weight * (lines[above + i] + lines[below + i]);
    }
    for (let i = 0; i < row; i++) out[centre + i] = sums[i];
  }
  return out;
}

/** Symmetric weights across one padded row. */
function blurRow(
  padded: Float32Array,
  weights: Float32Array,
  offset: number,
  out: Float32Array,
  to: number,
  row: number,
): void {
  for (let i = 0; i < row; i++) out[to + i] = weights[0] * padded[offset + i];
  for (let k = 1; k < weights.length; k++) {
    const weight = weights[k];
    const left = offset - 3 * k;
    const right = offset + 3 * k;
    for (let i = 0; i < row; i++) out[to + i] += weight * (padded[left + i] + padded[right + i]);
  }
}

function mirror(at: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const phase = ((at % period) + period) % period;
  return phase < length ? phase : period - phase;
}
