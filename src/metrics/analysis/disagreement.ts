import { countCells } from '../cells/counts';
import { matchCells, type ScoreThreshold } from '../cells/match';
import { summarizeCells } from '../cells/summary';
import { matchCoco } from '../coco/evaluate';
import { summarizeCoco } from '../coco/summary';
import type { Detections, EvaluationImage } from '../evaluation_image';
import { classifyDetections } from './errors';
import { sweepThresholds } from './threshold_sweep';

/** What AP sees of a run and what PQ sees of it. */
export interface RunView {
  readonly AP50: number;
  /** Means over classes at the score threshold: `pq` is about `dq * sq`. */
  readonly pq: number;
  readonly dq: number;
  readonly sq: number;
  /** Mean over classes of the best F1 over thresholds 0.05 to 0.95: what `dq` could be with well-chosen scores. */
  readonly bestDq: number;
  /** Share of the detections at or over the threshold that are duplicates (IoU 0.5 with a ground truth already found). */
  readonly duplicates: number;
}

export interface Disagreement {
  /** Whether AP50 and PQ put the two runs in opposite order. */
  readonly disagree: boolean;
  /**
   * Parts of PQ(b) - PQ(a): mask boundaries (the quality of matched masks), scores (cells lost or invented because
   * scores lie on the wrong side of the threshold) and the rest of detection.
   */
  readonly boundaries: number;
  readonly scores: number;
  readonly detection: number;
  /** Difference in the share of duplicates, b - a: AP counts each, PQ only what stays visible. */
  readonly duplicates: number;
  /** One sentence. */
  readonly text: string;
}

/** Both views of one run. */
export function viewRun(
  images: readonly EvaluationImage[],
  detections: readonly Detections[],
  classes: number,
  scoreThreshold: ScoreThreshold = 0.5,
): RunView {
  const coco = summarizeCoco(matchCoco(images, detections, { classes, maxDets: 300, iouThresholds: [0.5] }));
  const { pq, dq, sq } = summarizeCells(
    images.map((image, i) => countCells(matchCells(image, detections[i], scoreThreshold), classes)),
  );
  const thresholds = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
  const best = sweepThresholds(images, detections, { classes, thresholds }).flatMap(({ curve }) => {
    const values = curve.flatMap(({ f1 }) => (f1 === null ? [] : [f1]));
    return values.length === 0 ? [] : [Math.max(...values)];
  });
  const least = typeof scoreThreshold === 'number' ? scoreThreshold : Math.min(...scoreThreshold);
  const classified = images.flatMap(
    (image, i) => classifyDetections(image, detections[i], { minScore: least, maxDets: 300 }).detections,
  );
  const duplicates = classified.filter(({ kind }) => kind === 'duplicate').length;
  return {
    AP50: Math.max(0, coco.AP50),
    pq: pq ?? 0,
    dq: dq ?? 0,
    sq: sq ?? 0,
    bestDq: best.length === 0 ? 0 : best.reduce((sum, value) => sum + value, 0) / best.length,
    duplicates: classified.length === 0 ? 0 : duplicates / classified.length,
  };
}

/**
 * From what AP and PQ come to different orders of two runs. PQ = DQ x SQ splits its difference into boundaries and
 * detection; what of detection is gone once each run has its best threshold is from the scores.
 */
export function explainDisagreement(a: RunView, b: RunView): Disagreement {
  const boundaries = ((a.dq + b.dq) / 2) * (b.sq - a.sq);
  const detected = ((a.sq + b.sq) / 2) * (b.dq - a.dq);
  const detection = ((a.sq + b.sq) / 2) * (b.bestDq - a.bestDq);
  const scores = detected - detection;
  const duplicates = b.duplicates - a.duplicates;
  const disagree = (b.AP50 - a.AP50) * (b.pq - a.pq) < 0;
  const parts = { boundaries, scores, detection, duplicates };
  return { disagree, ...parts, text: disagree ? sentence(a, b, parts) : 'AP50 and PQ agree on the order.' };
}

function sentence(
  a: RunView,
  b: RunView,
  { boundaries, scores, duplicates }: Pick<Disagreement, 'boundaries' | 'scores' | 'duplicates'>,
): string {
  const sign = Math.sign(b.pq - a.pq);
  const causes = [
    {
      size: sign * boundaries,
      text: 'boundaries (the masks of cells found fit better or worse, which AP50 does not see)',
    },
    {
      size: sign * scores,
      text: 'scores (they lie on another side of the threshold, while their order is as good)',
    },
    // AP50 falls by a duplicate that PQ may not see: it matters where it goes against AP50's order.
    {
      size: -Math.sign(b.AP50 - a.AP50) * duplicates,
      text: 'duplicates (AP50 counts each, PQ only what others do not cover)',
    },
  ].filter(({ size }) => size > 1e-3);
  causes.sort((first, second) => second.size - first.size);
  const from =
    causes.length === 0 ? 'small differences of every kind' : causes.map(({ text }) => text).join('; ');
  const change = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
  return `AP50 ${change(b.AP50 - a.AP50)} but PQ ${change(b.pq - a.pq)}: from ${from}.`;
}
