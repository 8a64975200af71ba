import { assignPairs, type CellPair, type ImageCells } from './match';

/** Found, wrongly found, missed. */
export interface FoundCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

/** The same, and the sum of the IoU of those found. */
export interface MatchCounts extends FoundCounts {
  readonly iou: number;
}

/** IoU at which F1 is counted. */
export const F1_THRESHOLDS: readonly number[] = [0.5, 0.6, 0.7, 0.8, 0.9];

/** All that the cell metrics need of one image: sums, so that images can be pooled, grouped and weighed. */
export interface ImageCounts {
  readonly id: string;
  readonly group?: string;
  /** [K] IoU over 0.5, classes apart: for PQ. */
  readonly perClass: readonly MatchCounts[];
  /** IoU over 0.5, all classes as one: for binary PQ. */
  readonly binary: MatchCounts;
  /** [F1_THRESHOLDS] IoU at or over the threshold, classes must agree. */
  readonly f1: readonly FoundCounts[];
  /** [F1_THRESHOLDS][K] the same, class by class. */
  readonly f1PerClass: readonly (readonly FoundCounts[])[];
  /** Aggregated Jaccard index and its one-to-one variant; null without ground truth and detections. */
  readonly aji: number | null;
  readonly ajiPlus: number | null;
  /** Pixels of any ground truth, of any detection, of both. */
  readonly foreground: ImageCells['foreground'];
}

/** Everything that is counted in one image; `minScore` leaves out detections of a lower score. */
export function countCells(cells: ImageCells, classes: number, minScore = -Infinity): ImageCounts {
  const labels = Array.from({ length: classes }, (_, c) => c + 1);
  const count = (label: number | undefined, accept: (iou: number) => boolean): MatchCounts =>
    countMatches(cells, label, accept, minScore);
  const f1PerClass = F1_THRESHOLDS.map((threshold) =>
    labels.map((label) => count(label, (iou) => iou >= threshold)),
  );
  return {
    id: cells.id,
    ...(cells.group === undefined ? {} : { group: cells.group }),
    perClass: labels.map((label) => count(label, (iou) => iou > 0.5)),
    binary: count(undefined, (iou) => iou > 0.5),
    f1: f1PerClass.map(addCounts),
    f1PerClass,
    ...aggregatedJaccard(cells),
    foreground: cells.foreground,
  };
}

/** Sums of counts; zeros for none. */
export function addCounts(list: readonly MatchCounts[]): MatchCounts {
  const sum = { tp: 0, fp: 0, fn: 0, iou: 0 };
  for (const { tp, fp, fn, iou } of list) {
    sum.tp += tp;
    sum.fp += fp;
    sum.fn += fn;
    sum.iou += iou;
  }
  return sum;
}

/**
 * Matches one to one, the greatest IoU first, within a class or (undefined) over all as one. Over 0.5 no ground truth can
 * have two detections, as those share no pixel.
 */
export function countMatches(
  cells: ImageCells,
  label: number | undefined,
  accept: (iou: number) => boolean,
  minScore = -Infinity,
): MatchCounts {
  const { groundTruthLabels, labels, scores, ignorable } = cells;
  const ours = (value: number): boolean => label === undefined || value === label;
  const candidates = cells.pairs.filter(
    ({ groundTruth, detection, iou }) =>
      accept(iou) &&
      ours(groundTruthLabels[groundTruth]) &&
      ours(labels[detection]) &&
      scores[detection] >= minScore,
  );
  const matched = greedy(candidates);
  const takenDetections = new Set(matched.map(({ detection }) => detection));
  const groundTruths = groundTruthLabels.reduce((n, value) => n + (ours(value) ? 1 : 0), 0);
  let fp = 0;
  for (let d = 0; d < labels.length; d++)
    if (ours(labels[d]) && scores[d] >= minScore && ignorable[d] === 0 && !takenDetections.has(d)) fp++;
  return {
    tp: matched.length,
    fp,
    fn: groundTruths - matched.length,
    iou: matched.reduce((sum, { iou }) => sum + iou, 0),
  };
}

/** Pairs of which no two share a ground truth or a detection: the greatest IoU first. */
export function greedy(pairs: readonly CellPair[]): CellPair[] {
  const [groundTruths, detections] = [new Set<number>(), new Set<number>()];
  const order = [...pairs].sort(
    (a, b) => b.iou - a.iou || a.detection - b.detection || a.groundTruth - b.groundTruth,
  );
  return order.filter(({ groundTruth, detection }) => {
    if (groundTruths.has(groundTruth) || detections.has(detection)) return false;
    groundTruths.add(groundTruth);
    detections.add(detection);
    return true;
  });
}

/**
 * AJI: each ground truth with the detection of the greatest IoU, shared pixels over joined pixels, all that is left over
 * added below. Source: Kumar et al., IEEE TMI 36(7), 2017, algorithm 1 (a detection may serve two true cells).
 * AJI+: one to one, the sum of IoU greatest. Source: Graham et al., HoVer-Net, 2019, `get_fast_aji_plus`.
 */
function aggregatedJaccard(cells: ImageCells): { aji: number | null; ajiPlus: number | null } {
  const { groundTruthSizes, sizes, ignorable, pairs } = cells;
  const best: (CellPair | undefined)[] = new Array(groundTruthSizes.length).fill(undefined);
  for (const pair of pairs) if (pair.iou > (best[pair.groundTruth]?.iou ?? 0)) best[pair.groundTruth] = pair;
  const ratio = (chosen: readonly CellPair[]): number | null => {
    let [above, below] = [0, 0];
    const usedGroundTruths = new Set(chosen.map(({ groundTruth }) => groundTruth));
    const usedDetections = new Set(chosen.map(({ detection }) => detection));
    for (const { groundTruth, detection, shared } of chosen) {
      above += shared;
      below += groundTruthSizes[groundTruth] + sizes[detection] - shared;
    }
    for (let t = 0; t < groundTruthSizes.length; t++)
      if (!usedGroundTruths.has(t)) below += groundTruthSizes[t];
    for (let d = 0; d < sizes.length; d++)
      if (!usedDetections.has(d) && ignorable[d] === 0) below += sizes[d];
    return below === 0 ? null : above / below;
  };
  return {
    aji: ratio(best.filter((pair): pair is CellPair => pair !== undefined)),
    ajiPlus: ratio(assignPairs(pairs, ({ iou }) => iou)),
  };
}
