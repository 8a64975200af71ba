import type { CropMask, SoftMask } from '../../geometry/masks';

/** Masks come out where their probability is over this. */
const MASK_THRESHOLD = 0.5;

/**
 * Puts a mask of probabilities back into an image of [height, width] pixels (torchvision's paste_masks_in_image):
 * padded by one, the box scaled up to match and cut to whole pixels, resized bilinearly, thresholded.
 */
export function pasteMask(
  { box: [x1, y1, x2, y2], size, probabilities }: SoftMask,
  { height: imageHeight, width: imageWidth }: { readonly height: number; readonly width: number },
): CropMask {
  const padded = size + 2;
  const [left, right] = scaleAbout(x1, x2, padded / size);
  const [top, bottom] = scaleAbout(y1, y2, padded / size);
  const xs = positions(right - left + 1, padded);
  const ys = positions(bottom - top + 1, padded);
  const x = Math.min(Math.max(left, 0), imageWidth);
  const y = Math.min(Math.max(top, 0), imageHeight);
  const width = Math.max(Math.min(right + 1, imageWidth) - x, 0);
  const height = Math.max(Math.min(bottom + 1, imageHeight) - y, 0);
  const data = new Uint8Array(width * height);
  // Row and column 0 and size + 1 of the padded mask are zero.
  const read = (i: number, j: number): number =>
    i < 1 || j < 1 || i > size || j > size ? 0 : probabilities[(i - 1) * size + j - 1];
  for (let i = 0; i < height; i++) {
    const sy = i + y - top;
    const low = ys.low[sy];
    const fy = ys.fraction[sy];
    for (let j = 0; j < width; j++) {
      const sx = j + x - left;
      const column = xs.low[sx];
      const fx = xs.fraction[sx];
      const upper = read(low, column) * (1 - fx) + read(low, column + 1) * fx;
      const lower = read(low + 1, column) * (1 - fx) + read(low + 1, column + 1) * fx;
      if (upper * (1 - fy) + lower * fy > MASK_THRESHOLD) data[i * width + j] = 1;
    }
  }
  return { x, y, width, height, data };
}

function scaleAbout(low: number, high: number, scale: number): [number, number] {
  const half = ((high - low) / 2) * scale;
  const centre = (low + high) / 2;
  const first = Math.trunc(centre - half);
  return [first, Math.max(Math.trunc(centre + half), first)];
}

function positions(length: number, padded: number): { low: Int32Array; fraction: Float64Array } {
  const low = new Int32Array(length);
  const fraction = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    const source = Math.max(((i + 0.5) * padded) / length - 0.5, 0);
    low[i] = Math.min(Math.floor(source), padded - 1);
    fraction[i] = low[i] === padded - 1 ? 0 : source - low[i];
  }
  return { low, fraction };
}
