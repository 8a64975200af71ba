import { CytobenchError } from '../../core/errors';
import type { FoundCounts, ImageCounts, MatchCounts } from '../cells/counts';
import { dice, f1Score, mean, panopticQuality } from '../cells/summary';
import { averagePrecisions } from '../coco/average_precision';
import type { CocoMatches, RankedOutcomes } from '../coco/match';
import { countPositives } from '../coco/summary';
import type { Statistics } from './pseudo_values';

export type CocoKey = 'AP' | 'AP50' | 'AP75' | 'AR';

/**
 * COCO numbers of a weighted data set, as `intervals` takes them; matching is not done again. With `k` (from 0) those
 * of one class, else means over the classes that have ground truth. Where `summarizeCoco` says -1 this says null.
 */
export function cocoStatistics(
  matches: Pick<CocoMatches, 'iouThresholds'> & { readonly classes: readonly RankedOutcomes[] },
  keys: readonly CocoKey[],
  k?: number,
): Statistics {
  const classes = k === undefined ? matches.classes : [matches.classes[k]];
  const tablesOf = (key: CocoKey): number[] => {
    const wanted = { AP50: 0.5, AP75: 0.75, AP: undefined, AR: undefined }[key];
    const tables = [...matches.iouThresholds.keys()].filter(
      (t) => wanted === undefined || Math.abs(matches.iouThresholds[t] - wanted) < 1e-9,
    );
    if (tables.length === 0) throw new CytobenchError(`${key} needs the IoU threshold ${wanted}`);
    return tables;
  };
  const wanted = keys.map(tablesOf);
  const all = [...new Set(wanted.flat())];
  return (weights) => {
    const sums = keys.map(() => ({ sum: 0, n: 0 }));
    for (const entry of classes) {
      const positives = countPositives(entry, 0, weights);
      if (positives === 0) continue;
      const found = averagePrecisions(entry, all, positives, weights);
      for (const [i, key] of keys.entries())
        for (const t of wanted[i]) {
          const value = found[all.indexOf(t)];
          sums[i].sum += key === 'AR' ? value.recall : value.ap;
          sums[i].n++;
        }
    }
    return sums.map(({ sum, n }) => (n === 0 ? null : sum / n));
  };
}

export type CellKey = 'pq' | 'dq' | 'sq' | 'aji' | 'ajiPlus' | 'f1' | 'dice' | 'binaryPq';

/** A number of weighted images. */
type Weighted = (weights: Float64Array) => number | null;

/**
 * Cell metrics of a weighted data set, as `intervals` takes them: the same numbers as `summarizeCells`, from columns
 * that are laid out once. With `k` (from 0) `pq`, `dq`, `sq` and `f1` are those of one class.
 */
export function cellStatistics(
  images: readonly ImageCounts[],
  keys: readonly CellKey[],
  k?: number,
): Statistics {
  const classes = k === undefined ? [...(images[0]?.perClass.keys() ?? [])] : [k];
  const quality = (key: 'pq' | 'dq' | 'sq', pick: (image: ImageCounts) => MatchCounts): Weighted => {
    const counts = countsColumn(images, pick);
    return (weights) => panopticQuality(counts(weights))[key];
  };
  const make = (key: CellKey): Weighted => {
    switch (key) {
      case 'binaryPq':
        return quality('pq', ({ binary }) => binary);
      case 'f1': {
        const counts = countsColumn(images, (image) =>
          k === undefined ? image.f1[0] : image.f1PerClass[0][k],
        );
        return (weights) => f1Score(0.5, counts(weights)).f1;
      }
      case 'aji':
      case 'ajiPlus':
        return meanColumn(images.map((image) => image[key]));
      case 'dice':
        return meanColumn(images.map(({ foreground }) => dice(foreground)));
      default: {
        const each = classes.map((c) => quality(key, ({ perClass }) => perClass[c]));
        return (weights) => mean(each.map((one) => one(weights)));
      }
    }
  };
  const made = keys.map(make);
  return (weights) => made.map((one) => one(weights));
}

/** Counts of each image as columns; gives their weighted sums. */
function countsColumn(
  images: readonly ImageCounts[],
  pick: (image: ImageCounts) => FoundCounts & Partial<MatchCounts>,
): (weights: Float64Array) => MatchCounts {
  const rows = images.map(pick);
  const tp = Float64Array.from(rows, (row) => row.tp);
  const fp = Float64Array.from(rows, (row) => row.fp);
  const fn = Float64Array.from(rows, (row) => row.fn);
  const iou = Float64Array.from(rows, (row) => row.iou ?? 0);
  return (weights) => ({
    tp: dot(tp, weights),
    fp: dot(fp, weights),
    fn: dot(fn, weights),
    iou: dot(iou, weights),
  });
}

/** The weighted mean of what is not null. */
function meanColumn(values: readonly (number | null)[]): Weighted {
  const known = Float64Array.from(values, (value) => (value === null ? 0 : 1));
  const filled = Float64Array.from(values, (value) => value ?? 0);
  return (weights) => {
    const n = dot(known, weights);
    return n === 0 ? null : dot(filled, weights) / n;
  };
}

function dot(values: Float64Array, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * weights[i];
  return sum;
}
