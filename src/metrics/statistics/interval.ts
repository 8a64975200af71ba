import { CytobenchError } from '../../core/errors';
import { studentCdf, studentQuantile } from './distributions';
import { numberGroups, pseudoValues, type Statistics } from './pseudo_values';

/** A value with its uncertainty, and the number of groups that the uncertainty is taken over. */
export interface Interval {
  /** Of all images; null where it is not defined. */
  readonly value: number | null;
  /** Null where there are too few groups to tell. */
  readonly low: number | null;
  readonly high: number | null;
  readonly groups: number;
  /** 't': Student's, on the pseudo-values of groups; 'none': under `MIN_GROUPS` groups, or not defined. */
  readonly method: 't' | 'none';
  /** Where there is no interval, the value of each group alone: with so few they are all that can be said. */
  readonly perGroup?: readonly (number | null)[];
}

/**
 * What an interval of a difference says of the noise of training: that it is in it, that it is not known (one training a
 * side and nothing to take it from), or that there is none, as the same trained model is on both sides.
 */
export type TrainingNoiseState = 'included' | 'unknown' | 'none';

/** A difference of two values on the same images. */
export interface PairedInterval extends Interval {
  readonly a: number | null;
  readonly b: number | null;
  readonly trainingNoise: TrainingNoiseState;
  /** Two-sided, of no difference; null where there is no interval. */
  readonly p: number | null;
  /**
   * Whether a difference is claimed: the interval leaves out zero, training noise is known, and Holm's correction over
   * the comparisons it is one of lets it stand.
   */
  readonly shown: boolean;
}

/** Where a statistic can lie; null: anywhere. */
export type Range = readonly [low: number, high: number] | null;
export const SHARE: Range = [0, 1];
export const DIFFERENCE_OF_SHARES: Range = [-1, 1];

/** An estimate with its standard error and the degrees of freedom that the error was estimated with. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
  readonly freedom: number;
}

/**
 * Under so many groups nothing is claimed: the standard error of four values has three degrees of freedom, and the groups
 * of a data set are too unlike each other for any formula to make that up.
 */
export const MIN_GROUPS = 5;

/**
 * Student's interval of an estimate, inside its range: where that is bounded, on the scale of log odds of the place in
 * the range (for a difference of shares that is Fisher's transformation), its error carried over to first order.
 * Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 12.6 (transformation).
 */
export function studentInterval(
  { value, error, freedom }: Estimate,
  range: Range,
  level = 0.95,
): { readonly low: number; readonly high: number } {
  const t = studentQuantile((1 + level) / 2, freedom);
  if (range === null) return { low: value - t * error, high: value + t * error };
  const [least, most] = range;
  if (!(value > least && value < most)) {
    const clip = (end: number): number => Math.min(most, Math.max(least, end));
    return { low: clip(value - t * error), high: clip(value + t * error) };
  }
  const reach = t * error * slope(value, range);
  const odds = (value - least) / (most - value);
  const back = (by: number): number => {
    const moved = odds * Math.exp(by);
    return Number.isFinite(moved) ? least + ((most - least) * moved) / (1 + moved) : most;
  };
  return error === 0 ? { low: value, high: value } : { low: back(-reach), high: back(reach) };
}

/** Two-sided p-value of the estimate being `expected`, on the scale of `studentInterval`. */
export function studentP({ value, error, freedom }: Estimate, range: Range, expected = 0): number {
  if (value === expected) return 1;
  if (error === 0) return 0;
  const inside = (v: number): boolean => range === null || (v > range[0] && v < range[1]);
  const logOdds = (v: number): number => Math.log((v - (range?.[0] ?? 0)) / ((range?.[1] ?? 0) - v));
  const t =
    range !== null && inside(value) && inside(expected)
      ? (logOdds(value) - logOdds(expected)) / (error * slope(value, range))
      : (value - expected) / error;
  return Math.min(1, 2 * studentCdf(-Math.abs(t), freedom));
}

/** Derivative of the log odds of the place in a range. */
function slope(value: number, [least, most]: NonNullable<Range>): number {
  return (most - least) / ((value - least) * (most - value));
}

export interface IntervalOptions {
  /** Default 0.95. */
  readonly level?: number;
  /** Where all of the numbers lie. Default: shares in 0..1; differences of them in -1..1. */
  readonly range?: Range;
}

/**
 * Intervals of several numbers of one trained model over groups (slides, patients; images where none are known), never
 * single images of a group: Student's, from the pseudo-values of the groups. Training again is not in them.
 * Source: Tukey's jackknife; Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11.
 */
export function intervals(
  groupOf: readonly string[],
  statistics: Statistics,
  options: IntervalOptions = {},
): Interval[] {
  return withEstimates(groupOf, statistics, { range: SHARE, ...options }).map(({ interval }) => interval);
}

/** Intervals with the estimates that they were made of; null where there is none. */
function withEstimates(
  groupOf: readonly string[],
  statistics: Statistics,
  { level = 0.95, range = SHARE }: IntervalOptions,
): { readonly interval: Interval; readonly estimate: Estimate | null }[] {
  if (!(level > 0 && level < 1)) throw new CytobenchError(`level: expected a number in 0..1, got ${level}`);
  const grouping = numberGroups(groupOf);
  const { members, count: groups } = grouping;
  if (groups < MIN_GROUPS) {
    const only = (group: number): readonly (number | null)[] =>
      statistics(Float64Array.from(members, (own) => (own === group ? 1 : 0)));
    const alone = Array.from({ length: groups }, (_, g) => only(g));
    return statistics(new Float64Array(members.length).fill(1)).map((value, s) => {
      const perGroup = alone.map((list) => list[s]);
      return {
        interval: { value, low: null, high: null, groups, method: 'none', perGroup },
        estimate: null,
      };
    });
  }
  const { values, pseudo } = pseudoValues(grouping, statistics);
  return values.map((value, s) => {
    const error = Math.sqrt(variance(pseudo[s]) / groups);
    if (value === null || !Number.isFinite(error))
      return { interval: { value, low: null, high: null, groups, method: 'none' }, estimate: null };
    const estimate = { value, error, freedom: groups - 1 };
    const ends = studentInterval(estimate, range, level);
    return { interval: { value, ...ends, groups, method: 't' }, estimate };
  });
}

/**
 * Intervals of the differences b - a of the numbers of two answers of one trained model on the same images: what a step
 * after the model does. Of two trained models see `crossedDifference`.
 */
export function pairedIntervals(
  groupOf: readonly string[],
  a: Statistics,
  b: Statistics,
  options: IntervalOptions = {},
): PairedInterval[] {
  const { range = DIFFERENCE_OF_SHARES } = options;
  const ones = new Float64Array(groupOf.length).fill(1);
  const [valuesA, valuesB] = [a(ones), b(ones)];
  const differences = (weights: Float64Array): (number | null)[] => {
    const [first, second] = [a(weights), b(weights)];
    return first.map((value, i) => subtract(second[i], value));
  };
  return withEstimates(groupOf, differences, { ...options, range }).map(({ interval, estimate }, i) => ({
    ...interval,
    a: valuesA[i],
    b: valuesB[i],
    trainingNoise: 'none',
    p: estimate && studentP(estimate, range),
    shown: leavesOut(interval, 0),
  }));
}

/** Whether an interval is there and does not hold a value. */
export function leavesOut({ low, high }: Pick<Interval, 'low' | 'high'>, value: number): boolean {
  return low !== null && high !== null && (low > value || high < value);
}

/** `0.412 (0.385 to 0.438, 14 groups)`. */
export function formatInterval({ value, low, high, groups }: Interval, digits = 3): string {
  if (value === null) return '-';
  const counted = `${groups} group${groups === 1 ? '' : 's'}`;
  // What rounds to zero has no sign.
  const shown = (number: number): string => number.toFixed(digits).replace(/^-(0\.?0*)$/, '$1');
  if (low === null || high === null)
    return `${shown(value)} (${counted}${groups < MIN_GROUPS ? ', too few to tell' : ''})`;
  return `${shown(value)} (${shown(low)} to ${shown(high)}, ${counted})`;
}

/** Sample variance, n - 1 below. */
export function variance(values: ArrayLike<number>): number {
  let mean = 0;
  for (let i = 0; i < values.length; i++) mean += values[i] / values.length;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] - mean) ** 2;
  return sum / (values.length - 1);
}

function subtract(b: number | null, a: number | null): number | null {
  return a === null || b === null ? null : b - a;
}
