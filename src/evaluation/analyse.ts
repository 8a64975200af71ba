import type { Instances } from '../geometry/instances';
import { type RecallGroup, recallByCrowding, recallBySize } from '../metrics/analysis/breakdown';
import { type ClassCount, countClasses } from '../metrics/analysis/counting';
import { analyzeErrors, confusionMatrix, type ErrorAnalysis } from '../metrics/analysis/errors';
import { countCells } from '../metrics/cells/counts';
import { matchCells } from '../metrics/cells/match';
import { matchCoco } from '../metrics/coco/evaluate';
import { detectionsOf } from '../metrics/evaluation_image';
import {
  type Interval,
  intervals,
  type PairedInterval,
  pairedIntervals,
  type Statistics,
} from '../metrics/statistics/interval';
import { cellStatistics, cocoStatistics } from '../metrics/statistics/statistics';
import type { PortableModel } from '../models/weights/portable';
import type { ValidationSet } from '../training/validation';

/** The numbers that decide an experiment. */
export const HEADLINE = ['AP50', 'AP', 'pq', 'f1', 'aji'] as const;
export type Headline = (typeof HEADLINE)[number];

/** What an evaluation says beside its numbers. Groups are those of the data set, images where none are known. */
export interface Analysis {
  readonly intervals: Readonly<Record<Headline, Interval>>;
  readonly errors: ErrorAnalysis;
  /** [K] */
  readonly counts: readonly ClassCount[];
  /** [K + 1][K + 1] cells by true class (row) and predicted class (column) at the lowest class threshold; the last is background. */
  readonly confusion: readonly (readonly number[])[];
  /** Cells found, in quarters by size, and by the number of their neighbours. */
  readonly bySize: readonly RecallGroup[];
  readonly byCrowding: readonly RecallGroup[];
}

/** What is compared: the answer for a set of images, and how it counts. */
export interface Compared {
  readonly set: ValidationSet;
  readonly predictions: readonly Instances[];
  readonly about: Pick<PortableModel, 'classes' | 'thresholds'>;
  readonly segm: { readonly maxDets: number };
}

export function analyse(evaluation: Compared): Analysis {
  const { set, predictions, about } = evaluation;
  const classes = about.classes.length;
  const detections = predictions.map((p) => detectionsOf(p));
  const cells = set.groundTruth.map((image, i) => matchCells(image, detections[i], about.thresholds));
  const found = intervals(groupsOf(evaluation), headlineStatistics(evaluation));
  return {
    intervals: Object.fromEntries(HEADLINE.map((key, i) => [key, found[i]])) as Record<Headline, Interval>,
    errors: analyzeErrors(set.groundTruth, detections, { classes }),
    counts: countClasses(cells, classes),
    confusion: confusionMatrix(set.groundTruth, detections, {
      classes,
      minScore: Math.min(...about.thresholds),
    }),
    bySize: recallBySize(set.groundTruth, cells),
    byCrowding: recallByCrowding(set.groundTruth, cells),
  };
}

/** Differences b - a on the same images, resampled together. */
export function compareEvaluations(a: Compared, b: Compared): Readonly<Record<Headline, PairedInterval>> {
  const pairs = pairedIntervals(groupsOf(a), headlineStatistics(a), headlineStatistics(b));
  return Object.fromEntries(HEADLINE.map((key, i) => [key, pairs[i]])) as Record<Headline, PairedInterval>;
}

export function groupsOf({ set }: Compared): string[] {
  return set.groundTruth.map(({ group, id }) => group ?? id);
}

/** Matching is done once; resamples only weigh the images. */
export function headlineStatistics({ set, predictions, about, segm }: Compared): Statistics {
  const classes = about.classes.length;
  const detections = predictions.map((p) => detectionsOf(p));
  const coco = cocoStatistics(matchCoco(set.groundTruth, detections, { classes, maxDets: segm.maxDets }), [
    'AP50',
    'AP',
  ]);
  const counts = set.groundTruth.map((image, i) =>
    countCells(matchCells(image, detections[i], about.thresholds), classes),
  );
  const cells = cellStatistics(counts, ['pq', 'f1', 'aji']);
  return (weights) => [...coco(weights), ...cells(weights)];
}
