import { averagePrecisions, RECALL_POINTS } from './average_precision';
import { type ClassMatches, type CocoMatches, IGNORED, type RankedOutcomes, TRUE_POSITIVE } from './match';

/** COCO's numbers, each -1 where there is no ground truth to find (as pycocotools has it). */
export interface CocoScores {
  /** Mean over IoU 0.5 to 0.95. */
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  /** Mean over the same thresholds of the share found. */
  readonly AR: number;
  readonly APsmall: number;
  readonly APmedium: number;
  readonly APlarge: number;
  readonly ARsmall: number;
  readonly ARmedium: number;
  readonly ARlarge: number;
}

/** A precision-recall curve: precision made monotonous, at `RECALL_POINTS`. */
export interface PrecisionRecallCurve {
  /** [101] */
  readonly precision: Float64Array;
  /** [101] The score of the detection at which each recall is reached; 0 where it is not. */
  readonly scores: Float64Array;
  /** Share of true cells found by all detections. */
  readonly recall: number;
}

export interface CocoSummary extends CocoScores {
  readonly maxDets: number;
  /** Detections that the limit per image and class has cut. */
  readonly cut: number;
  /** [K] */
  readonly perClass: readonly CocoScores[];
}

/** The summary of all images, or of a resample: `weights[i]` says how often image i counts. */
export function summarizeCoco(matches: CocoMatches, weights?: ArrayLike<number>): CocoSummary {
  const tables = matches.classes.map((entry) => classTable(matches, entry, weights));
  return {
    ...scoresOf(matches, tables),
    maxDets: matches.maxDets,
    cut: matches.classes.reduce((sum, entry) => sum + entry.cut, 0),
    perClass: tables.map((table) => scoresOf(matches, [table])),
  };
}

/** AP and recall of one class, [areas][thresholds]; undefined where the class has no ground truth in the range. */
type ClassTable = readonly (readonly { readonly ap: number; readonly recall: number }[] | undefined)[];

function classTable(matches: CocoMatches, entry: ClassMatches, weights?: ArrayLike<number>): ClassTable {
  const T = matches.iouThresholds.length;
  return matches.areaNames.map((_, a) => {
    const positives = countPositives(entry, a, weights);
    if (positives === 0) return undefined;
    const tables = matches.iouThresholds.map((_, t) => a * T + t);
    return averagePrecisions(entry, tables, positives, weights);
  });
}

/** Means over classes of the tables; a threshold that was not computed gives -1. */
function scoresOf({ areaNames, iouThresholds }: CocoMatches, tables: readonly ClassTable[]): CocoScores {
  const mean = (area: string, key: 'ap' | 'recall', threshold?: number): number => {
    const a = areaNames.indexOf(area);
    const t = threshold === undefined ? -1 : iouThresholds.findIndex((v) => Math.abs(v - threshold) < 1e-9);
    if (a < 0 || (threshold !== undefined && t < 0)) return -1;
    let sum = 0;
    let n = 0;
    for (const table of tables)
      for (const [i, value] of (table[a] ?? []).entries()) {
        if (t >= 0 && i !== t) continue;
        sum += value[key];
        n++;
      }
    return n === 0 ? -1 : sum / n;
  };
  const all = areaNames[0];
  return {
    AP: mean(all, 'ap'),
    AP50: mean(all, 'ap', 0.5),
    AP75: mean(all, 'ap', 0.75),
    AR: mean(all, 'recall'),
    APsmall: mean('small', 'ap'),
    APmedium: mean('medium', 'ap'),
    APlarge: mean('large', 'ap'),
    ARsmall: mean('small', 'recall'),
    ARmedium: mean('medium', 'recall'),
    ARlarge: mean('large', 'recall'),
  };
}

/** True cells that count in an area range (by number). */
export function countPositives(
  entry: Pick<RankedOutcomes, 'positives'>,
  area: number,
  weights?: ArrayLike<number>,
): number {
  const list = entry.positives[area];
  let sum = 0;
  for (let i = 0; i < list.length; i++) sum += weights ? weights[i] * list[i] : list[i];
  return sum;
}

/**
 * The precision-recall curve of class `k` (from 0) at one IoU threshold and area range; undefined where there is no
 * ground truth. Recalls that are not reached have precision 0.
 */
export function precisionRecallCurve(
  matches: CocoMatches,
  k: number,
  iou = 0.5,
  area: string = matches.areaNames[0],
): PrecisionRecallCurve | undefined {
  const entry = matches.classes[k];
  const a = matches.areaNames.indexOf(area);
  const t = matches.iouThresholds.findIndex((value) => Math.abs(value - iou) < 1e-9);
  const positives = countPositives(entry, a);
  if (t < 0 || positives === 0) return undefined;
  const outcomes = entry.outcomes[a * matches.iouThresholds.length + t];
  const precision = new Float64Array(101);
  const scores = new Float64Array(101);
  const points: { recall: number; precision: number; score: number }[] = [];
  let found = 0;
  let wrong = 0;
  for (let i = 0; i < outcomes.length; i++) {
    if (outcomes[i] === TRUE_POSITIVE) found++;
    else if (outcomes[i] !== IGNORED) wrong++;
    points.push({
      recall: found / positives,
      precision: found / (wrong + found + Number.EPSILON),
      score: entry.scores[i],
    });
  }
  for (let i = points.length - 2; i >= 0; i--)
    points[i].precision = Math.max(points[i].precision, points[i + 1].precision);
  for (let r = 0, i = 0; r <= 100; r++) {
    while (i < points.length && points[i].recall < RECALL_POINTS[r]) i++;
    if (i === points.length) break;
    precision[r] = points[i].precision;
    scores[r] = points[i].score;
  }
  return { precision, scores, recall: found / positives };
}
