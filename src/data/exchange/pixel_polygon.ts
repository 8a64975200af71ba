import type { CropMask } from '../../structures/crop_mask';

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * A polygon whose corners are pixel numbers: every pixel whose number lies inside (even-odd rule) or on the line, as
 * `skimage.draw.polygon` fills it, which the MoNuSAC organisers' own conversion uses. Undefined when none lies in the
 * image.
 *
 * @param points x0, y0, x1, y1 …
 */
export function pixelPolygonMask(points: readonly number[], { width, height }: Size): CropMask | undefined {
  const n = points.length >> 1;
  const xs = Array.from({ length: n }, (_, i) => points[2 * i]);
  const ys = Array.from({ length: n }, (_, i) => points[2 * i + 1]);
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  const x = clamp(Math.floor(Math.min(...xs)), width - 1);
  const y = clamp(Math.floor(Math.min(...ys)), height - 1);
  const right = clamp(Math.ceil(Math.max(...xs)), width - 1);
  const bottom = clamp(Math.ceil(Math.max(...ys)), height - 1);
  const crop = {
    x,
    y,
    width: right - x + 1,
    height: bottom - y + 1,
    data: new Uint8Array((right - x + 1) * (bottom - y + 1)),
  };
  const fill = (row: number, from: number, to: number): void => {
    if (row < y || row > bottom) return;
    const start = Math.max(Math.ceil(from), x);
    const end = Math.min(Math.floor(to), right);
    if (start <= end)
      crop.data.fill(1, (row - y) * crop.width + start - x, (row - y) * crop.width + end - x + 1);
  };
  for (let row = y; row <= bottom; row++) {
    const crossings: number[] = [];
    for (let i = 0; i < n; i++) {
      const j = (i + 1) % n;
      // Half-open, so that a corner between two sides counts once.
      if (ys[i] <= row === ys[j] <= row) continue;
      crossings.push(xs[i] + ((row - ys[i]) * (xs[j] - xs[i])) / (ys[j] - ys[i]));
    }
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) fill(row, crossings[k], crossings[k + 1]);
  }
  // What the half-open rule leaves out of the line itself: corners and horizontal sides.
  for (let i = 0; i < n; i++) {
    const j = (i + 1) % n;
    if (!Number.isInteger(ys[i])) continue;
    fill(ys[i], xs[i], xs[i]);
    if (ys[i] === ys[j]) fill(ys[i], Math.min(xs[i], xs[j]), Math.max(xs[i], xs[j]));
  }
  return crop.data.includes(1) ? crop : undefined;
}
