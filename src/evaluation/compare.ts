import { DataError, UsageError } from '../core/errors';
import { type Disagreement, explainDisagreement, viewRun } from '../metrics/analysis/disagreement';
import { detectionsOf } from '../metrics/evaluation_image';
import { HEADLINE, type Headline } from '../metrics/headline';
import { type Interval, leavesOut, MIN_GROUPS, type PairedInterval } from '../metrics/statistics/interval';
import { claimDifferences, StudyIntervals } from '../metrics/statistics/study_intervals';
import type { Tally } from '../metrics/tally';
import { groupsOf, tallyOfEvaluation } from './analyse';
import { type Evaluation, evaluateRun } from './evaluate';

export interface ComparedPair {
  readonly a: string;
  readonly b: string;
  readonly metric: Headline;
  /** b - a, with its interval over groups and, where it is known, training noise; null where it is not defined. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly groups: number;
  readonly trainingNoise: PairedInterval['trainingNoise'];
  readonly verdict: DifferenceVerdict;
}

/** What a comparison says, in words. */
export type DifferenceVerdict =
  | 'difference shown'
  | 'no difference shown'
  | 'training noise unknown: no difference can be claimed'
  | 'too few groups to tell';

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
  /** What a reader has to know of the intervals. */
  readonly notes: readonly string[];
}

/**
 * Evaluates every run on the images of the first and compares each with it, image for image. Training noise is taken from
 * those of the runs that differ in their seed alone; without such no difference is claimed. Holm's correction is over all
 * pairs and metrics.
 */
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
  // A run that is named twice is one run.
  const tallies = evaluations.map(tallyOfEvaluation);
  const own = runs.map((run, i): readonly Tally[] => [tallies[Math.min(i, runs.indexOf(run))]]);
  const seeds = [...new Set(runs.map((_, i) => withoutSeed(evaluations[i], runs[i])))].map((key) =>
    runs.flatMap((run, i) =>
      runs.indexOf(run) === i && withoutSeed(evaluations[i], run) === key ? [tallies[i]] : [],
    ),
  );
  const scored = { groupOf: groupsOf(first), foldOf: null };
  const trained = new StudyIntervals({ ...scored, tallies: seeds });
  const noise = Object.fromEntries(
    HEADLINE.flatMap(({ key }) => {
      const found = trained.noise(key).noise;
      return found ? [[key, found]] : [];
    }),
  );
  const intervals = new StudyIntervals({ ...scored, tallies: own, noise });
  const metrics = runs.flatMap((run, i) =>
    HEADLINE.map(({ key }) => ({ run, metric: key, interval: intervals.value(i, key) })),
  );
  const tested = runs
    .slice(1)
    .flatMap((b, i) =>
      HEADLINE.map(({ key }) => ({ a: runs[0], b, metric: key, found: intervals.difference(0, i + 1, key) })),
    );
  const claimed = claimDifferences(tested.map(({ found }) => found));
  const pairs = tested.map(({ a, b, metric }, i): ComparedPair => {
    const { value, low, high, groups, trainingNoise } = claimed[i];
    return {
      a,
      b,
      metric,
      difference: value,
      low,
      high,
      groups,
      trainingNoise,
      verdict: verdictOf(claimed[i]),
    };
  });
  const views = evaluations.map(({ set, predictions, about }) => {
    const detections = predictions.map((found) => detectionsOf(found));
    return viewRun(set.groundTruth, detections, about.classes.length, about.thresholds);
  });
  const orders = views
    .slice(1)
    .map((view, i) => ({ a: runs[0], b: runs[i + 1], ...explainDisagreement(views[0], view) }));
  return { metrics, pairs, orders, notes: notesOn(claimed) };
}

/** What a difference says, in words. */
export function verdictOf(difference: PairedInterval): DifferenceVerdict {
  if (difference.groups < MIN_GROUPS) return 'too few groups to tell';
  if (difference.trainingNoise === 'unknown') return 'training noise unknown: no difference can be claimed';
  return difference.shown ? 'difference shown' : 'no difference shown';
}

function notesOn(tested: readonly PairedInterval[]): string[] {
  const unknown = tested.some(({ trainingNoise }) => trainingNoise === 'unknown');
  const alone = tested.some((one) => !one.shown && one.trainingNoise === 'included' && leavesOut(one, 0));
  return [
    ...(unknown
      ? [
          'training noise is unknown: intervals are over groups alone; name runs that differ in their seed alone to have it in them',
        ]
      : []),
    ...(alone
      ? [
          `an interval that leaves out zero is not always a difference shown: Holm's correction is over ${tested.length} comparisons`,
        ]
      : []),
  ];
}

/** Equal for runs that differ in their seed alone. */
function withoutSeed({ run }: Evaluation, where: string): string {
  return run ? JSON.stringify({ ...run.config, seed: 0, split: run.split }) : where;
}
