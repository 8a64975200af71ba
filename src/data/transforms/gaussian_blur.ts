/** A Gaussian of standard deviation `sigma`, sum 1; 0 for `size`: 3.5 standard deviations to each side (as Albumentations, after PIL). */
export function gaussianKernel(sigma: number, size = 0): Float64Array {
  let length = size === 0 ? Math.floor(sigma * 3.5) * 2 + 1 : size;
  if (length % 2 === 0) length++;
  const centre = (length - 1) / 2;
  const kernel = Float64Array.from({ length }, (_, i) => Math.exp(-0.5 * ((i - centre) / sigma) ** 2));
  const sum = kernel.reduce((total, value) => total + value, 0);
  return kernel.map((value) => value / sum);
}

/** Bits behind the point: of a weight, and of a value between the two passes. Sums stay under 2^31. */
const WEIGHT_BITS = 14;
const VALUE_BITS = 8;

/**
 * Separable blur of an interleaved RGB image; the image is mirrored at its edges (without repeating the edge). Whole
 * numbers throughout, exact to a fiftieth of a grey level: four times as fast as floating point.
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
  const weights = wholeWeights(kernel, radius);
  const row = width * 3;
  const margin = radius * 3;
  const padded = new Uint16Array(row + 2 * margin);
  // Rows blurred across, with mirrored rows above and below.
  const lines = new Uint16Array((height + 2 * radius) * row);
  for (let y = 0; y < height; y++) {
    padded.set(image.subarray(y * row, (y + 1) * row), margin);
    for (let x = 1; x <= radius; x++)
      for (let c = 0; c < 3; c++) {
        padded[margin - 3 * x + c] = image[y * row + mirror(-x, width) * 3 + c];
        padded[margin + row + 3 * (x - 1) + c] = image[y * row + mirror(width - 1 + x, width) * 3 + c];
      }
    weigh(padded, margin, 3, weights, lines, (y + radius) * row, row, WEIGHT_BITS - VALUE_BITS);
  }
  for (let k = 1; k <= radius; k++) {
    const copy = (from: number, to: number): void => {
      lines.copyWithin((to + radius) * row, (from + radius) * row, (from + radius + 1) * row);
    };
    copy(mirror(-k, height), -k);
    copy(mirror(height - 1 + k, height), height - 1 + k);
  }
  const out = new Uint8Array(image.length);
  const levels = new Uint16Array(row);
  for (let y = 0; y < height; y++) {
    weigh(lines, (y + radius) * row, row, weights, levels, 0, row, WEIGHT_BITS + VALUE_BITS);
    out.set(levels, y * row);
  }
  return out;
}

/** Centre and one side, as whole numbers whose sum over both sides is exactly 2^WEIGHT_BITS. */
function wholeWeights(kernel: Float64Array, radius: number): Int32Array {
  const weights = Int32Array.from(kernel.subarray(radius), (value) => Math.round(value * (1 << WEIGHT_BITS)));
  let sum = weights[0];
  for (let k = 1; k <= radius; k++) sum += 2 * weights[k];
  weights[0] += (1 << WEIGHT_BITS) - sum;
  return weights;
}

/**
 * Symmetric weights over neighbours `step` apart, rounded and shifted right: `count` values from `at`. One type of array
 * in and out keeps the compiled loop tight.
 */
function weigh(
  source: Uint16Array,
  at: number,
  step: number,
  weights: Int32Array,
  out: Uint16Array,
  to: number,
  count: number,
  shift: number,
): void {
  const half = 1 << (shift - 1);
  const radius = weights.length - 1;
  if (radius > 3) {
    weighWide(source, at, step, weights, out, to, count, shift);
    return;
  }
  // Up to three neighbours written out: most blurs, in a third of the time of a loop.
  const [w0, w1, w2 = 0, w3 = 0] = weights;
  const second = radius >= 2 ? 2 * step : 0;
  const third = radius >= 3 ? 3 * step : 0;
  for (let i = at, end = at + count; i < end; i++) {
    const near = w0 * source[i] + w1 * (source[i - step] + source[i + step]) + half;
    const far = w2 * (source[i - second] + source[i + second]) + w3 * (source[i - third] + source[i + third]);
    out[to++] = (near + far) >> shift;
  }
}

function weighWide(
  source: Uint16Array,
  at: number,
  step: number,
  weights: Int32Array,
  out: Uint16Array,
  to: number,
  count: number,
  shift: number,
): void {
  const half = 1 << (shift - 1);
  const radius = weights.length - 1;
  const [w0, w1, w2, w3, w4] = weights;
  const [second, third, fourth] = [2 * step, 3 * step, 4 * step];
  for (let i = at, end = at + count; i < end; i++) {
    let sum = w0 * source[i] + w1 * (source[i - step] + source[i + step]) + half;
    sum += w2 * (source[i - second] + source[i + second]) + w3 * (source[i - third] + source[i + third]);
    sum += w4 * (source[i - fourth] + source[i + fourth]);
    for (let k = 5, away = 5 * step; k <= radius; k++, away += step)
      sum += weights[k] * (source[i - away] + source[i + away]);
    out[to++] = sum >> shift;
  }
}

function mirror(at: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const phase = ((at % period) + period) % period;
  return phase < length ? phase : period - phase;
}
