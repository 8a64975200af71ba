import { DataError, UsageError } from '../core/errors';
import { type Disagreement, explainDisagreement, viewRun } from '../metrics/analysis/disagreement';
import { detectionsOf } from '../metrics/evaluation_image';
import type { Interval } from '../metrics/statistics/interval';
import { analyse, compareEvaluations, HEADLINE, type Headline } from './analyse';
import { type Evaluation, evaluateRun } from './evaluate';

export interface ComparedPair {
  readonly a: string;
  readonly b: string;
  readonly metric: Headline;
  /** b - a, with its paired interval; null where it is not defined. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly groups: number;
  readonly verdict: 'difference shown' | 'no difference shown';
}

/** Two runs that AP50 and PQ put in opposite order, and what that comes from. */
export interface ComparedOrder extends Disagreement {
  readonly a: string;
  readonly b: string;
}

export interface Comparison {
  readonly metrics: readonly {
    readonly run: string;
    readonly metric: Headline;
    readonly interval: Interval;
  }[];
  readonly pairs: readonly ComparedPair[];
  /** Where AP and PQ disagree: from boundaries, scores or duplicates. */
  readonly orders: readonly ComparedOrder[];
}

/** Evaluates every run on the images of the first and compares each with it, image for image. */
export async function compareRuns(
  runs: readonly string[],
  where: { data?: string; split?: string },
): Promise<Comparison> {
  if (runs.length < 2) throw new UsageError('one run alone cannot be compared', { fix: 'Name two or more.' });
  const evaluations: Evaluation[] = [];
  for (const run of runs) evaluations.push(await evaluateRun(run, where));
  const [first] = evaluations;
  evaluations.forEach(({ ids }, i) => {
    if (ids.join('\n') !== first.ids.join('\n'))
      throw new DataError('was evaluated on other images than the first run', {
        where: runs[i],
        fix: 'Name the images with --data and --split.',
      });
  });
  const metrics = evaluations.flatMap((evaluation, i) => {
    const { intervals } = analyse(evaluation);
    return HEADLINE.map((metric) => ({ run: runs[i], metric, interval: intervals[metric] }));
  });
  const pairs = evaluations.slice(1).flatMap((evaluation, i) => {
    const differences = compareEvaluations(first, evaluation);
    return HEADLINE.map((metric): ComparedPair => {
      const { value, low, high, groups, shown } = differences[metric];
      const verdict = shown ? 'difference shown' : 'no difference shown';
      return { a: runs[0], b: runs[i + 1], metric, difference: value, low, high, groups, verdict };
    });
  });
  const views = evaluations.map(({ set, predictions, about }) => {
    const detections = predictions.map((found) => detectionsOf(found));
    return viewRun(set.groundTruth, detections, about.classes.length, about.thresholds);
  });
  const orders = views
    .slice(1)
    .map((view, i) => ({ a: runs[0], b: runs[i + 1], ...explainDisagreement(views[0], view) }));
  return { metrics, pairs, orders };
}
