import { CocoMatcher, type CocoMatches, type CocoOptions } from './coco_match';
import type { CocoResults } from './coco_results';
import type { CocoTruth } from './coco_truth';

/** Matches a result file with its ground truth, one image in memory at a time. */
export function matchCocoResults(
  truth: CocoTruth,
  results: CocoResults,
  options: Omit<CocoOptions, 'classes'>,
): CocoMatches {
  const matcher = new CocoMatcher({ ...options, classes: truth.categories.length });
  const needMasks = (options.type ?? 'segm') === 'segm';
  for (let i = 0; i < truth.images.length; i++)
    matcher.add(truth.image(i, needMasks), results.detections(i, needMasks));
  return matcher.finish();
}
