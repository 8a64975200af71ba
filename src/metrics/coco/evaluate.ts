import { ShapeError } from '../../core/errors';
import type { Instances } from '../../geometry/instances';
import { type Detections, detectionsOf, type EvaluationImage } from '../evaluation_image';
import type { CocoGroundTruth } from './ground_truth';
import { CocoMatcher, type CocoMatches, type CocoOptions } from './match';
import type { CocoResults } from './results';
import { type CocoSummary, summarizeCoco } from './summary';

/** Matches all images; image i of both lists is the same image. */
export function matchCoco(
  images: readonly EvaluationImage[],
  detections: readonly Detections[],
  options: CocoOptions,
): CocoMatches {
  if (images.length !== detections.length)
    throw new ShapeError(`expected detections of ${images.length} images, got ${detections.length}`);
  const matcher = new CocoMatcher(options);
  images.forEach((image, i) => {
    matcher.add(image, detections[i]);
  });
  return matcher.finish();
}

/**
 * COCO's evaluation of predictions, equal to pycocotools 2.0.11. Areas are those of the masks for `segm`, of the
 * boxes for `bbox`.
 */
export function evaluateCoco(
  images: readonly EvaluationImage[],
  predictions: readonly Instances[],
  options: CocoOptions,
): CocoSummary {
  const areas = options.type === 'bbox' ? 'box' : 'mask';
  return summarizeCoco(
    matchCoco(
      images,
      predictions.map((instances) => detectionsOf(instances, areas)),
      options,
    ),
  );
}

/** Matches a result file with its ground truth, one image in memory at a time. */
export function matchCocoResults(
  groundTruth: CocoGroundTruth,
  results: CocoResults,
  options: Omit<CocoOptions, 'classes'>,
): CocoMatches {
  const matcher = new CocoMatcher({ ...options, classes: groundTruth.categories.length });
  const needMasks = (options.type ?? 'segm') === 'segm';
  for (let i = 0; i < groundTruth.images.length; i++)
    matcher.add(groundTruth.image(i, needMasks), results.detections(i, needMasks));
  return matcher.finish();
}
