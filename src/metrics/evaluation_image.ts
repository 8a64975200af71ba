import { ShapeError } from '../core/errors';
import type { Instances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { encodeCropMask, type Rle, rleArea, rleBox } from '../geometry/rle';

/** Regions of one image, ground truth or detected. Row i of every array is region i. */
export interface Regions {
  /** [n] class numbers 1..K. */
  readonly labels: Int32Array;
  /** [n]; empty where only boxes are known. */
  readonly masks: readonly Rle[];
  /** [n * 4] x, y, width, height in pixels, as COCO writes boxes. */
  readonly boxes: Float64Array;
  /** [n] pixels: what decides whether a region is small, medium or large. */
  readonly areas: Float64Array;
}

export interface Detections extends Regions {
  /** [n] */
  readonly scores: Float64Array;
}

/** The ground truth of one image. */
export interface EvaluationImage extends Regions {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  /** [n] 1 where a region is neither target nor error for its class (COCO crowd). */
  readonly crowd: Uint8Array;
  /** Tile, slide or patient: what intervals are taken over. */
  readonly group?: string;
  /** Row whose annotation has the id 0, which pycocotools takes for "no match". */
  readonly zeroId?: number;
}

/** Labelled masks of one image, as a data set's sample holds them. */
export interface LabelledMasks {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  /** [n] 1..K. */
  readonly labels: Int32Array;
  /** [n] */
  readonly masks: readonly CropMask[];
  /** Regions that are neither target nor error, for every class. */
  readonly ignore: readonly CropMask[];
}

/** The ground truth as the evaluation takes it; an ignored region becomes a crowd of each of the `classes` classes. */
export function groundTruthImage(sample: LabelledMasks, classes: number, group?: string): EvaluationImage {
  const { id, height, width } = sample;
  const masks = sample.masks.map((mask) => encodeCropMask(mask, height, width));
  const labels = [...sample.labels];
  const instances = masks.length;
  for (const mask of sample.ignore) {
    const rle = encodeCropMask(mask, height, width);
    for (let c = 1; c <= classes; c++) {
      masks.push(rle);
      labels.push(c);
    }
  }
  const crowd = new Uint8Array(masks.length).fill(1, instances);
  return { id, height, width, ...regions(Int32Array.from(labels), masks), crowd, group };
}

/** Instances as ground truth: every one a target. */
export function groundTruthFromInstances(id: string, instances: Instances, group?: string): EvaluationImage {
  const { height, width, labels, masks } = instances;
  return { id, height, width, ...regions(labels, masks), crowd: new Uint8Array(labels.length), group };
}

/**
 * Predictions as the evaluation takes them: boxes are the model's own. `areas: 'mask'` (as pycocotools has it for
 * results without boxes) or 'box' (for results with boxes).
 */
export function detectionsOf(instances: Instances, areas: 'mask' | 'box' = 'mask'): Detections {
  const { labels, masks } = instances;
  const n = labels.length;
  if (masks.length !== n || instances.scores.length !== n || instances.boxes.length !== 4 * n)
    throw new ShapeError(
      `instances: expected ${n} masks, scores and boxes, got ${masks.length}, ${instances.scores.length} and ${instances.boxes.length / 4}`,
    );
  const boxes = new Float64Array(4 * n);
  for (let i = 0; i < 4 * n; i += 4) {
    const [x0, y0, x1, y1] = instances.boxes.subarray(i, i + 4);
    boxes.set([x0, y0, x1 - x0, y1 - y0], i);
  }
  const area = (i: number): number =>
    areas === 'mask' ? rleArea(masks[i]) : boxes[4 * i + 2] * boxes[4 * i + 3];
  return {
    labels,
    masks,
    boxes,
    areas: Float64Array.from(labels, (_, i) => area(i)),
    scores: Float64Array.from(instances.scores),
  };
}

/** Masks with their own boxes and areas. */
function regions(labels: Int32Array, masks: readonly Rle[]): Regions {
  const boxes = new Float64Array(4 * masks.length);
  masks.forEach((mask, i) => {
    boxes.set(rleBox(mask), 4 * i);
  });
  return { labels, masks, boxes, areas: Float64Array.from(masks, rleArea) };
}
