import {
  type Interval,
  intervals,
  type PairedInterval,
  pairedIntervals,
  type Statistics,
} from '../../metrics/interval';
import type { Experiment } from '../config/types';
import { groupsOf, HEADLINE, type Headline, headlineStatistics } from '../evaluation/analyse';
import type { Evaluation } from '../evaluation/evaluate';
import { type Judgement, judge } from './verdict';

/** All runs of one variant: one a seed, on the same images. */
export interface VariantRuns {
  readonly variant: string;
  readonly seeds: readonly number[];
  readonly evaluations: readonly Evaluation[];
}

/** One row of an experiment's table. */
export interface ComparedVariant {
  readonly variant: string;
  readonly metric: Headline;
  /** One a seed. */
  readonly values: readonly (number | null)[];
  /** Of the mean over seeds; groups of images are resampled. */
  readonly interval: Interval;
  /** variant - first variant; null for the first itself, and where the images are others. */
  readonly difference: PairedInterval | null;
}

/** What the report claimed of two variants, beside what was found. */
export interface JudgedClaim extends Judgement {
  readonly variant: string;
  readonly against: string;
  readonly claimed: number;
  readonly words: string;
  readonly difference: PairedInterval;
}

export interface StudyComparison {
  readonly groups: number;
  readonly rows: readonly ComparedVariant[];
  readonly claims: readonly JudgedClaim[];
  /** What cannot be compared, and why. */
  readonly notes: readonly string[];
}

/** Every variant against the first, and every claim of the report against its numbers. */
export function compareVariants(
  variants: readonly VariantRuns[],
  { claims = [] }: Pick<Experiment, 'claims'>,
): StudyComparison {
  const [first, ...others] = variants;
  const notes: string[] = [];
  const rows = variants.flatMap((own): ComparedVariant[] => {
    const found = intervals(groupsOf(own.evaluations[0]), pooled(own));
    const values = own.evaluations.map((evaluation) => valuesOf(evaluation));
    const paired = own === first ? null : difference(first, own);
    if (own !== first && !paired)
      notes.push(`${own.variant} was validated on other images than ${first.variant}`);
    return HEADLINE.map((metric, m) => ({
      variant: own.variant,
      metric,
      values: values.map((row) => row[m]),
      interval: found[m],
      difference: paired?.[m] ?? null,
    }));
  });
  const byName = new Map([first, ...others].map((own) => [own.variant, own]));
  const judged = claims.flatMap(({ variant, against = first.variant, difference: claimed, words }) => {
    const [a, b] = [byName.get(against), byName.get(variant)];
    const paired = a && b && difference(a, b);
    if (!paired) return [];
    const found = paired[HEADLINE.indexOf('AP50')];
    return [{ variant, against, claimed, words, difference: found, ...judge(claimed, found) }];
  });
  return { groups: rows[0].interval.groups, rows, claims: judged, notes };
}

/** b - a over the seeds that both have; null where their images differ. */
function difference(a: VariantRuns, b: VariantRuns): PairedInterval[] | null {
  const ids = ({ evaluations }: VariantRuns): string => evaluations[0].ids.join('\n');
  if (ids(a) !== ids(b)) return null;
  return pairedIntervals(groupsOf(a.evaluations[0]), pooled(a), pooled(b));
}

/** The mean over seeds, of the images as weighted; a number that one seed lacks is lacking. */
function pooled({ evaluations }: VariantRuns): Statistics {
  const each = evaluations.map(headlineStatistics);
  return (weights) => {
    const rows = each.map((statistics) => statistics(weights));
    return HEADLINE.map((_, m) => {
      const values = rows.map((row) => row[m]);
      if (values.some((value) => value === null)) return null;
      return values.reduce<number>((sum, value) => sum + (value as number), 0) / values.length;
    });
  };
}

function valuesOf(evaluation: Evaluation): readonly (number | null)[] {
  return headlineStatistics(evaluation)(new Float64Array(evaluation.ids.length).fill(1));
}
