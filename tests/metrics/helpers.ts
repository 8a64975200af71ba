import assert from 'node:assert/strict';
import type { Instances } from '../../src/geometry/instances';
import { encodeCropMask, type Rle, rleBox } from '../../src/geometry/rle';

/** A filled rectangle in an image [height, width]. */
export function rectangle(
  [x, y, w, h]: readonly [number, number, number, number],
  height = 20,
  width = 20,
): Rle {
  const data = new Uint8Array(w * h).fill(1);
  return encodeCropMask({ x, y, width: w, height: h, data }, height, width);
}

/** Instances from masks: labels and scores default to 1. */
export function instancesOf(
  masks: readonly Rle[],
  labels: readonly number[] = masks.map(() => 1),
  scores: readonly number[] = masks.map(() => 1),
  [height, width]: readonly [number, number] = masks[0]?.size ?? [20, 20],
): Instances {
  const boxes = new Float32Array(masks.length * 4);
  masks.forEach((mask, i) => {
    const [x, y, w, h] = rleBox(mask);
    boxes.set([x, y, x + w, y + h], 4 * i);
  });
  return {
    height,
    width,
    boxes,
    masks,
    labels: Int32Array.from(labels),
    scores: Float32Array.from(scores),
  };
}

/** Equal but for rounding: precision 1 is 1 / (1 + 2^-52) in COCO's own arithmetic. */
export function near(actual: number | null | undefined, expected: number, what?: string): void {
  assert(
    typeof actual === 'number' && Math.abs(actual - expected) < 1e-12,
    `${what ?? 'value'}: expected ${expected}, got ${actual}`,
  );
}
