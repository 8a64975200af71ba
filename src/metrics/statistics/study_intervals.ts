import { HEADLINE, type Headline, headlineStatistics } from '../headline';
import type { Tally } from '../tally';
import {
  crossedDifference,
  crossedValue,
  differenceP,
  type Layout,
  poolTrainingNoise,
  type Trained,
  type TrainingNoise,
} from './crossed';
import {
  DIFFERENCE_OF_SHARES,
  type Interval,
  MIN_GROUPS,
  type PairedInterval,
  SHARE,
  studentInterval,
} from './interval';
import { holm } from './multiple';
import { type Grouping, numberGroups, type PseudoValues, pseudoValues } from './pseudo_values';
import { type VarianceParts, varianceParts } from './variance_parts';

/** Variants scored on the same images. */
export interface ScoredVariants {
  /** [images] patient, slide or tile. */
  readonly groupOf: readonly string[];
  /** [images] the fold whose model scored the image; null: every model scored every image. */
  readonly foldOf: readonly number[] | null;
  /** [variants][trainings] one a seed; the same object where two variants are one run. */
  readonly tallies: readonly (readonly Tally[])[];
  /** Training noise known from elsewhere, for variants of one seed. */
  readonly noise?: Readonly<Partial<Record<Headline, TrainingNoise>>>;
}

/** Where the training noise of a study was taken from. */
export type NoiseSource = 'seeds' | 'folds' | 'stored' | 'unknown';

/** Intervals of values and differences of the headline metrics of variants, over groups and trainings. */
export class StudyIntervals {
  readonly groups: number;
  private readonly grouping: Grouping;
  private readonly layout: Layout;
  /** [variants][trainings] */
  private readonly pseudo: readonly (readonly PseudoValues[])[];

  constructor(private readonly scored: ScoredVariants) {
    this.grouping = numberGroups(scored.groupOf);
    this.groups = this.grouping.count;
    this.layout = { groups: this.groups, foldOf: foldsOfGroups(this.grouping, scored.foldOf) };
    this.pseudo = scored.tallies.map((list) => list.map((tally) => pseudoOf(tally, this.grouping)));
  }

  /** [trainings] values of one variant over all images. */
  values(variant: number, metric: Headline): (number | null)[] {
    const m = indexOf(metric);
    return this.pseudo[variant].map(({ values }) => values[m]);
  }

  noise(metric: Headline): { readonly source: NoiseSource; readonly noise: TrainingNoise | null } {
    if (this.layout.foldOf !== null) return { source: 'folds', noise: null };
    const pooled = poolTrainingNoise(this.distinct().flatMap((v) => this.trained(v, metric) ?? []));
    if (pooled) return { source: 'seeds', noise: pooled };
    const stored = this.scored.noise?.[metric];
    return stored ? { source: 'stored', noise: stored } : { source: 'unknown', noise: null };
  }

  /** Mean over trainings. Without folds and known noise over groups alone. */
  value(variant: number, metric: Headline, level = 0.95): Interval {
    const trained = this.trained(variant, metric);
    const value = meanOrNull(this.values(variant, metric));
    if (!trained || value === null || this.groups < MIN_GROUPS) return this.without(value);
    const estimate = crossedValue(trained, this.layout, this.noise(metric).noise);
    if (!Number.isFinite(estimate.error)) return this.without(value);
    const { low, high } = studentInterval({ ...estimate, value }, SHARE, level);
    return { value, low, high, groups: this.groups, method: 't' };
  }

  /** b - a; nothing is claimed yet (`shown` is false): that is for `claimDifferences`. With folds over the seeds of both. */
  difference(a: number, b: number, metric: Headline, level = 0.95): PairedInterval {
    const folded = this.layout.foldOf !== null;
    const common = Math.min(this.pseudo[a].length, this.pseudo[b].length);
    const use = (v: number): Trained | null => this.trained(v, metric, folded ? common : undefined);
    const [first, second] = [use(a), use(b)];
    const [valueA, valueB] = [a, b].map((v) =>
      meanOrNull(folded ? this.values(v, metric).slice(0, common) : this.values(v, metric)),
    );
    const value = valueA === null || valueB === null ? null : valueB - valueA;
    const base = { a: valueA, b: valueB, shown: false, p: null };
    if (this.same(a, b))
      return {
        ...(this.groups < MIN_GROUPS
          ? this.without(value)
          : { value, low: value, high: value, groups: this.groups, method: 't' }),
        ...base,
        trainingNoise: 'none',
      };
    const others = this.distinct().flatMap((v) =>
      folded && this.pseudo[v].length >= common ? (use(v) ?? []) : [],
    );
    const { noise } = this.noise(metric);
    const trainingNoise = folded || noise ? 'included' : 'unknown';
    if (!first || !second || value === null || this.groups < MIN_GROUPS)
      return { ...this.without(value), ...base, trainingNoise };
    const none: TrainingNoise = { variance: 0, freedom: 1, interaction: 0, interactionFreedom: 1 };
    const found = crossedDifference(first, second, this.layout, { noise: noise ?? none, others });
    if (!found || !Number.isFinite(found.error)) return { ...this.without(value), ...base, trainingNoise };
    const { low, high } = studentInterval({ ...found, value }, DIFFERENCE_OF_SHARES, level);
    const p = trainingNoise === 'unknown' ? null : differenceP({ ...found, value }, this.groups);
    return { value, low, high, groups: this.groups, method: 't', ...base, trainingNoise, p };
  }

  /** What the difference b - a varies by; null where it is not defined. */
  parts(a: number, b: number, metric: Headline): VarianceParts | null {
    const [first, second] = [this.trained(a, metric), this.trained(b, metric)];
    if (!first || !second || this.groups < 2) return null;
    const seeds = Math.min(first.values.length, second.values.length);
    const others = this.distinct().flatMap((v) =>
      this.pseudo[v].length >= seeds ? (this.trained(v, metric, seeds) ?? []) : [],
    );
    return varianceParts(first, second, others, this.layout, this.noise(metric).noise);
  }

  /** Whether two variants are one and the same runs. */
  same(a: number, b: number): boolean {
    const [first, second] = [this.scored.tallies[a], this.scored.tallies[b]];
    return first.length === second.length && first.every((tally, s) => tally === second[s]);
  }

  /** Variants without those that are the runs of one before: what is there once tells nothing twice. */
  private distinct(): number[] {
    const all = [...this.scored.tallies.keys()];
    return all.filter((v) => !all.slice(0, v).some((before) => this.same(before, v)));
  }

  private trained(variant: number, metric: Headline, trainings?: number): Trained | null {
    const m = indexOf(metric);
    const used = this.pseudo[variant].slice(0, trainings);
    const values = used.map(({ values: all }) => all[m]);
    if (values.some((value) => value === null)) return null;
    return { values: values as number[], pseudo: used.map(({ pseudo }) => pseudo[m]) };
  }

  private without(value: number | null): Interval {
    return { value, low: null, high: null, groups: this.groups, method: 'none' };
  }
}

/** A study that grows asks for the same again and again: kept while the tally is. */
const known = new WeakMap<Tally, { readonly members: Int32Array; readonly made: PseudoValues }>();

function pseudoOf(tally: Tally, grouping: Grouping): PseudoValues {
  const kept = known.get(tally);
  if (
    kept?.members.length === grouping.members.length &&
    kept.members.every((g, i) => g === grouping.members[i])
  )
    return kept.made;
  const made = pseudoValues(grouping, headlineStatistics(tally));
  known.set(tally, { members: grouping.members, made });
  return made;
}

/** Holm's correction over the differences that are tested together: which of them are claimed, in their order. */
export function claimDifferences(tested: readonly PairedInterval[], alpha = 0.05): PairedInterval[] {
  const claimed = holm(
    tested.map(({ p }) => p),
    alpha,
  );
  return tested.map((difference, i) => ({ ...difference, shown: claimed[i] }));
}

/** [groups] the fold of each; null without folds. */
function foldsOfGroups({ members, count }: Grouping, foldOf: readonly number[] | null): Int32Array | null {
  if (foldOf === null) return null;
  const folds = new Int32Array(count);
  for (const [image, fold] of foldOf.entries()) folds[members[image]] = fold;
  return folds;
}

function indexOf(metric: Headline): number {
  return HEADLINE.findIndex(({ key }) => key === metric);
}

function meanOrNull(values: readonly (number | null)[]): number | null {
  if (values.length === 0 || values.some((value) => value === null)) return null;
  return values.reduce<number>((sum, value) => sum + (value as number), 0) / values.length;
}
