import { ShapeError } from '../../core/errors';
import type { Instances } from '../../geometry/instances';
import { detectionsOf, type EvaluationImage } from '../evaluation_image';
import { countCells, F1_THRESHOLDS, type FoundCounts, type ImageCounts, type MatchCounts } from './counts';
import { matchCells, type ScoreThreshold } from './match';

/** Panoptic quality: `pq = dq * sq`; null where there is neither ground truth nor detection. */
export interface PanopticQuality {
  readonly pq: number | null;
  /** Detection quality: F1 at IoU over 0.5. */
  readonly dq: number | null;
  /** Segmentation quality: mean IoU of those found. */
  readonly sq: number | null;
}

export interface F1Score {
  /** Least IoU of a match. */
  readonly iou: number;
  readonly f1: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

export interface ClassCellScores extends PanopticQuality {
  /** At IoU 0.5. */
  readonly f1: number | null;
  /** [F1_THRESHOLDS] */
  readonly f1At: readonly F1Score[];
}

/** Cell metrics of a data set. Every mean leaves out what is null; null where nothing is left. */
export interface CellSummary extends PanopticQuality {
  /** Mean over classes of the PQ pooled over images (`pq`), with false positives on images without the class. */
  readonly pq: number | null;
  /** Mean over images of AJI, all classes together, and of its one-to-one variant. */
  readonly aji: number | null;
  readonly ajiPlus: number | null;
  /** IoU 0.5, classes must agree, pooled over images and classes. */
  readonly f1: number | null;
  /** The same at IoU 0.5 to 0.9. */
  readonly f1At: readonly F1Score[];
  /** All classes as one, pooled over images. */
  readonly binary: PanopticQuality;
  /** The same, mean over images (HoVer-Net's "binary PQ"). */
  readonly binaryPerImage: number | null;
  /** Mean over images of the mean over the classes that the image has, as ground truth or detection. */
  readonly pqPerImage: number | null;
  /**
   * Per class the mean over the images whose ground truth has it, then the mean over classes: false positives elsewhere do
   * not count. Source: MoNuSAC 2020 (Verma et al., IEEE TMI 40(12), 2021); see Foucart et al., 2022, for why not.
   */
  readonly pqMonusac: number | null;
  /** Pixels in or out of any cell: mean over images, and pooled. */
  readonly dice: number | null;
  readonly dicePooled: number | null;
  /** [K] */
  readonly perClass: readonly ClassCellScores[];
}

/** The summary of all images, or of a resample: `weights[i]` says how often image i counts. */
export function summarizeCells(images: readonly ImageCounts[], weights?: ArrayLike<number>): CellSummary {
  const classes = images[0]?.perClass.length ?? 0;
  const pool = (pick: (image: ImageCounts) => Counts): MatchCounts => pooled(images, pick, weights);
  const average = (pick: (image: ImageCounts) => number | null): number | null =>
    weightedMean(images.map(pick), weights);
  const perClass = Array.from({ length: classes }, (_, k) => {
    const f1At = F1_THRESHOLDS.map((iou, t) =>
      f1Score(
        iou,
        pool((image) => image.f1PerClass[t][k]),
      ),
    );
    return { ...panopticQuality(pool((image) => image.perClass[k])), f1: f1At[0].f1, f1At };
  });
  const f1At = F1_THRESHOLDS.map((iou, t) =>
    f1Score(
      iou,
      pool((image) => image.f1[t]),
    ),
  );
  return {
    pq: mean(perClass.map(({ pq }) => pq)),
    dq: mean(perClass.map(({ dq }) => dq)),
    sq: mean(perClass.map(({ sq }) => sq)),
    aji: average(({ aji }) => aji),
    ajiPlus: average(({ ajiPlus }) => ajiPlus),
    f1: f1At[0].f1,
    f1At,
    binary: panopticQuality(pool(({ binary }) => binary)),
    binaryPerImage: average(({ binary }) => panopticQuality(binary).pq),
    pqPerImage: average((image) => mean(image.perClass.map((counts) => panopticQuality(counts).pq))),
    pqMonusac: mean(
      Array.from({ length: classes }, (_, k) =>
        average(({ perClass: { [k]: counts } }) =>
          counts.tp + counts.fn === 0 ? null : panopticQuality(counts).pq,
        ),
      ),
    ),
    dice: average(({ foreground }) => dice(foreground)),
    dicePooled: dice(poolForeground(images, weights)),
    perClass,
  };
}

/** Source: Kirillov et al., Panoptic Segmentation, CVPR 2019, equation 2. */
export function panopticQuality({ tp, fp, fn, iou }: MatchCounts): PanopticQuality {
  if (tp + fp + fn === 0) return { pq: null, dq: null, sq: null };
  const dq = tp / (tp + fp / 2 + fn / 2);
  const sq = tp === 0 ? 0 : iou / tp;
  return { pq: dq * sq, dq, sq };
}

/** Dice's coefficient of all cells against all pixels found; null where there are neither. */
export function dice({ groundTruth, found, shared }: ImageCounts['foreground']): number | null {
  return groundTruth + found === 0 ? null : (2 * shared) / (groundTruth + found);
}

export function f1Score(iou: number, { tp, fp, fn }: FoundCounts): F1Score {
  const share = (n: number): number | null => (n === 0 ? null : tp / n);
  return {
    iou,
    f1: share(tp + fp / 2 + fn / 2),
    precision: share(tp + fp),
    recall: share(tp + fn),
    tp,
    fp,
    fn,
  };
}

/** Mean of what is not null; null of nothing. */
export function mean(values: readonly (number | null)[]): number | null {
  return weightedMean(values);
}

function weightedMean(values: readonly (number | null)[], weights?: ArrayLike<number>): number | null {
  let [sum, n] = [0, 0];
  for (const [i, value] of values.entries()) {
    if (value === null) continue;
    const weight = weights ? weights[i] : 1;
    sum += weight * value;
    n += weight;
  }
  return n === 0 ? null : sum / n;
}

/** Counts that may come without the IoU, which pooled F1 does not need. */
type Counts = FoundCounts & Partial<MatchCounts>;

function pooled(
  images: readonly ImageCounts[],
  pick: (image: ImageCounts) => Counts,
  weights?: ArrayLike<number>,
): MatchCounts {
  const sum = { tp: 0, fp: 0, fn: 0, iou: 0 };
  for (const [i, image] of images.entries()) {
    const weight = weights ? weights[i] : 1;
    const { tp, fp, fn, iou = 0 } = pick(image);
    sum.tp += weight * tp;
    sum.fp += weight * fp;
    sum.fn += weight * fn;
    sum.iou += weight * iou;
  }
  return sum;
}

function poolForeground(
  images: readonly ImageCounts[],
  weights?: ArrayLike<number>,
): ImageCounts['foreground'] {
  const sum = { groundTruth: 0, found: 0, shared: 0 };
  for (const [i, { foreground }] of images.entries()) {
    const weight = weights ? weights[i] : 1;
    sum.groundTruth += weight * foreground.groundTruth;
    sum.found += weight * foreground.found;
    sum.shared += weight * foreground.shared;
  }
  return sum;
}

/**
 * Panoptic quality, AJI, Dice and F1 of predictions at or over a score threshold; image i of both lists is the same
 * image.
 */
export function evaluateCells(
  images: readonly EvaluationImage[],
  predictions: readonly Instances[],
  options: { readonly classes: number; readonly scoreThreshold?: ScoreThreshold },
): CellSummary {
  if (images.length !== predictions.length)
    throw new ShapeError(`expected predictions of ${images.length} images, got ${predictions.length}`);
  return summarizeCells(
    images.map((image, i) =>
      countCells(matchCells(image, detectionsOf(predictions[i]), options.scoreThreshold), options.classes),
    ),
  );
}
