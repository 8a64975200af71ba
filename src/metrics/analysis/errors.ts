import { averagePrecisions } from '../coco/average_precision';
import { type ClassMatches, FALSE_POSITIVE, IGNORED, TRUE_POSITIVE } from '../coco/match';
import type { Detections, EvaluationImage } from '../evaluation_image';
import { findOverlaps, measureExtents, type OverlapType } from '../overlap';

/**
 * What a detection is. Source: Bolya et al., TIDE, ECCV 2020, section 2.2, with an IoU of 0.5 for a match and 0.1 for
 * background.
 */
export type DetectionKind =
  /** Matches a true cell of its class. */
  | 'right'
  /** Overlaps a true cell of another class by 0.5. */
  | 'wrongClass'
  /** Overlaps a true cell of its class by 0.1 to 0.5. */
  | 'poorMask'
  /** Overlaps a true cell of another class by 0.1 to 0.5. */
  | 'wrongClassAndMask'
  /** Overlaps a true cell of its class by 0.5, which another with a higher score has matched. */
  | 'duplicate'
  /** Overlaps no true cell by 0.1. */
  | 'background'
  /** In an ignored region: neither right nor wrong. */
  | 'ignored';

export const MATCH_IOU = 0.5;
export const BACKGROUND_IOU = 0.1;

/** A detection with what it is. */
export interface ClassifiedDetection {
  /** Row in the detections. */
  readonly row: number;
  readonly label: number;
  readonly score: number;
  readonly kind: DetectionKind;
  /** Row of the ground truth that it matches, or would match were its error gone; -1 for none. */
  readonly groundTruth: number;
  readonly iou: number;
}

/** One image, every detection and true cell classified. */
export interface ClassifiedImage {
  readonly id: string;
  /** By class, then the highest score first. */
  readonly detections: readonly ClassifiedDetection[];
  /** Rows of the ground truth (crowds left out) that no detection has matched. */
  readonly unmatched: readonly number[];
  /** Those of them that no wrong class or poor mask explains either. */
  readonly missed: readonly number[];
}

export interface ClassifyOptions {
  readonly type?: OverlapType;
  /** Detections under this score are not looked at. Default: none. */
  readonly minScore?: number;
  /** Per image and class, as in COCO. Default 100. */
  readonly maxDets?: number;
}

/** Classifies every detection and true cell of an image; matching within a class is COCO's at IoU 0.5. */
export function classifyDetections(
  image: EvaluationImage,
  detections: Detections,
  { type = 'segm', minScore = -Infinity, maxDets = 100 }: ClassifyOptions = {},
): ClassifiedImage {
  const rows = rankedRows(detections, minScore, maxDets);
  const groundTruths = Array.from(image.labels.keys());
  const overlaps = findOverlaps(
    type,
    measureExtents(type, detections),
    rows,
    measureExtents(type, image),
    groundTruths,
    image.crowd,
    BACKGROUND_IOU,
  );
  const taken = new Set<number>();
  const classified = rows.map((row, d): ClassifiedDetection => {
    const label = detections.labels[row];
    const base = { row, label, score: detections.scores[row] };
    let match = -1;
    let matchIou = MATCH_IOU;
    let crowded = false;
    // The greatest overlap with a true cell of its class, and with one of another.
    const best = { own: -1, ownIou: 0, other: -1, otherIou: 0 };
    for (let i = overlaps.start[d]; i < overlaps.start[d + 1]; i++) {
      const groundTruth = overlaps.groundTruth[i];
      const iou = overlaps.iou[i];
      const own = image.labels[groundTruth] === label;
      if (image.crowd[groundTruth] === 1) {
        if (own && iou >= MATCH_IOU) crowded = true;
        continue;
      }
      if (own && iou > best.ownIou) [best.own, best.ownIou] = [groundTruth, iou];
      if (!own && iou > best.otherIou) [best.other, best.otherIou] = [groundTruth, iou];
      if (own && !taken.has(groundTruth) && iou >= matchIou) [match, matchIou] = [groundTruth, iou];
    }
    if (match >= 0) {
      taken.add(match);
      return { ...base, kind: 'right', groundTruth: match, iou: matchIou };
    }
    if (crowded) return { ...base, kind: 'ignored', groundTruth: -1, iou: 0 };
    const own = { ...base, groundTruth: best.own, iou: best.ownIou };
    const other = { ...base, groundTruth: best.other, iou: best.otherIou };
    if (best.ownIou >= MATCH_IOU) return { ...own, kind: 'duplicate' };
    if (best.otherIou >= MATCH_IOU) return { ...other, kind: 'wrongClass' };
    if (best.ownIou >= BACKGROUND_IOU) return { ...own, kind: 'poorMask' };
    if (best.otherIou >= BACKGROUND_IOU) return { ...other, kind: 'wrongClassAndMask' };
    return { ...base, kind: 'background', groundTruth: -1, iou: 0 };
  });
  const explained = new Set(
    classified.flatMap(({ kind, groundTruth }) =>
      kind === 'wrongClass' || kind === 'poorMask' ? [groundTruth] : [],
    ),
  );
  const unmatched = groundTruths.filter(
    (groundTruth) => image.crowd[groundTruth] === 0 && !taken.has(groundTruth),
  );
  return {
    id: image.id,
    detections: classified,
    unmatched,
    missed: unmatched.filter((groundTruth) => !explained.has(groundTruth)),
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

export type ErrorKind = Exclude<DetectionKind, 'right' | 'ignored'> | 'missed';

export const ERROR_KINDS: readonly ErrorKind[] = [
  'wrongClass',
  'poorMask',
  'wrongClassAndMask',
  'duplicate',
  'background',
  'missed',
];

export interface ErrorShare {
  readonly kind: ErrorKind;
  readonly count: number;
  /** What AP50 would gain were errors of this kind gone, all others as they are; null without ground truth. */
  readonly gain: number | null;
}

export interface ErrorAnalysis {
  /** AP at IoU 0.5 of the same detections; null without ground truth. */
  readonly AP50: number | null;
  readonly kinds: readonly ErrorShare[];
}

/** A detection in the list of one class. */
interface Entry {
  readonly score: number;
  readonly outcome: number;
}

/**
 * Every false positive and miss by its kind, with what AP50 would gain: a wrong class or poor mask put right finds its
 * ground truth (or goes, where that is found already), a duplicate or background goes, a missed ground truth counts no more.
 * Source: Bolya et al., TIDE, ECCV 2020, section 2.3.
 */
export function analyzeErrors(
  images: readonly EvaluationImage[],
  detections: readonly Detections[],
  options: ClassifyOptions & { readonly classes: number },
): ErrorAnalysis {
  const classified = images.map((image, i) => classifyDetections(image, detections[i], options));
  const base = meanAp50(images, classified, options.classes, undefined);
  const kinds = ERROR_KINDS.map((kind) => {
    const fixed = meanAp50(images, classified, options.classes, kind);
    const count = classified.reduce((sum, image) => sum + countKind(image, kind), 0);
    return { kind, count, gain: base === null ? null : (fixed ?? 1) - base };
  });
  return { AP50: base, kinds };
}

function countKind(image: ClassifiedImage, kind: ErrorKind): number {
  return kind === 'missed'
    ? image.missed.length
    : image.detections.filter((detection) => detection.kind === kind).length;
}

/** AP50, mean over classes with ground truth, with errors of the kind `gone` put right. */
function meanAp50(
  images: readonly EvaluationImage[],
  classified: readonly ClassifiedImage[],
  classes: number,
  gone: ErrorKind | undefined,
): number | null {
  const lists: Entry[][] = Array.from({ length: classes }, () => []);
  const positives = new Float64Array(classes);
  for (const [i, image] of images.entries()) {
    const { detections, missed } = classified[i];
    for (let t = 0; t < image.labels.length; t++) if (image.crowd[t] === 0) positives[image.labels[t] - 1]++;
    if (gone === 'missed') for (const t of missed) positives[image.labels[t] - 1]--;
    const found = new Set(
      detections.flatMap(({ kind, groundTruth }) => (kind === 'right' ? [groundTruth] : [])),
    );
    // The highest score of all classes first: it takes the ground truth that it is put right to.
    for (const detection of [...detections].sort((a, b) => b.score - a.score)) {
      const { label, outcome } = corrected(detection, image, found, gone);
      lists[label - 1].push({ score: detection.score, outcome });
    }
  }
  const values = lists.flatMap((entries, k) => {
    if (positives[k] === 0) return [];
    entries.sort((a, b) => b.score - a.score);
    return [averagePrecisions(asMatches(entries), [0], positives[k])[0].ap];
  });
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function corrected(
  { kind, label, groundTruth }: ClassifiedDetection,
  image: EvaluationImage,
  found: Set<number>,
  gone: ErrorKind | undefined,
): { label: number; outcome: number } {
  if (kind === 'right') return { label, outcome: TRUE_POSITIVE };
  if (kind === 'ignored') return { label, outcome: IGNORED };
  if (kind !== gone) return { label, outcome: FALSE_POSITIVE };
  const repairable = kind === 'wrongClass' || kind === 'poorMask';
  if (!repairable || found.has(groundTruth)) return { label, outcome: IGNORED };
  found.add(groundTruth);
  return { label: image.labels[groundTruth], outcome: TRUE_POSITIVE };
}

function asMatches(entries: readonly Entry[]): ClassMatches {
  const n = entries.length;
  return {
    scores: Float64Array.from(entries, ({ score }) => score),
    image: new Int32Array(n),
    rank: new Int32Array(n),
    outcomes: [Uint8Array.from(entries, ({ outcome }) => outcome)],
    positives: [],
    cut: 0,
  };
}

/**
 * Confusion of classes [K + 1][K + 1]: row of the ground truth, column of the detection, the last of each for background
 * (missed and invented cells). Detections at or over `minScore` are matched one to one at IoU 0.5, the greatest
 * overlap first, whatever their class; crowds and what is in them are left out.
 */
export function confusionMatrix(
  images: readonly EvaluationImage[],
  detections: readonly Detections[],
  { classes, type = 'segm', minScore = 0.5 }: ClassifyOptions & { readonly classes: number },
): number[][] {
  const matrix = Array.from({ length: classes + 1 }, () => new Array<number>(classes + 1).fill(0));
  for (const [i, image] of images.entries()) {
    const found = detections[i];
    const rows = Array.from(found.labels.keys()).filter((row) => found.scores[row] >= minScore);
    const groundTruths = Array.from(image.labels.keys());
    const overlaps = findOverlaps(
      type,
      measureExtents(type, found),
      rows,
      measureExtents(type, image),
      groundTruths,
      image.crowd,
      MATCH_IOU,
    );
    const pairs = rows.flatMap((_, d) =>
      Array.from({ length: overlaps.start[d + 1] - overlaps.start[d] }, (_, j) => {
        const at = overlaps.start[d] + j;
        return { d, t: overlaps.groundTruth[at], iou: overlaps.iou[at] };
      }),
    );
    pairs.sort((a, b) => b.iou - a.iou);
    const [usedDetections, usedGroundTruths] = [new Set<number>(), new Set<number>()];
    for (const { d, t } of pairs) {
      if (usedDetections.has(d) || usedGroundTruths.has(t) || image.crowd[t] === 1) continue;
      usedDetections.add(d);
      usedGroundTruths.add(t);
      matrix[image.labels[t] - 1][found.labels[rows[d]] - 1]++;
    }
    for (const { d, t } of pairs) if (image.crowd[t] === 1) usedDetections.add(d);
    for (const [d, row] of rows.entries())
      if (!usedDetections.has(d)) matrix[classes][found.labels[row] - 1]++;
    for (const t of groundTruths)
      if (!usedGroundTruths.has(t) && image.crowd[t] === 0) matrix[image.labels[t] - 1][classes]++;
  }
  return matrix;
}
