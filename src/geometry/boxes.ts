// Boxes are [n * 4] typed arrays of pixels: x1, y1, x2, y2, with x2 and y2 exclusive.

/** Intersection over union of box i of `a` and box j of `b`; 0 where both are empty. */
export function boxIou(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const p = i * 4;
  const q = j * 4;
  const width = Math.min(a[p + 2], b[q + 2]) - Math.max(a[p], b[q]);
  if (width <= 0) return 0;
  const height = Math.min(a[p + 3], b[q + 3]) - Math.max(a[p + 1], b[q + 1]);
  if (height <= 0) return 0;
  const overlap = width * height;
  const areaA = (a[p + 2] - a[p]) * (a[p + 3] - a[p + 1]);
  const areaB = (b[q + 2] - b[q]) * (b[q + 3] - b[q + 1]);
  return overlap / (areaA + areaB - overlap);
}

/** Clips to 0..width and 0..height, in place. */
export function clipBoxes(boxes: Float32Array, height: number, width: number): Float32Array {
  for (let i = 0; i < boxes.length; i += 4) {
    boxes[i] = Math.min(Math.max(boxes[i], 0), width);
    boxes[i + 1] = Math.min(Math.max(boxes[i + 1], 0), height);
    boxes[i + 2] = Math.min(Math.max(boxes[i + 2], 0), width);
    boxes[i + 3] = Math.min(Math.max(boxes[i + 3], 0), height);
  }
  return boxes;
}

/** Copies with x scaled by `scaleX` and y by `scaleY`. */
export function scaleBoxes(boxes: Float32Array, scaleX: number, scaleY: number): Float32Array {
  return boxes.map((value, i) => value * (i % 2 === 0 ? scaleX : scaleY));
}

/** The boxes of the rows `keep`. */
export function selectBoxes(boxes: Float32Array, keep: ArrayLike<number>): Float32Array {
  const out = new Float32Array(keep.length * 4);
  for (let i = 0; i < keep.length; i++) {
    const from = keep[i] * 4;
    out[4 * i] = boxes[from];
    out[4 * i + 1] = boxes[from + 1];
    out[4 * i + 2] = boxes[from + 2];
    out[4 * i + 3] = boxes[from + 3];
  }
  return out;
}
