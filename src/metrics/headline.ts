import type { Statistics } from './statistics/pseudo_values';
import { type CellKey, type CocoKey, cellStatistics, cocoStatistics } from './statistics/statistics';
import type { Tally } from './tally';

/** A number that experiments are judged by. */
export interface HeadlineMetric {
  /** Its name in JSON and in tables for machines. */
  readonly key: string;
  /** Its name for a person. */
  readonly name: string;
  /** The number of a weighted data set: a share in 0..1, the larger the better; null where it is not defined. */
  readonly compute: (tally: Tally) => (weights: Float64Array) => number | null;
}

/** The metrics that decide an experiment: analysis, comparisons, pages and tables take them from here, in this order. */
export const HEADLINE = [
  { key: 'AP50', name: 'AP50 (masks)', compute: (tally) => coco(tally, 'AP50') },
  { key: 'AP', name: 'AP (masks)', compute: (tally) => coco(tally, 'AP') },
  { key: 'pq', name: 'PQ', compute: (tally) => cells(tally, 'pq') },
  { key: 'f1', name: 'F1', compute: (tally) => cells(tally, 'f1') },
  { key: 'aji', name: 'AJI', compute: (tally) => cells(tally, 'aji') },
] as const satisfies readonly HeadlineMetric[];

export type Headline = (typeof HEADLINE)[number]['key'];

/** The metric that claims are about: differences of it alone are tested, those of the others described. */
export const PRIMARY: Headline = 'AP50';

/** All headline metrics of a weighted data set, in their order. */
export function headlineStatistics(tally: Tally): Statistics {
  const each = HEADLINE.map(({ compute }) => compute(tally));
  return (weights) => each.map((one) => one(weights));
}

/** A record with one entry a metric, from a list in their order. */
export function byHeadline<T>(list: readonly T[]): Readonly<Record<Headline, T>> {
  return Object.fromEntries(HEADLINE.map(({ key }, i) => [key, list[i]])) as Record<Headline, T>;
}

function coco(tally: Tally, key: CocoKey): (weights: Float64Array) => number | null {
  const statistics = cocoStatistics(tally, [key]);
  return (weights) => statistics(weights)[0];
}

function cells(tally: Tally, key: CellKey): (weights: Float64Array) => number | null {
  const statistics = cellStatistics(tally.cells, [key]);
  return (weights) => statistics(weights)[0];
}
