import { ShapeError } from '../../core/errors';
import type { Instances } from '../../geometry/instances';
import type { Rle } from '../../geometry/rle';
import type { EvaluationImage } from '../evaluation_image';
import { assignPairs } from './match';

/** Pixels between the centres of a true cell and of the detection that finds it: HoVer-Net's, 3 micrometres at 40x. */
export const DETECTION_RADIUS = 12;

/** Where cells are, whatever their outlines: the field's detection scores, pooled over images. */
export interface DetectionScores {
  /** Pixels. */
  readonly radius: number;
  readonly precision: number | null;
  readonly recall: number | null;
  /** F_d: classes as one. */
  readonly f1: number | null;
  /** [K] F_c: a cell has to be found and to be of its class. */
  readonly perClass: readonly (number | null)[];
}

/**
 * A detection finds a true cell where their centres lie within `radius` pixels, one to one: as many pairs as there can be,
 * of these the nearest. Source: Graham et al., HoVer-Net, Medical Image Analysis 58, 2019, section 4.2, F_d and F_c
 * with weights 2, 2, 1, 1; as in its code, F_c of a class counts the pairs in which either side is of the class.
 * @param thresholds [K] least score of a detection that counts.
 */
export function detectionScores(
  images: readonly EvaluationImage[],
  predictions: readonly Instances[],
  thresholds: readonly number[],
  radius = DETECTION_RADIUS,
): DetectionScores {
  if (images.length !== predictions.length)
    throw new ShapeError(`expected predictions of ${images.length} images, got ${predictions.length}`);
  const classes = thresholds.length;
  let [tp, fp, fn] = [0, 0, 0];
  // Per class: pairs that agree, pairs of which one side alone is of the class, and what is left over.
  const agree = new Float64Array(classes);
  const differ = new Float64Array(classes);
  const left = new Float64Array(classes);
  for (const [i, image] of images.entries()) {
    const truth = [...image.labels.keys()].filter((t) => image.crowd[t] !== 1);
    const { labels, scores, masks } = predictions[i];
    const found = [...labels.keys()].filter((d) => scores[d] >= thresholds[labels[d] - 1]);
    const pairs = pairsWithin(
      truth.map((t) => centre(image.masks[t])),
      found.map((d) => centre(masks[d])),
      radius,
    );
    tp += pairs.length;
    fp += found.length - pairs.length;
    fn += truth.length - pairs.length;
    for (const { groundTruth, detection } of pairs) {
      const [own, other] = [image.labels[truth[groundTruth]], labels[found[detection]]];
      if (own === other) agree[own - 1]++;
      else {
        differ[own - 1]++;
        differ[other - 1]++;
      }
    }
    const [pairedTruth, pairedFound] = [
      new Set(pairs.map(({ groundTruth }) => groundTruth)),
      new Set(pairs.map(({ detection }) => detection)),
    ];
    truth.forEach((t, at) => {
      if (!pairedTruth.has(at)) left[image.labels[t] - 1]++;
    });
    found.forEach((d, at) => {
      if (!pairedFound.has(at)) left[labels[d] - 1]++;
    });
  }
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    radius,
    precision: share(tp, tp + fp),
    recall: share(tp, tp + fn),
    f1: share(2 * tp, 2 * tp + fp + fn),
    perClass: Array.from(agree, (pairs, k) => share(2 * pairs, 2 * pairs + 2 * differ[k] + left[k])),
  };
}

type Point = readonly [x: number, y: number];

/** The one-to-one pairs of points within reach: the most that there can be, of these the nearest. */
function pairsWithin(
  truth: readonly Point[],
  found: readonly Point[],
  radius: number,
): { groundTruth: number; detection: number }[] {
  const edges = truth.flatMap(([x, y], groundTruth) =>
    found.flatMap(([u, v], detection) => {
      const distance = Math.hypot(u - x, v - y);
      return distance <= radius ? [{ groundTruth, detection, distance }] : [];
    }),
  );
  // One pair more always outweighs what any number of cells could gain in distance.
  const most = radius * (1 + Math.min(truth.length, found.length));
  return assignPairs(edges, ({ distance }) => most + radius - distance);
}

/** The mean of a mask's pixels; (-Infinity, -Infinity) for one without any, which is within nobody's reach. */
function centre({ size: [height], counts }: Rle): Point {
  let [at, n, sumX, sumY] = [0, 0, 0, 0];
  for (const [i, run] of counts.entries()) {
    // Column by column: a run that is in the mask may go on in the next column.
    for (let from = at, end = at + run; i % 2 === 1 && from < end; ) {
      const x = Math.floor(from / height);
      const to = Math.min(end, (x + 1) * height);
      const [length, top] = [to - from, from - x * height];
      n += length;
      sumX += x * length;
      sumY += length * (top + (length - 1) / 2);
      from = to;
    }
    at += run;
  }
  return n === 0 ? [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY] : [sumX / n, sumY / n];
}
