import { ShapeError } from '../../core/errors';
import { type Instances, selectInstances } from '../../geometry/instances';
import { rleArea } from '../../geometry/rle';
import { sortInstances } from './masks';

/**
 * The instances at or over a score: one for all, or `threshold[k]` for class k + 1. Throws ShapeError where a class
 * has no threshold.
 */
export function applyThresholds(instances: Instances, threshold: number | readonly number[]): Instances {
  const { labels, scores } = instances;
  const kept: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    const least = typeof threshold === 'number' ? threshold : threshold[labels[i] - 1];
    if (least === undefined)
      throw new ShapeError(
        `thresholds: expected one a class, got ${(threshold as readonly number[]).length} and an instance of class ${labels[i]}`,
      );
    if (scores[i] >= least) kept.push(i);
  }
  return selectInstances(instances, kept);
}

/** Factors on the score by the share of the image that a mask covers. */
export interface SizeScoreSettings {
  /** Masks of less than `share` of the image's pixels; the first that fits counts. */
  readonly steps: readonly { readonly share: number; readonly factor: number }[];
}

/** The report's values: x 1.15 under 1 % of the image, x 1.10 under 5 %. */
export const REPORT_SIZE_SCORE: SizeScoreSettings = {
  steps: [
    { share: 0.01, factor: 1.15 },
    { share: 0.05, factor: 1.1 },
  ],
};

/**
 * Scores raised for small cells, 1 at most, by falling score. Nearly every cell of a histology image is under 1 %:
 * there all scores rise by one factor, which moves them over thresholds and changes no order.
 */
export function applySizeScore(
  instances: Instances,
  { steps }: SizeScoreSettings = REPORT_SIZE_SCORE,
): Instances {
  const pixels = instances.height * instances.width;
  const scores = instances.scores.map((score, i) => {
    const share = rleArea(instances.masks[i]) / pixels;
    const step = steps.find((candidate) => share < candidate.share);
    return Math.min(1, score * (step?.factor ?? 1));
  });
  return sortInstances({ ...instances, scores });
}
