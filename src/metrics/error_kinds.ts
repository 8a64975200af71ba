import type { Detections, EvaluationImage } from './evaluation_image';
import { findOverlaps, measureExtents, type OverlapType } from './overlap';

/**
 * What a detection is. Source: Bolya et al., TIDE, ECCV 2020, section 2.2, with an IoU of 0.5 for a match and 0.1 for
 * background.
 */
export type DetectionKind =
  /** Matches a truth of its class. */
  | 'right'
  /** Overlaps a truth of another class by 0.5. */
  | 'wrongClass'
  /** Overlaps a truth of its class by 0.1 to 0.5. */
  | 'poorMask'
  /** Overlaps a truth of another class by 0.1 to 0.5. */
  | 'wrongClassAndMask'
  /** Overlaps a truth of its class by 0.5, which another with a higher score has matched. */
  | 'duplicate'
  /** Overlaps no truth by 0.1. */
  | 'background'
  /** In an ignored region: neither right nor wrong. */
  | 'ignored';

export const MATCH_IOU = 0.5;
export const BACKGROUND_IOU = 0.1;

/** A detection with what it is. */
export interface JudgedDetection {
  /** Row in the detections. */
  readonly row: number;
  readonly label: number;
  readonly score: number;
  readonly kind: DetectionKind;
  /** Row of the truth that it matches, or would match were its error gone; -1 for none. */
  readonly truth: number;
  readonly iou: number;
}

/** One image, every detection and truth judged. */
export interface JudgedImage {
  readonly id: string;
  /** By class, then the highest score first. */
  readonly detections: readonly JudgedDetection[];
  /** Rows of the truth (crowds left out) that no detection has matched. */
  readonly unmatched: readonly number[];
  /** Those of them that no wrong class or poor mask explains either. */
  readonly missed: readonly number[];
}

export interface JudgeOptions {
  readonly type?: OverlapType;
  /** Detections under this score are not looked at. Default: none. */
  readonly minScore?: number;
  /** Per image and class, as in COCO. Default 100. */
  readonly maxDets?: number;
}

/** Judges every detection and truth of an image; matching within a class is COCO's at IoU 0.5. */
export function judgeImage(
  image: EvaluationImage,
  detections: Detections,
  { type = 'segm', minScore = -Infinity, maxDets = 100 }: JudgeOptions = {},
): JudgedImage {
  const rows = rankedRows(detections, minScore, maxDets);
  const truths = Array.from(image.labels.keys());
  const overlaps = findOverlaps(
    type,
    measureExtents(type, detections),
    rows,
    measureExtents(type, image),
    truths,
    image.crowd,
    BACKGROUND_IOU,
  );
  const taken = new Set<number>();
  const judged = rows.map((row, d): JudgedDetection => {
    const label = detections.labels[row];
    const base = { row, label, score: detections.scores[row] };
    let match = -1;
    let matchIou = MATCH_IOU;
    let crowded = false;
    // The greatest overlap with a truth of its class, and with one of another.
    const best = { own: -1, ownIou: 0, other: -1, otherIou: 0 };
    for (let i = overlaps.start[d]; i < overlaps.start[d + 1]; i++) {
      const truth = overlaps.truth[i];
      const iou = overlaps.iou[i];
      const own = image.labels[truth] === label;
      if (image.crowd[truth] === 1) {
        if (own && iou >= MATCH_IOU) crowded = true;
        continue;
      }
      if (own && iou > best.ownIou) [best.own, best.ownIou] = [truth, iou];
      if (!own && iou > best.otherIou) [best.other, best.otherIou] = [truth, iou];
      if (own && !taken.has(truth) && iou >= matchIou) [match, matchIou] = [truth, iou];
    }
    if (match >= 0) {
      taken.add(match);
      return { ...base, kind: 'right', truth: match, iou: matchIou };
    }
    if (crowded) return { ...base, kind: 'ignored', truth: -1, iou: 0 };
    const own = { ...base, truth: best.own, iou: best.ownIou };
    const other = { ...base, truth: best.other, iou: best.otherIou };
    if (best.ownIou >= MATCH_IOU) return { ...own, kind: 'duplicate' };
    if (best.otherIou >= MATCH_IOU) return { ...other, kind: 'wrongClass' };
    if (best.ownIou >= BACKGROUND_IOU) return { ...own, kind: 'poorMask' };
    if (best.otherIou >= BACKGROUND_IOU) return { ...other, kind: 'wrongClassAndMask' };
    return { ...base, kind: 'background', truth: -1, iou: 0 };
  });
  const explained = new Set(
    judged.flatMap(({ kind, truth }) => (kind === 'wrongClass' || kind === 'poorMask' ? [truth] : [])),
  );
  const unmatched = truths.filter((truth) => image.crowd[truth] === 0 && !taken.has(truth));
  return {
    id: image.id,
    detections: judged,
    unmatched,
    missed: unmatched.filter((truth) => !explained.has(truth)),
  };
}

/** Rows by class, the highest score first, at most `maxDets` of each class. */
function rankedRows({ labels, scores }: Detections, minScore: number, maxDets: number): number[] {
  const order = Array.from(labels.keys())
    .filter((row) => scores[row] >= minScore)
    .sort((a, b) => labels[a] - labels[b] || scores[b] - scores[a] || a - b);
  const counts = new Map<number, number>();
  return order.filter((row) => {
    const n = (counts.get(labels[row]) ?? 0) + 1;
    counts.set(labels[row], n);
    return n <= maxDets;
  });
}
