import type { ImageCells } from '../cells/match';
import { type Interval, type IntervalOptions, intervals } from '../statistics/interval';

/** Cells of one class in one image. */
export interface ImageCount {
  readonly id: string;
  readonly groundTruth: number;
  readonly counted: number;
}

/** How well cells of a class are counted, whatever their place. */
export interface ClassCount {
  readonly groundTruth: number;
  readonly counted: number;
  /** Mean over images of counted - ground truth: over 0 where too many are counted. */
  readonly error: Interval;
  /** Mean over images of |counted - ground truth|. */
  readonly absoluteError: Interval;
  /** counted / ground truth of all images; null without ground truth. */
  readonly ratio: Interval;
  readonly images: readonly ImageCount[];
}

/**
 * Counts of each class 1..K against the ground truth, at the score thresholds that `cells` were matched with; detections
 * that lie mostly in ignored regions are not counted. Intervals are over groups, images where none are known.
 */
export function countClasses(
  cells: readonly ImageCells[],
  classes: number,
  options: IntervalOptions = {},
): ClassCount[] {
  const groups = cells.map(({ id, group }) => group ?? id);
  return Array.from({ length: classes }, (_, k) => {
    const images = cells.map((image) => ({
      id: image.id,
      groundTruth: image.groundTruthLabels.filter((label) => label === k + 1).length,
      counted: image.labels.filter((label, d) => label === k + 1 && image.ignorable[d] === 0).length,
    }));
    const [error, absoluteError, ratio] = intervals(
      groups,
      (weights) => {
        let [n, sum, absolute, groundTruth, counted] = [0, 0, 0, 0, 0];
        for (const [i, image] of images.entries()) {
          n += weights[i];
          sum += weights[i] * (image.counted - image.groundTruth);
          absolute += weights[i] * Math.abs(image.counted - image.groundTruth);
          groundTruth += weights[i] * image.groundTruth;
          counted += weights[i] * image.counted;
        }
        return n === 0
          ? [null, null, null]
          : [sum / n, absolute / n, groundTruth === 0 ? null : counted / groundTruth];
      },
      { ...options, range: null },
    );
    return {
      groundTruth: images.reduce((total, image) => total + image.groundTruth, 0),
      counted: images.reduce((total, image) => total + image.counted, 0),
      error,
      absoluteError,
      ratio,
      images,
    };
  });
}
