import type { CropMask, SoftMask } from '../../geometry/masks';

/** The image that a mask is drawn into. */
export interface GuideImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly image: Uint8Array | Float32Array;
}

export interface SoftMaskSettings {
  /**
   * Pixels by which the box is widened on every side before its grid is laid over the image. torchvision's rounding
   * adds half a pixel on average, and a network trained as it trains gives masks that much too small without.
   */
  readonly margin: number;
  /**
   * How much the colours of the image move an undecided border: 0 draws the probabilities alone, 1 counts a pixel's
   * likeness to the inside as much as the network's own log odds.
   */
  readonly guide: number;
}

/** The network alone, at its word. */
export const PLAIN_SOFT_MASK: SoftMaskSettings = { margin: 0, guide: 0 };

/** Values chosen on training tiles of CoNSeP: `evaluate --ablate` tells what they do on others. */
export const GUIDED_SOFT_MASK: SoftMaskSettings = { margin: 0.5, guide: 0.5 };

/** Pixels whose probability lies between these are undecided: colour may move them. */
const UNDECIDED = { low: 0.2, high: 0.8 } as const;
/** Log odds that colour can add or take at most, before `guide`: a nucleolus or a speck of stain is no border. */
const MOST = 2;

/**
 * Draws a mask at the resolution of its image: each pixel's centre reads the grid where it lies, between pixels too
 * (torchvision first rounds the box outwards to whole pixels, each side by another amount: much for a cell of fifteen).
 * Over 0.5 is inside. With `guide`, pixels near the border also go by their colour: by how far it is from the mean
 * colours of the mask's inside and of its surroundings, each channel by its own spread.
 */
export function drawSoftMask(
  soft: SoftMask,
  image: GuideImage,
  { margin, guide }: SoftMaskSettings = PLAIN_SOFT_MASK,
): CropMask {
  const [x1, y1, x2, y2] = soft.box;
  const mask: SoftMask = { ...soft, box: [x1 - margin, y1 - margin, x2 + margin, y2 + margin] };
  const region = regionOf(mask, image);
  const probabilities = sampleGrid(mask, region);
  const data = new Uint8Array(probabilities.length);
  const likeness = guide > 0 ? colourLikeness(probabilities, region, image) : undefined;
  for (let i = 0; i < data.length; i++) {
    const p = probabilities[i];
    if (likeness && p > UNDECIDED.low && p < UNDECIDED.high)
      data[i] = Math.log(p / (1 - p)) + guide * likeness[i] > 0 ? 1 : 0;
    else data[i] = p > 0.5 ? 1 : 0;
  }
  return { ...region, data };
}

/** Pixels of the image. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The box and half a cell of its grid around it, where probabilities fall to zero; at least a pixel. */
function regionOf({ box: [x1, y1, x2, y2], size }: SoftMask, image: GuideImage): Region {
  const [dx, dy] = [Math.max((x2 - x1) / size, 1), Math.max((y2 - y1) / size, 1)];
  const x = Math.max(Math.floor(x1 - dx), 0);
  const y = Math.max(Math.floor(y1 - dy), 0);
  return {
    x,
    y,
    width: Math.max(Math.min(Math.ceil(x2 + dx), image.width) - x, 0),
    height: Math.max(Math.min(Math.ceil(y2 + dy), image.height) - y, 0),
  };
}

/** Probabilities at the centres of a region's pixels, bilinear; beyond the grid they are 0. */
function sampleGrid({ box: [x1, y1, x2, y2], size, probabilities }: SoftMask, region: Region): Float32Array {
  const { x, y, width, height } = region;
  const out = new Float32Array(width * height);
  const [scaleX, scaleY] = [size / Math.max(x2 - x1, 1e-6), size / Math.max(y2 - y1, 1e-6)];
  const read = (i: number, j: number): number =>
    i < 0 || j < 0 || i >= size || j >= size ? 0 : probabilities[i * size + j];
  for (let row = 0; row < height; row++) {
    const v = (y + row + 0.5 - y1) * scaleY - 0.5;
    const top = Math.floor(v);
    if (top < -1 || top >= size) continue;
    const fy = v - top;
    for (let column = 0; column < width; column++) {
      const u = (x + column + 0.5 - x1) * scaleX - 0.5;
      const left = Math.floor(u);
      if (left < -1 || left >= size) continue;
      const fx = u - left;
      const upper = read(top, left) * (1 - fx) + read(top, left + 1) * fx;
      const lower = read(top + 1, left) * (1 - fx) + read(top + 1, left + 1) * fx;
      out[row * width + column] = upper * (1 - fy) + lower * fy;
    }
  }
  return out;
}

/**
 * Log odds of a pixel being inside, by colour alone: a linear discriminant of the colours inside and outside, weighted
 * by the probabilities, channels taken as independent. All zero where a side has no pixel.
 */
function colourLikeness(probabilities: Float32Array, region: Region, guide: GuideImage): Float32Array {
  const inside = new Float64Array(7);
  const outside = new Float64Array(7);
  const colour = (i: number): number => {
    const row = Math.floor(i / region.width);
    return ((region.y + row) * guide.width + region.x + i - row * region.width) * 3;
  };
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i];
    const sums = p >= UNDECIDED.high ? inside : p <= UNDECIDED.low ? outside : undefined;
    if (!sums) continue;
    sums[0]++;
    for (let c = 0, at = colour(i); c < 3; c++) {
      sums[1 + c] += guide.image[at + c];
      sums[4 + c] += guide.image[at + c] ** 2;
    }
  }
  const out = new Float32Array(probabilities.length);
  if (inside[0] < 4 || outside[0] < 4) return out;
  const weights = new Float64Array(3);
  let middle = 0;
  for (let c = 0; c < 3; c++) {
    const [a, b] = [inside[1 + c] / inside[0], outside[1 + c] / outside[0]];
    const variance =
      (inside[4 + c] - inside[0] * a * a + outside[4 + c] - outside[0] * b * b) / (inside[0] + outside[0]);
    weights[c] = variance > 0 ? (a - b) / (3 * variance) : 0;
    middle += (weights[c] * (a + b)) / 2;
  }
  for (let i = 0; i < out.length; i++) {
    const at = colour(i);
    let odds = -middle;
    for (let c = 0; c < 3; c++) odds += weights[c] * guide.image[at + c];
    out[i] = Math.max(-MOST, Math.min(MOST, odds));
  }
  return out;
}
