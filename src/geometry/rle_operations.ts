import { ShapeError } from '../core/errors';
import { emptyRle, type Rle, rleArea, rleBox } from './rle';

/** Pixels that two masks of one image share. */
export function rleIntersectionArea(a: Rle, b: Rle): number {
  checkSizes(a, b);
  return sharedPixels(a.counts, b.counts);
}

/**
 * Intersection over union; with `crowd`, intersection over the area of `a` (the detection). Zero where nothing is
 * shared. Source: pycocotools maskApi.c, rleIou.
 */
export function rleIou(a: Rle, b: Rle, crowd = false): number {
  const shared = rleIntersectionArea(a, b);
  if (shared === 0) return 0;
  const area = rleArea(a);
  return shared / (crowd ? area : area + rleArea(b) - shared);
}

/**
 * Overlaps of detections and true cells of one image [detections * true cells], row by row; `crowd[j]` marks true cells that are
 * crowds. Pairs whose boxes do not meet cost nothing more.
 */
export function rleIouMatrix(
  detections: readonly Rle[],
  groundTruths: readonly Rle[],
  crowd?: ArrayLike<number>,
): Float64Array {
  const out = new Float64Array(detections.length * groundTruths.length);
  const describe = (rle: Rle) => ({ rle, box: rleBox(rle), area: rleArea(rle) });
  const second = groundTruths.map(describe);
  detections.map(describe).forEach((a, i) => {
    second.forEach((b, j) => {
      checkSizes(a.rle, b.rle);
      if (!boxesMeet(a.box, b.box)) return;
      const shared = sharedPixels(a.rle.counts, b.rle.counts);
      if (shared > 0)
        out[i * groundTruths.length + j] = shared / (crowd?.[j] ? a.area : a.area + b.area - shared);
    });
  });
  return out;
}

/** All pixels of any of the masks: joined two by two, so that many small ones cost little. */
export function unionRle(masks: readonly Rle[]): Rle {
  if (masks.length < 2) return masks[0];
  const middle = masks.length >> 1;
  return combine(unionRle(masks.slice(0, middle)), unionRle(masks.slice(middle)), (a, b) => a || b);
}

/** The pixels that all masks share. */
export function intersectRle(masks: readonly Rle[]): Rle {
  return masks.slice(1).reduce((all, next) => combine(all, next, (a, b) => a && b), masks[0]);
}

/** The pixels of `a` that are not in `b`. */
export function subtractRle(a: Rle, b: Rle): Rle {
  return combine(a, b, (inA, inB) => inA && !inB);
}

/** Whether two boxes x, y, width, height share more than an edge. */
export function boxesMeet(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  return a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
}

/** Pixels that two run-length codes of one length share. */
export function sharedPixels(a: Uint32Array, b: Uint32Array): number {
  let shared = 0;
  // [beginA, endA) and [beginB, endB) are the current runs of ones.
  let beginA = a[0];
  let beginB = b[0];
  for (let i = 1, j = 1; i < a.length && j < b.length; ) {
    const endA = beginA + a[i];
    const endB = beginB + b[j];
    const from = Math.max(beginA, beginB);
    const to = Math.min(endA, endB);
    if (to > from) shared += to - from;
    if (endA <= endB) {
      beginA = i + 1 < a.length ? endA + a[i + 1] : endA;
      i += 2;
    } else {
      beginB = j + 1 < b.length ? endB + b[j + 1] : endB;
      j += 2;
    }
  }
  return shared;
}

/** Runs of both codes side by side, as in pycocotools maskApi.c, rleMerge. */
function combine(a: Rle, b: Rle, rule: (inA: boolean, inB: boolean) => boolean): Rle {
  checkSizes(a, b);
  const [height, width] = a.size;
  const total = height * width;
  if (total === 0) return emptyRle(height, width);
  const counts = new Uint32Array(a.counts.length + b.counts.length + 1);
  let n = 0;
  let length = 0;
  let value = false;
  let leftA = a.counts[0];
  let leftB = b.counts[0];
  for (let at = 0, i = 0, j = 0; at < total; ) {
    while (leftA === 0) leftA = a.counts[++i];
    while (leftB === 0) leftB = b.counts[++j];
    const run = Math.min(leftA, leftB);
    const now = rule((i & 1) === 1, (j & 1) === 1);
    if (now !== value) {
      counts[n++] = length;
      length = 0;
      value = now;
    }
    length += run;
    at += run;
    leftA -= run;
    leftB -= run;
  }
  counts[n++] = length;
  return { size: a.size, counts: counts.slice(0, n) };
}

function checkSizes(a: Rle, b: Rle): void {
  if (a.size[0] !== b.size[0] || a.size[1] !== b.size[1])
    throw new ShapeError(`masks of two sizes: ${a.size.join(' x ')} and ${b.size.join(' x ')}`);
}
