import type { Instances } from '../structures/instances';
import { rleArea } from '../structures/rle';
import { sortInstances } from './map_masks';

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
