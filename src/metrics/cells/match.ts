import { CytobenchError, ShapeError } from '../../core/errors';
import type { Rle } from '../../geometry/rle';
import type { Detections, EvaluationImage } from '../evaluation_image';

/** An edge between a ground truth and a detection. */
export interface Edge {
  readonly groundTruth: number;
  readonly detection: number;
}

/**
 * The one-to-one choice of edges with the greatest total weight (weights over 0; an end may stay free). Pieces of the
 * graph that share no end are solved apart: cells touch few others.
 */
export function assignPairs<T extends Edge>(edges: readonly T[], weight: (edge: T) => number): T[] {
  return components(edges).flatMap((part) => (part.length === 1 ? [part[0]] : solve(part, weight)));
}

/** Edges by connected piece. */
function components<T extends Edge>(edges: readonly T[]): T[][] {
  const root = new Map<string, string>();
  const find = (key: string): string => {
    let top = key;
    for (let up = root.get(top); up !== undefined && up !== top; up = root.get(top)) top = up;
    root.set(key, top);
    return top;
  };
  for (const { groundTruth, detection } of edges) root.set(find(`t${groundTruth}`), find(`d${detection}`));
  const parts = new Map<string, T[]>();
  for (const edge of edges) {
    const key = find(`t${edge.groundTruth}`);
    const part = parts.get(key);
    if (part) part.push(edge);
    else parts.set(key, [edge]);
  }
  return [...parts.values()];
}

/** Kuhn-Munkres with potentials on the dense matrix of one piece. Source: e-maxx, Hungarian algorithm in O(n^3). */
function solve<T extends Edge>(edges: readonly T[], weight: (edge: T) => number): T[] {
  const groundTruths = [...new Set(edges.map(({ groundTruth }) => groundTruth))];
  const detections = [...new Set(edges.map(({ detection }) => detection))];
  const n = Math.max(groundTruths.length, detections.length);
  const byPlace = new Map<number, T>();
  const cost = new Float64Array((n + 1) * (n + 1));
  const rowOf = new Map(groundTruths.map((groundTruth, i) => [groundTruth, i + 1]));
  const columnOf = new Map(detections.map((detection, j) => [detection, j + 1]));
  for (const edge of edges) {
    const place = rowOf.get(edge.groundTruth)! * (n + 1) + columnOf.get(edge.detection)!;
    cost[place] = -weight(edge);
    byPlace.set(place, edge);
  }
  const rowAt = assign(cost, n);
  return rowAt.flatMap((row, column) => {
    const edge = column > 0 ? byPlace.get(row * (n + 1) + column) : undefined;
    return edge ? [edge] : [];
  });
}

/** Row assigned to each column 1..n of a square cost matrix, 1-based. */
function assign(cost: Float64Array, n: number): number[] {
  const [rowPotential, columnPotential] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  const rowAt = new Array<number>(n + 1).fill(0);
  const way = new Int32Array(n + 1);
  for (let i = 1; i <= n; i++) {
    rowAt[0] = i;
    const least = new Float64Array(n + 1).fill(Infinity);
    const used = new Uint8Array(n + 1);
    let column = 0;
    do {
      used[column] = 1;
      const row = rowAt[column];
      let [delta, next] = [Infinity, 0];
      for (let j = 1; j <= n; j++) {
        if (used[j] === 1) continue;
        const current = cost[row * (n + 1) + j] - rowPotential[row] - columnPotential[j];
        if (current < least[j]) [least[j], way[j]] = [current, column];
        if (least[j] < delta) [delta, next] = [least[j], j];
      }
      for (let j = 0; j <= n; j++) {
        if (used[j] === 1) {
          rowPotential[rowAt[j]] += delta;
          columnPotential[j] -= delta;
        } else least[j] -= delta;
      }
      column = next;
    } while (rowAt[column] !== 0);
    for (; column !== 0; column = way[column]) rowAt[column] = rowAt[way[column]];
  }
  return rowAt;
}

/** Score threshold of a detection: one for all classes, or one for each (`[0]` is class 1's). */
export type ScoreThreshold = number | readonly number[];

/** A ground truth and a detection that share pixels. */
export interface CellPair {
  /** Rows of `groundTruthLabels` and `labels`. */
  readonly groundTruth: number;
  readonly detection: number;
  /** Pixels. */
  readonly shared: number;
  readonly iou: number;
}

/**
 * One image as the cell metrics see it: detections at or over the threshold, each pixel belonging to the one with the
 * highest score; ignored regions (crowds of any class) taken out, except where a ground truth lies.
 */
export interface ImageCells {
  readonly id: string;
  readonly group?: string;
  /** [n] 1..K, crowds left out. */
  readonly groundTruthLabels: Int32Array;
  /** [n] pixels. */
  readonly groundTruthSizes: Float64Array;
  /** [m] 1..K, the highest score first; a detection that others cover altogether is left out. */
  readonly labels: Int32Array;
  /** [m] */
  readonly scores: Float64Array;
  /** [m] pixels left to it outside ignored regions. */
  readonly sizes: Float64Array;
  /** [m] 1 where over half of it is in ignored regions: unmatched, it is no error. */
  readonly ignorable: Uint8Array;
  /** [m] row in the detections given. */
  readonly rows: Int32Array;
  /** [n] row in the ground truth given. */
  readonly groundTruthRows: Int32Array;
  /** By ground truth, then by detection. */
  readonly pairs: readonly CellPair[];
  /** Pixels of any ground truth, of any detection, of both. */
  readonly foreground: { readonly groundTruth: number; readonly found: number; readonly shared: number };
}

// Column by column, as run-length codes go; all zero between calls.
let owner = new Int32Array(0);
let marks = new Uint8Array(0);
const VOID = 1;
const TRUTH = 2;

/** Resolves overlaps and counts the pixels that true cells and detections share; work grows with their pixels alone. */
export function matchCells(
  image: EvaluationImage,
  detections: Detections,
  threshold: ScoreThreshold = 0.5,
): ImageCells {
  const area = image.height * image.width;
  if (owner.length < area) [owner, marks] = [new Int32Array(area), new Uint8Array(area)];
  const masksOf = (masks: readonly Rle[], n: number): readonly Rle[] => {
    if (masks.length !== n)
      throw new ShapeError(`image ${image.id}: expected ${n} masks, got ${masks.length}`);
    for (const { size } of masks)
      if (size[0] !== image.height || size[1] !== image.width)
        throw new ShapeError(
          `image ${image.id}: expected masks of ${image.height} x ${image.width}, got ${size.join(' x ')}`,
        );
    return masks;
  };
  const groundTruthMasks = masksOf(image.masks, image.labels.length);
  const masks = masksOf(detections.masks, detections.labels.length);
  const order = keptRows(detections, threshold, image.id);
  try {
    return paintAndCount(image, groundTruthMasks, detections, masks, order);
  } finally {
    for (const mask of groundTruthMasks) forEachRun(mask, (begin, end) => marks.fill(0, begin, end));
    for (const row of order) forEachRun(masks[row], (begin, end) => owner.fill(0, begin, end));
  }
}

/** Rows at or over the threshold, the highest score first; equal scores as they came. */
function keptRows({ labels, scores }: Detections, threshold: ScoreThreshold, id: string): number[] {
  const rows: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    const least = typeof threshold === 'number' ? threshold : threshold[labels[i] - 1];
    if (least === undefined)
      throw new CytobenchError(`label ${labels[i]} has no score threshold`, { where: `image ${id}` });
    if (scores[i] >= least) rows.push(i);
  }
  return rows.sort((a, b) => scores[b] - scores[a] || a - b);
}

function paintAndCount(
  image: EvaluationImage,
  groundTruthMasks: readonly Rle[],
  detections: Detections,
  masks: readonly Rle[],
  order: readonly number[],
): ImageCells {
  const isCrowd = (i: number): boolean => image.crowd[i] === 1;
  const groundTruthRows = Int32Array.from(groundTruthMasks.keys()).filter((i) => !isCrowd(i));
  for (const [i, mask] of groundTruthMasks.entries())
    if (isCrowd(i)) forEachRun(mask, (begin, end) => marks.fill(VOID, begin, end));
  for (const i of groundTruthRows)
    forEachRun(groundTruthMasks[i], (begin, end) => marks.fill(TRUTH, begin, end));
  // The highest score is painted last and so lies on top.
  for (let i = order.length - 1; i >= 0; i--)
    forEachRun(masks[order[i]], (begin, end) => owner.fill(i + 1, begin, end));
  const sizes = new Float64Array(order.length);
  const voided = new Float64Array(order.length);
  let [found, sharedForeground] = [0, 0];
  for (const [i, row] of order.entries())
    forEachRun(masks[row], (begin, end) => {
      for (let at = begin; at < end; at++) {
        if (owner[at] !== i + 1) continue;
        if (marks[at] === VOID) voided[i]++;
        else sizes[i]++;
        if (marks[at] === TRUTH) sharedForeground++;
      }
    });
  // A detection without a pixel of its own is not there.
  const place = new Int32Array(order.length).fill(-1);
  const kept = order.flatMap((_, i) => (sizes[i] + voided[i] > 0 ? [i] : []));
  for (const [to, i] of kept.entries()) {
    place[i] = to;
    found += sizes[i];
  }
  const groundTruthSizes = new Float64Array(groundTruthRows.length);
  const pairs: CellPair[] = [];
  const counts = new Float64Array(order.length);
  for (const [t, row] of groundTruthRows.entries()) {
    const touched: number[] = [];
    forEachRun(groundTruthMasks[row], (begin, end) => {
      groundTruthSizes[t] += end - begin;
      for (let at = begin; at < end; at++) {
        const i = owner[at] - 1;
        if (i >= 0 && counts[i]++ === 0) touched.push(i);
      }
    });
    for (const i of touched.sort((a, b) => a - b)) {
      const shared = counts[i];
      pairs.push({
        groundTruth: t,
        detection: place[i],
        shared,
        iou: shared / (groundTruthSizes[t] + sizes[i] - shared),
      });
      counts[i] = 0;
    }
  }
  return {
    id: image.id,
    ...(image.group === undefined ? {} : { group: image.group }),
    groundTruthLabels: groundTruthRows.map((row) => image.labels[row]),
    groundTruthSizes,
    groundTruthRows,
    rows: Int32Array.from(kept, (i) => order[i]),
    labels: Int32Array.from(kept, (i) => detections.labels[order[i]]),
    scores: Float64Array.from(kept, (i) => detections.scores[order[i]]),
    sizes: Float64Array.from(kept, (i) => sizes[i]),
    ignorable: Uint8Array.from(kept, (i) => (voided[i] > sizes[i] ? 1 : 0)),
    pairs,
    foreground: {
      groundTruth: unionSize(groundTruthMasks, groundTruthRows),
      found,
      shared: sharedForeground,
    },
  };
}

/** Pixels of any of the masks `rows`; their marks are used up. */
function unionSize(masks: readonly Rle[], rows: Int32Array): number {
  let pixels = 0;
  for (const row of rows)
    forEachRun(masks[row], (begin, end) => {
      for (let at = begin; at < end; at++) {
        if (marks[at] !== TRUTH) continue;
        marks[at] = 0;
        pixels++;
      }
    });
  return pixels;
}

function forEachRun({ counts }: Rle, visit: (begin: number, end: number) => void): void {
  for (let i = 1, at = counts[0]; i < counts.length; i += 2) {
    visit(at, at + counts[i]);
    at += counts[i] + (counts[i + 1] ?? 0);
  }
}
