import type { CropMask } from '../geometry/masks';
import { clipCropMask } from '../geometry/rle';
import type { Sample } from './record';

interface Rect {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * A part of a sample in its own pixels; a cell of which less than `minVisible` of the pixels is inside goes.
 * @param rect pixels of the sample, right and bottom exclusive.
 */
export function cropSample(sample: Sample, rect: Rect, minVisible: number): Sample {
  const { left, top, right, bottom } = rect;
  const [height, width] = [bottom - top, right - left];
  const image = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * sample.width + left) * 3;
    image.set(sample.image.subarray(from, from + width * 3), y * width * 3);
  }
  const inside = (mask: CropMask): CropMask =>
    clipCropMask({ ...mask, x: mask.x - left, y: mask.y - top }, height, width);
  const kept = sample.masks.flatMap((mask, i) => {
    const part = inside(mask);
    const share = area(part) / Math.max(area(mask), 1);
    return share >= minVisible && area(part) > 0 ? [{ part: tight(part), label: sample.labels[i] }] : [];
  });
  return {
    id: sample.id,
    height,
    width,
    image,
    boxes: Float32Array.from(kept.flatMap(({ part: { x, y, width: w, height: h } }) => [x, y, x + w, y + h])),
    labels: Int32Array.from(kept, ({ label }) => label),
    masks: kept.map(({ part }) => part),
    ignore: sample.ignore.map(inside).filter((mask) => area(mask) > 0),
  };
}

function area({ data }: CropMask): number {
  let sum = 0;
  for (const value of data) sum += value;
  return sum;
}

/** A mask cut to the extent of its own pixels. */
function tight({ x, y, width, height, data }: CropMask): CropMask {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      if (data[row * width + column]) {
        left = Math.min(left, column);
        right = Math.max(right, column + 1);
        top = Math.min(top, row);
        bottom = Math.max(bottom, row + 1);
      }
  const out = new Uint8Array((right - left) * (bottom - top));
  for (let row = top; row < bottom; row++)
    out.set(data.subarray(row * width + left, row * width + right), (row - top) * (right - left));
  return { x: x + left, y: y + top, width: right - left, height: bottom - top, data: out };
}
