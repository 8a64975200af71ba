import type { Instances } from '../geometry/instances';
import { countCells, type ImageCounts } from './cells/counts';
import { matchCells } from './cells/match';
import { matchCoco } from './coco/evaluate';
import { AREA_RANGES, type RankedOutcomes } from './coco/match';
import { detectionsOf, type EvaluationImage } from './evaluation_image';

/**
 * All that the headline metrics of a set of predictions are made of, per image and class: what became of each detection,
 * and counts of cells. Matching is done once; any subset or resample of the images is a weighting.
 */
export interface Tally {
  /** Number of images. */
  readonly images: number;
  /** IoU 0.5 to 0.95 by 0.05. */
  readonly iouThresholds: readonly number[];
  /** [K] cells of any size. */
  readonly classes: readonly RankedOutcomes[];
  /** [images] */
  readonly cells: readonly ImageCounts[];
}

/** How predictions are counted. */
export interface TallyOptions {
  /** K. */
  readonly classes: number;
  /** [K] scores from which a detection counts for PQ, F1 and AJI. */
  readonly thresholds: readonly number[];
  /** COCO's limit, per image and class. */
  readonly maxDets: number;
}

export function tallyOf(
  groundTruth: readonly EvaluationImage[],
  predictions: readonly Instances[],
  { classes, thresholds, maxDets }: TallyOptions,
): Tally {
  const detections = predictions.map((found) => detectionsOf(found));
  const areaRanges = { all: AREA_RANGES.all };
  const matches = matchCoco(groundTruth, detections, { classes, maxDets, areaRanges });
  return {
    images: groundTruth.length,
    iouThresholds: matches.iouThresholds,
    classes: matches.classes,
    cells: groundTruth.map((image, i) => countCells(matchCells(image, detections[i], thresholds), classes)),
  };
}
