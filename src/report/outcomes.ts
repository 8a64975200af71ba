import type { CropMask } from '../structures/crop_mask';
import type { Instances } from '../structures/instances';
import { sortByScore } from '../structures/nms';
import { rleArea, rleBox } from '../structures/rle';
import { encodeCropMask } from '../structures/rle_raster';
import { boxesMeet, sharedPixels } from '../structures/rle_sets';

/** Truth as a data set's sample holds it. */
export interface TrueCells {
  /** [m] 1..K */
  readonly labels: ArrayLike<number>;
  /** [m] */
  readonly masks: readonly CropMask[];
}

/** Rows, for a picture: what was found, and what was not. */
export interface Outcomes {
  /** Rows of the instances that are no true cell, or one that a higher score has already. */
  readonly falseAlarms: ReadonlySet<number>;
  /** Rows of the truth that no instance covers. */
  readonly missed: ReadonlySet<number>;
}

/** IoU from which a true cell counts as found. */
const MATCH = 0.5;

/** For each instance the true cell of its class with the greatest IoU, from 0.5 on; -1 for none. */
export function coveredCells(instances: Instances, truth: TrueCells): Int32Array {
  const { height, width } = instances;
  const codes = truth.masks.map((mask) => encodeCropMask(mask, height, width));
  const areas = codes.map(rleArea);
  const boxes = codes.map(rleBox);
  return Int32Array.from(instances.masks, (mask, i) => {
    const [box, area] = [rleBox(mask), rleArea(mask)];
    let [best, most] = [-1, MATCH];
    codes.forEach((code, t) => {
      if (truth.labels[t] !== instances.labels[i] || !boxesMeet(box, boxes[t])) return;
      const shared = sharedPixels(mask.counts, code.counts);
      const iou = shared / (area + areas[t] - shared);
      if (iou >= most) [best, most] = [t, iou];
    });
    return best;
  });
}

/** Hits, misses and false alarms: by falling score each instance takes the true cell that it covers, if it is free. */
export function outcomesOf(instances: Instances, truth: TrueCells): Outcomes {
  const covered = coveredCells(instances, truth);
  const missed = new Set(truth.masks.keys());
  const falseAlarms = new Set<number>();
  for (const row of sortByScore(instances.scores)) if (!missed.delete(covered[row])) falseAlarms.add(row);
  return { falseAlarms, missed };
}
