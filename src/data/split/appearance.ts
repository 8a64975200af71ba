/** Side of the small picture that stands for an image. */
const SIDE = 24;

/** What an image looks like: [SIDE * SIDE] grey levels of a small square copy, mean 0, length 1. */
export type Appearance = Float32Array;

/** Shrinks by area to a small square and takes brightness and contrast out. Undefined for an image without any. */
export function appearanceOf(image: Uint8Array, width: number, height: number): Appearance | undefined {
  const sums = new Float64Array(SIDE * SIDE);
  const columns = shares(width);
  const rows = shares(height);
  for (let y = 0; y < height; y++) {
    const row = new Float64Array(SIDE);
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      const grey = image[at] + image[at + 1] + image[at + 2];
      const { bin, first } = columns[x];
      row[bin] += grey * first;
      if (first < 1) row[bin + 1] += grey * (1 - first);
    }
    const { bin, first } = rows[y];
    for (let k = 0; k < SIDE; k++) {
      sums[bin * SIDE + k] += row[k] * first;
      if (first < 1) sums[(bin + 1) * SIDE + k] += row[k] * (1 - first);
    }
  }
  const mean = sums.reduce((total, value) => total + value, 0) / sums.length;
  const length = Math.sqrt(sums.reduce((total, value) => total + (value - mean) ** 2, 0));
  // An even surface: a spread of under a thousandth of the mean.
  if (length < 1e-3 * Math.max(1, mean) * SIDE) return undefined;
  return Float32Array.from(sums, (value) => (value - mean) / length);
}

/** For every pixel the bin it begins in, and the share of it that lies there. */
function shares(length: number): { bin: number; first: number }[] {
  return Array.from({ length }, (_, i) => {
    const start = (i * SIDE) / length;
    const end = ((i + 1) * SIDE) / length;
    const bin = Math.floor(start);
    // A pixel wider than a bin (images under 24 px) goes to the bin of its start; such images are compared roughly.
    return { bin, first: end <= bin + 1 || bin + 1 >= SIDE ? 1 : (bin + 1 - start) / (end - start) };
  });
}

/** The eight ways to lay a picture: turns by 90 degrees, and the same mirrored. */
export function orientations(appearance: Appearance): Appearance[] {
  const turned = (from: Appearance): Appearance =>
    from.map((_, i) => from[(i % SIDE) * SIDE + SIDE - 1 - Math.floor(i / SIDE)]);
  const mirrored = (from: Appearance): Appearance =>
    from.map((_, i) => from[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]);
  const out: Appearance[] = [appearance];
  for (let k = 1; k < 4; k++) out.push(turned(out[k - 1]));
  return [...out, ...out.map(mirrored)];
}

/** Correlation, -1..1. */
export function likeness(a: Appearance, b: Appearance): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
