import type { Instances } from '../../../src/geometry/instances';
import { decodeRle, encodeMask, type Rle, rleBox } from '../../../src/geometry/rle';

/** Instances of masks of one image, each box the extent of its mask; `size` is [height, width], for where there is no mask. */
export function instancesOf(
  masks: readonly Rle[],
  scores: readonly number[],
  labels: readonly number[],
  size: readonly [number, number] = masks[0].size,
): Instances {
  const boxes = masks.flatMap((mask) => {
    const [x, y, w, h] = rleBox(mask);
    return [x, y, x + w, y + h];
  });
  return {
    height: size[0],
    width: size[1],
    masks,
    boxes: Float32Array.from(boxes),
    scores: Float32Array.from(scores),
    labels: Int32Array.from(labels),
  };
}

/** Instances from drawings: rows of `#` and `.`, one drawing each, all of one size. */
export function drawn(
  drawings: readonly string[],
  scores: readonly number[] = drawings.map(() => 1),
  labels: readonly number[] = drawings.map(() => 1),
): Instances {
  const rows = drawings.map((drawing) => drawing.trim().split(/\s+/));
  const [height, width] = [rows[0].length, rows[0][0].length];
  const masks = rows.map((lines) =>
    encodeMask(
      Uint8Array.from(lines.join(''), (c) => (c === '#' ? 1 : 0)),
      height,
      width,
    ),
  );
  return instancesOf(masks, scores, labels);
}

/** Mask i as a drawing, rows joined by a space. */
export function drawing({ masks, height, width }: Instances, i: number): string {
  const raster = [...decodeRle(masks[i])].map((v) => (v ? '#' : '.')).join('');
  return Array.from({ length: height }, (_, y) => raster.slice(y * width, (y + 1) * width)).join(' ');
}
