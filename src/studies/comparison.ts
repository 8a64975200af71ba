import type { Experiment } from '../config/experiment';
import { groupsOf, HEADLINE, type Headline, headlineStatistics } from '../evaluation/analyse';
import type { Evaluation } from '../evaluation/evaluate';
import {
  type Interval,
  intervals,
  type PairedInterval,
  pairedIntervals,
  type Statistics,
} from '../metrics/statistics/interval';

export type Verdict = 'reproduced' | 'not shown' | 'contradicted';

export interface ClaimVerdict {
  readonly verdict: Verdict;
  /** Why, in a few words with the numbers. */
  readonly because: string;
}

/** A claim that nothing changes is reproduced where the whole interval lies within this. */
const NO_CHANGE = 0.01;

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;

/**
 * What an interval of a difference says of a claimed one: its sign decides, its size is told. A claim of 0 says that
 * nothing changes: an interval that is too wide to say so does not show it. Data and model are others than the
 * report's: nothing is said of absolute values.
 */
export function verdictOn(claimed: number, { low, high, value, groups }: PairedInterval): ClaimVerdict {
  if (low === null || high === null || value === null)
    return { verdict: 'not shown', because: `${groups} groups are too few for an interval` };
  const range = `${signed(low)} to ${signed(high)}`;
  const apart = low > 0 || high < 0;
  if (claimed === 0) {
    if (apart) return { verdict: 'contradicted', because: `no change was claimed, ${range} was found` };
    return Math.max(-low, high) <= NO_CHANGE
      ? { verdict: 'reproduced', because: `no change of more than ${NO_CHANGE}: ${range}` }
      : { verdict: 'not shown', because: `${range} holds zero, and changes of more than ${NO_CHANGE} too` };
  }
  if (!apart) {
    const least = claimed > 0 ? high < claimed : low > claimed;
    return {
      verdict: 'not shown',
      because: `${range} holds zero${least ? `, and leaves out the claimed ${signed(claimed)}` : ''}`,
    };
  }
  if (Math.sign(value) !== Math.sign(claimed))
    return { verdict: 'contradicted', because: `${signed(claimed)} was claimed, ${range} was found` };
  const size =
    Math.abs(claimed) < Math.min(Math.abs(low), Math.abs(high))
      ? 'larger than claimed'
      : Math.abs(claimed) > Math.max(Math.abs(low), Math.abs(high))
        ? 'smaller than claimed'
        : 'the claimed size lies within';
  return { verdict: 'reproduced', because: `${range}; ${size} (${signed(claimed)})` };
}

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
export interface ComparedClaim extends ClaimVerdict {
  readonly variant: string;
  readonly against: string;
  readonly claimed: number;
  readonly words: string;
  readonly difference: PairedInterval;
}

export interface StudyComparison {
  readonly groups: number;
  readonly rows: readonly ComparedVariant[];
  readonly claims: readonly ComparedClaim[];
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
  const classified = claims.flatMap(({ variant, against = first.variant, difference: claimed, words }) => {
    const [a, b] = [byName.get(against), byName.get(variant)];
    const paired = a && b && difference(a, b);
    if (!paired) return [];
    const found = paired[HEADLINE.indexOf('AP50')];
    return [{ variant, against, claimed, words, difference: found, ...verdictOn(claimed, found) }];
  });
  return { groups: rows[0].interval.groups, rows, claims: classified, notes };
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
