import type { Instances } from '../../geometry/instances';
import type { CropMask } from '../../geometry/masks';
import { mapMasks } from './masks';

export interface MorphologySettings {
  /** Side of the square, odd, pixels; 1 does nothing. */
  readonly close: number;
  readonly open: number;
}

/** The report's values: close by 5 x 5, then open by 3 x 3. */
export const REPORT_MORPHOLOGY: MorphologySettings = { close: 5, open: 3 };

/** Closes gaps, then takes off thorns. A mask that the opening would empty is left as it was closed. */
export function applyMorphology(
  instances: Instances,
  { close, open }: MorphologySettings = REPORT_MORPHOLOGY,
): Instances {
  return mapMasks(instances, (mask, image) => {
    const closed = closeMask(mask, close, image);
    const opened = openMask(closed, open, image);
    return opened.data.includes(1) ? opened : closed;
  });
}

/** Size of the image that a crop is in. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Dilation, then erosion, by a square of `side` pixels. What lies outside the image counts in neither (as in OpenCV). */
export function closeMask(mask: CropMask, side: number, image: ImageSize): CropMask {
  const radius = side >> 1;
  if (radius === 0 || mask.data.length === 0) return mask;
  const padded = padMask(mask, radius, image);
  return slide(slide(padded, radius, 'dilate', image), radius, 'erode', image);
}

/** Erosion, then dilation, by a square of `side` pixels. */
export function openMask(mask: CropMask, side: number, image: ImageSize): CropMask {
  const radius = side >> 1;
  if (radius === 0 || mask.data.length === 0) return mask;
  return slide(slide(mask, radius, 'erode', image), radius, 'dilate', image);
}

/** The crop with `radius` empty pixels more on every side, as far as the image goes. */
function padMask(mask: CropMask, radius: number, image: ImageSize): CropMask {
  const x = Math.max(mask.x - radius, 0);
  const y = Math.max(mask.y - radius, 0);
  const width = Math.min(mask.x + mask.width + radius, image.width) - x;
  const height = Math.min(mask.y + mask.height + radius, image.height) - y;
  const data = new Uint8Array(width * height);
  for (let row = 0; row < mask.height; row++)
    data.set(
      mask.data.subarray(row * mask.width, (row + 1) * mask.width),
      (row + mask.y - y) * width + mask.x - x,
    );
  return { x, y, width, height, data };
}

/**
 * A square window over the crop, as a row and a column of running sums: the cost does not grow with its side. Beyond
 * the crop the mask is empty; beyond the image there is nothing, so that erosion does not eat along its edge.
 */
function slide(mask: CropMask, radius: number, kind: 'dilate' | 'erode', image: ImageSize): CropMask {
  const { x, y, width, height, data } = mask;
  const across = new Uint8Array(data.length);
  for (let row = 0; row < height; row++)
    slideLine(data, across, row * width, 1, width, radius, kind, x === 0, x + width === image.width);
  const out = new Uint8Array(data.length);
  for (let column = 0; column < width; column++)
    slideLine(across, out, column, width, height, radius, kind, y === 0, y + height === image.height);
  return { x, y, width, height, data: out };
}

function slideLine(
  from: Uint8Array,
  to: Uint8Array,
  start: number,
  step: number,
  length: number,
  radius: number,
  kind: 'dilate' | 'erode',
  openBefore: boolean,
  openAfter: boolean,
): void {
  let sum = 0;
  for (let i = 0; i < Math.min(radius, length); i++) sum += from[start + i * step];
  for (let i = 0; i < length; i++) {
    if (i + radius < length) sum += from[start + (i + radius) * step];
    if (i - radius > 0) sum -= from[start + (i - radius - 1) * step];
    if (kind === 'dilate') to[start + i * step] = sum > 0 ? 1 : 0;
    else {
      const before = openBefore ? Math.min(i, radius) : radius;
      const after = openAfter ? Math.min(length - 1 - i, radius) : radius;
      to[start + i * step] = sum === before + after + 1 ? 1 : 0;
    }
  }
}
