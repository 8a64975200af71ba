import type { CropMask } from '../structures/crop_mask';

/**
 * The truth of one RoI as the mask loss takes it: the instance's mask averaged over size x size bins (RoIAlign with an
 * adaptive number of samples a bin, as torchvision's project_masks_on_boxes), written row by row to `out`.
 */
export function projectMask(
  mask: CropMask,
  boxes: Float32Array,
  row: number,
  imageHeight: number,
  imageWidth: number,
  size: number,
  out: Float32Array,
  at: number,
): void {
  const [x1, y1, x2, y2] = boxes.subarray(row * 4, row * 4 + 4);
  const xs = samples(x1, x2, size, imageWidth);
  const ys = samples(y1, y2, size, imageHeight);
  const read = (y: number, x: number): number => {
    const row = y - mask.y;
    const column = x - mask.x;
    return row < 0 || column < 0 || row >= mask.height || column >= mask.width
      ? 0
      : mask.data[row * mask.width + column];
  };
  const divisor = xs.perBin * ys.perBin;
  for (let i = 0; i < size * ys.perBin; i++) {
    if (ys.low[i] < 0) continue;
    const target = at + Math.floor(i / ys.perBin) * size;
    for (let j = 0; j < size * xs.perBin; j++) {
      if (xs.low[j] < 0) continue;
      const fy = ys.fraction[i];
      const fx = xs.fraction[j];
      const top = read(ys.low[i], xs.low[j]) * (1 - fx) + read(ys.low[i], xs.high[j]) * fx;
      const bottom = read(ys.high[i], xs.low[j]) * (1 - fx) + read(ys.high[i], xs.high[j]) * fx;
      out[target + Math.floor(j / xs.perBin)] += (top * (1 - fy) + bottom * fy) / divisor;
    }
  }
}

interface Samples {
  readonly perBin: number;
  /** -1: the sample lies more than a pixel outside and counts as 0. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly fraction: Float64Array;
}

function samples(from: number, to: number, size: number, limit: number): Samples {
  const length = Math.max(to - from, 1);
  const perBin = Math.max(1, Math.ceil((to - from) / size));
  const low = new Int32Array(size * perBin);
  const high = new Int32Array(size * perBin);
  const fraction = new Float64Array(size * perBin);
  for (let i = 0; i < low.length; i++) {
    const position = from + ((Math.floor(i / perBin) + ((i % perBin) + 0.5) / perBin) * length) / size;
    if (position < -1 || position > limit) {
      low[i] = -1;
      continue;
    }
    const clamped = Math.max(position, 0);
    low[i] = Math.min(Math.floor(clamped), limit - 1);
    high[i] = Math.min(low[i] + 1, limit - 1);
    fraction[i] = low[i] >= limit - 1 ? 0 : clamped - low[i];
  }
  return { perBin, low, high, fraction };
}
