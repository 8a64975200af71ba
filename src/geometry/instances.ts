import type { Rle } from './rle';

/**
 * The instances of one image: predictions, or ground truth with scores of 1. Row i of every array is instance i.
 * Masks are run-length codes of the whole image, never full rasters.
 */
export interface Instances {
  readonly height: number;
  readonly width: number;
  /** [n * 4] pixels, x1, y1, x2, y2; x2 and y2 are exclusive. */
  readonly boxes: Float32Array;
  /** [n] in 0..1. */
  readonly scores: Float32Array;
  /** [n] class numbers 1..K; 0 is background and never occurs. */
  readonly labels: Int32Array;
  /** [n] */
  readonly masks: readonly Rle[];
}

/** Number of instances. */
export function countInstances(instances: Instances): number {
  return instances.labels.length;
}

/** The rows `keep`, in that order. */
export function selectInstances(instances: Instances, keep: ArrayLike<number>): Instances {
  const n = keep.length;
  const boxes = new Float32Array(n * 4);
  const scores = new Float32Array(n);
  const labels = new Int32Array(n);
  const masks: Rle[] = new Array(n);
  for (let i = 0; i < n; i++) {
    boxes.set(instances.boxes.subarray(keep[i] * 4, keep[i] * 4 + 4), i * 4);
    scores[i] = instances.scores[keep[i]];
    labels[i] = instances.labels[keep[i]];
    masks[i] = instances.masks[keep[i]];
  }
  return { height: instances.height, width: instances.width, boxes, scores, labels, masks };
}
