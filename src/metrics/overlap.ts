import { rleArea, rleBox } from '../geometry/rle';
import { sharedPixels } from '../geometry/rle_operations';
import type { Regions } from './evaluation_image';

export type OverlapType = 'segm' | 'bbox';

/**
 * Pairs of a detection and a ground truth that overlap enough, detection by detection (compressed rows): those of detection
 * d are `start[d]` to `start[d + 1]`, true cells ascending.
 */
export interface Overlaps {
  /** [detections + 1] */
  readonly start: Int32Array;
  /** [pairs] positions in the list of true cells. */
  readonly groundTruth: Int32Array;
  /** [pairs] */
  readonly iou: Float64Array;
}

/** Regions with what an overlap is made of: the masks' own boxes and pixels, or the boxes themselves. */
export interface Extents {
  readonly regions: Regions;
  /** [n * 4] x, y, width, height. */
  readonly boxes: Float64Array;
  /** [n] */
  readonly sizes: Float64Array;
}

/** Boxes and sizes of all regions, once per image. */
export function measureExtents(type: OverlapType, regions: Regions): Extents {
  const n = regions.labels.length;
  const boxes = type === 'bbox' ? regions.boxes : new Float64Array(4 * n);
  const sizes = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (type === 'segm') {
      boxes.set(rleBox(regions.masks[i]), 4 * i);
      sizes[i] = rleArea(regions.masks[i]);
    } else sizes[i] = boxes[4 * i + 2] * boxes[4 * i + 3];
  }
  return { regions, boxes, sizes };
}

let groundTruths = new Int32Array(1024);
let ious = new Float64Array(1024);

/**
 * The pairs of the detections `rows` and the true cells `columns` whose IoU is at least `least` (over 0). For a crowd the
 * intersection is divided by the detection's own size. Source: pycocotools maskApi.c, rleIou and bbIou.
 */
export function findOverlaps(
  type: OverlapType,
  detected: Extents,
  rows: ArrayLike<number>,
  groundTruth: Extents,
  columns: ArrayLike<number>,
  crowd: Uint8Array,
  least: number,
): Overlaps {
  const start = new Int32Array(rows.length + 1);
  const [ours, theirs] = [detected.boxes, groundTruth.boxes];
  let n = 0;
  for (let i = 0; i < rows.length; i++) {
    const d = rows[i];
    const left = ours[4 * d];
    const top = ours[4 * d + 1];
    const right = left + ours[4 * d + 2];
    const bottom = top + ours[4 * d + 3];
    for (let j = 0; j < columns.length; j++) {
      const t = columns[j];
      const x = theirs[4 * t];
      const y = theirs[4 * t + 1];
      if (x >= right || y >= bottom || x + theirs[4 * t + 2] <= left || y + theirs[4 * t + 3] <= top)
        continue;
      const shared =
        type === 'segm'
          ? sharedPixels(detected.regions.masks[d].counts, groundTruth.regions.masks[t].counts)
          : sharedBox(ours, 4 * d, theirs, 4 * t);
      const size = detected.sizes[d];
      const iou = shared / (crowd[t] === 1 ? size : size + groundTruth.sizes[t] - shared);
      if (!(iou >= least)) continue;
      if (n === groundTruths.length) grow();
      groundTruths[n] = j;
      ious[n++] = iou;
    }
    start[i + 1] = n;
  }
  return { start, groundTruth: groundTruths.slice(0, n), iou: ious.slice(0, n) };
}

/** Pixels that the box at place `i` of `a` shares with the one at `j` of `b`. */
function sharedBox(a: Float64Array, i: number, b: Float64Array, j: number): number {
  const width = Math.min(a[i + 2] + a[i], b[j + 2] + b[j]) - Math.max(a[i], b[j]);
  const height = Math.min(a[i + 3] + a[i + 1], b[j + 3] + b[j + 1]) - Math.max(a[i + 1], b[j + 1]);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

function grow(): void {
  const [moreGroundTruths, moreIous] = [
    new Int32Array(2 * groundTruths.length),
    new Float64Array(2 * ious.length),
  ];
  moreGroundTruths.set(groundTruths);
  moreIous.set(ious);
  [groundTruths, ious] = [moreGroundTruths, moreIous];
}
