import type { Instances } from '../geometry/instances';
import { type RecallGroup, recallByCrowding, recallBySize } from '../metrics/analysis/breakdown';
import { type ClassCount, countClasses } from '../metrics/analysis/counting';
import { analyzeErrors, confusionMatrix, type ErrorAnalysis } from '../metrics/analysis/errors';
import { matchCells } from '../metrics/cells/match';
import { detectionsOf } from '../metrics/evaluation_image';
import { byHeadline, type Headline, headlineStatistics } from '../metrics/headline';
import {
  type Interval,
  intervals,
  type PairedInterval,
  pairedIntervals,
} from '../metrics/statistics/interval';
import { type Tally, tallyOf } from '../metrics/tally';
import type { PortableModel } from '../models/weights/portable';
import type { ValidationSet } from '../training/validation';

/** What an evaluation says beside its numbers. Groups are those of the data set, images where none are known. */
export interface Analysis {
  /** Of this trained model: training again is not in them. */
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
  readonly set: Pick<ValidationSet, 'groundTruth'>;
  readonly predictions: readonly Instances[];
  readonly about: Pick<PortableModel, 'classes' | 'thresholds'>;
  readonly segm: { readonly maxDets: number };
}

export function analyse(evaluation: Compared): Analysis {
  const { set, predictions, about } = evaluation;
  const classes = about.classes.length;
  const detections = predictions.map((p) => detectionsOf(p));
  const cells = set.groundTruth.map((image, i) => matchCells(image, detections[i], about.thresholds));
  return {
    intervals: byHeadline(intervals(groupsOf(evaluation), headlineStatistics(tallyOfEvaluation(evaluation)))),
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

/**
 * Differences b - a of two answers of one trained model on the same images, as a step after the model makes them: training
 * is not in their intervals. Of two runs see `compareRuns`.
 */
export function compareEvaluations(a: Compared, b: Compared): Readonly<Record<Headline, PairedInterval>> {
  const [first, second] = [a, b].map((one) => headlineStatistics(tallyOfEvaluation(one)));
  return byHeadline(pairedIntervals(groupsOf(a), first, second));
}

export function groupsOf({ set }: Pick<Compared, 'set'>): string[] {
  return set.groundTruth.map(({ group, id }) => group ?? id);
}

export function tallyOfEvaluation({ set, predictions, about, segm }: Compared): Tally {
  const { classes, thresholds } = about;
  return tallyOf(set.groundTruth, predictions, {
    classes: classes.length,
    thresholds,
    maxDets: segm.maxDets,
  });
}
