import { countCells } from '../cells/counts';
import { matchCells } from '../cells/match';
import { summarizeCells } from '../cells/summary';
import { averagePrecisions } from '../coco/average_precision';
import { CocoMatcher, type CocoMatches } from '../coco/match';
import type { Detections, EvaluationImage } from '../evaluation_image';

/** One class at one score threshold. */
export interface SweepPoint {
  readonly threshold: number;
  /** At IoU 0.5, overlaps to the higher score; null where not defined. */
  readonly precision: number | null;
  readonly recall: number | null;
  readonly f1: number | null;
  readonly pq: number | null;
  /**
   * COCO's AP at IoU 0.5 of the detections at or over the threshold; null without ground truth. It never rises with the
   * threshold: that only cuts the tail of the curve.
   */
  readonly ap50: number | null;
}

export interface ClassSweep {
  /** The threshold of the best F1, the lowest of equals; null without ground truth and detections. */
  readonly best: number | null;
  readonly curve: readonly SweepPoint[];
}

export interface SweepOptions {
  readonly classes: number;
  /** Default: 0.1 to 0.8 by 0.05, as in the report. */
  readonly thresholds?: readonly number[];
  /** Per image and class, for AP50. Default 300. */
  readonly maxDets?: number;
}

/** `from` to `to` by `step`, ends included, without the error of repeated addition. */
export function thresholdGrid(from = 0.1, to = 0.8, step = 0.05): number[] {
  const n = Math.floor((to - from) / step + 1e-9);
  return Array.from({ length: n + 1 }, (_, i) => Math.round((from + i * step) * 1e9) / 1e9);
}

/**
 * Precision, recall, F1, PQ and AP50 of each class over score thresholds, all classes at the same one. Matching is
 * done once: a lower score never takes pixels or true cells from a higher one.
 */
export function sweepThresholds(
  images: readonly EvaluationImage[],
  detections: readonly Detections[],
  { classes, thresholds = thresholdGrid(), maxDets = 300 }: SweepOptions,
): ClassSweep[] {
  const lowest = Math.min(...thresholds);
  const matcher = new CocoMatcher({
    classes,
    maxDets,
    iouThresholds: [0.5],
    areaRanges: { all: [0, 1e10] },
  });
  const cells = images.map((image, i) => {
    matcher.add(image, detections[i]);
    return matchCells(image, detections[i], lowest);
  });
  const matches = matcher.finish();
  const summaries = thresholds.map((threshold) =>
    summarizeCells(cells.map((one) => countCells(one, classes, threshold))),
  );
  return Array.from({ length: classes }, (_, k) => {
    const curve = thresholds.map((threshold, t): SweepPoint => {
      // No image at all: no class either.
      const scores = summaries[t].perClass[k];
      const { precision = null, recall = null, f1 = null } = scores?.f1At[0] ?? {};
      return {
        threshold,
        precision,
        recall,
        f1,
        pq: scores?.pq ?? null,
        ap50: ap50Above(matches, k, threshold),
      };
    });
    return { best: bestThreshold(curve), curve };
  });
}

/** AP50 of the detections at or over a score: matching goes by falling score, so the rest changes nothing before. */
export function ap50Above({ classes }: CocoMatches, k: number, threshold: number): number | null {
  const entry = classes[k];
  const positives = entry.positives[0].reduce((sum, n) => sum + n, 0);
  if (positives === 0) return null;
  let n = 0;
  while (n < entry.scores.length && entry.scores[n] >= threshold) n++;
  const kept = {
    ...entry,
    scores: entry.scores.subarray(0, n),
    outcomes: [entry.outcomes[0].slice(0, n)],
  };
  return averagePrecisions(kept, [0], positives)[0].ap;
}

function bestThreshold(curve: readonly SweepPoint[]): number | null {
  let best: SweepPoint | undefined;
  for (const point of curve) if (point.f1 !== null && point.f1 > (best?.f1 ?? -1)) best = point;
  return best?.threshold ?? null;
}
