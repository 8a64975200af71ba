import { ShapeError } from '../core/errors';
import { type Instances, selectInstances } from '../structures/instances';

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
