import { CytobenchError } from '../../core/errors';
import type { Detections, EvaluationImage } from '../evaluation_image';
import { type Extents, findOverlaps, measureExtents, type Overlaps, type OverlapType } from '../overlap';

/** Areas in pixels, both ends included. Source: pycocotools cocoeval.py, Params. */
export const AREA_RANGES = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;

/** 0.5, 0.55 … 0.95, to the last bit as numpy.linspace makes them. */
export const IOU_THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) =>
  i === 9 ? 0.95 : i * ((0.95 - 0.5) / 9) + 0.5,
);

export interface CocoOptions {
  /** What is compared: masks or boxes. Default 'segm'. */
  readonly type?: OverlapType;
  /** K: labels are 1..K. */
  readonly classes: number;
  /** Detections counted per image and class, the best first. COCO's own is 100 (the default). */
  readonly maxDets?: number;
  /** Default: 0.5 to 0.95 by 0.05. Ascending. */
  readonly iouThresholds?: readonly number[];
  /** Named ranges of areas, the first of which is the one of AP. Default: `AREA_RANGES`. */
  readonly areaRanges?: Readonly<Record<string, readonly [number, number]>>;
}

/** What became of a detection at one threshold and area range. */
export const FALSE_POSITIVE = 0;
export const TRUE_POSITIVE = 1;
export const IGNORED = 2;

/** What average precision is made of: detections of one class in all images, the highest score first. */
export interface RankedOutcomes {
  /** [n] number of the image. */
  readonly image: Int32Array;
  /** [areas * thresholds][n] FALSE_POSITIVE, TRUE_POSITIVE or IGNORED. */
  readonly outcomes: readonly Uint8Array[];
  /** [areas][images] true cells that count. */
  readonly positives: readonly Int32Array[];
}

/** The detections of one class in all images, the highest score first (equal scores: by image, then as they came). */
export interface ClassMatches extends RankedOutcomes {
  /** [n] */
  readonly scores: Float64Array;
  /** [n] place of the detection in its image and class: 0 for the highest score. */
  readonly rank: Int32Array;
  /** Detections that the limit has cut. */
  readonly cut: number;
}

/** All matching of an evaluation: made once, summarised for any subset or resample of the images. */
export interface CocoMatches {
  readonly type: OverlapType;
  readonly maxDets: number;
  readonly iouThresholds: readonly number[];
  readonly areaNames: readonly string[];
  /** Number of images. */
  readonly images: number;
  readonly groups: readonly (string | undefined)[];
  /** [K] */
  readonly classes: readonly ClassMatches[];
}

/** One class of one image, before the images are put together. */
interface Cell {
  readonly image: number;
  readonly scores: Float64Array;
  /** [areas * thresholds * n] */
  readonly outcomes: Uint8Array;
  readonly cut: number;
}

/**
 * Matches detections with true cells as COCOeval does, image by image, so that no more than one image need be in memory.
 * Source: pycocotools 2.0.11 cocoeval.py, evaluateImg.
 */
export class CocoMatcher {
  private readonly type: OverlapType;
  private readonly maxDets: number;
  private readonly thresholds: readonly number[];
  private readonly areaNames: readonly string[];
  private readonly areas: readonly (readonly [number, number])[];
  private readonly cells: Cell[][];
  /** [K][areas][images] */
  private readonly positives: number[][][];
  private readonly groups: (string | undefined)[] = [];

  constructor(options: CocoOptions) {
    const ranges = options.areaRanges ?? AREA_RANGES;
    this.type = options.type ?? 'segm';
    this.maxDets = options.maxDets ?? 100;
    this.thresholds = options.iouThresholds ?? IOU_THRESHOLDS;
    this.areaNames = Object.keys(ranges);
    this.areas = Object.values(ranges);
    this.cells = Array.from({ length: options.classes }, () => []);
    this.positives = this.cells.map(() => this.areas.map(() => []));
    if (!(Number.isInteger(this.maxDets) && this.maxDets > 0))
      throw new CytobenchError(`maxDets: expected a whole number over 0, got ${this.maxDets}`);
  }

  /** Matches the next image. */
  add(groundTruth: EvaluationImage, detections: Detections): void {
    const image = this.groups.push(groundTruth.group) - 1;
    const groundTruthRows = rowsByClass(
      groundTruth.labels,
      this.cells.length,
      `image ${groundTruth.id}, ground truth`,
    );
    const rows = rowsByClass(detections.labels, this.cells.length, `image ${groundTruth.id}, detections`);
    const groundTruthExtents = measureExtents(this.type, groundTruth);
    const extents = measureExtents(this.type, detections);
    for (let k = 0; k < this.cells.length; k++) {
      const columns = groundTruthRows[k];
      for (let a = 0; a < this.areas.length; a++) {
        const outside = outsideRange(groundTruth.areas, columns, this.areas[a]);
        this.positives[k][a].push(
          columns.filter((t, i) => outside[i] === 0 && groundTruth.crowd[t] === 0).length,
        );
      }
      if (rows[k].length > 0)
        this.addCell(
          k,
          image,
          groundTruth,
          groundTruthExtents,
          groundTruthRows[k],
          detections,
          extents,
          rows[k],
        );
    }
  }

  finish(): CocoMatches {
    return {
      type: this.type,
      maxDets: this.maxDets,
      iouThresholds: this.thresholds,
      areaNames: this.areaNames,
      images: this.groups.length,
      groups: this.groups,
      classes: this.cells.map((cells, k) =>
        joinCells(cells, this.positives[k], this.areas.length * this.thresholds.length),
      ),
    };
  }

  private addCell(
    k: number,
    image: number,
    groundTruth: EvaluationImage,
    groundTruthExtents: Extents,
    columns: readonly number[],
    detections: Detections,
    extents: Extents,
    rows: readonly number[],
  ): void {
    const { scores } = detections;
    const best = [...rows].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, this.maxDets);
    const least = Math.min(this.thresholds[0], 1 - 1e-10);
    const overlaps = findOverlaps(
      this.type,
      extents,
      best,
      groundTruthExtents,
      columns,
      groundTruth.crowd,
      least,
    );
    const n = best.length;
    const T = this.thresholds.length;
    const outcomes = new Uint8Array(this.areas.length * T * n);
    const crowd = gatherFlags(groundTruth.crowd, columns);
    const zero = groundTruth.zeroId === undefined ? -1 : columns.indexOf(groundTruth.zeroId);
    const taken = new Uint8Array(columns.length);
    for (let a = 0; a < this.areas.length; a++) {
      const base = outsideRange(detections.areas, best, this.areas[a]);
      const ignored = outsideRange(groundTruth.areas, columns, this.areas[a]);
      for (let t = 0; t < crowd.length; t++) ignored[t] |= crowd[t];
      for (let d = 0; d < n; d++) base[d] = base[d] === 1 ? IGNORED : FALSE_POSITIVE;
      // With every ground truth and detection outside the range there is nothing to match: all is ignored.
      const nothing =
        overlaps.groundTruth.length === 0 || (ignored.indexOf(0) < 0 && base.indexOf(FALSE_POSITIVE) < 0);
      for (let t = 0; t < T; t++) {
        const at = (a * T + t) * n;
        outcomes.set(base, at);
        if (!nothing)
          assign(overlaps, this.thresholds[t], ignored, crowd, zero, taken.fill(0), outcomes, at, n);
      }
    }
    const bestScores = new Float64Array(n);
    for (let d = 0; d < n; d++) bestScores[d] = scores[best[d]];
    this.cells[k].push({
      image,
      scores: bestScores,
      outcomes,
      cut: rows.length - n,
    });
  }
}

/** Rows of each class 1..K, in order. */
function rowsByClass(labels: Int32Array, classes: number, where: string): number[][] {
  const rows: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) {
    if (!(labels[i] >= 1 && labels[i] <= classes))
      throw new CytobenchError(`label ${labels[i]} is not one of the classes 1..${classes}`, { where });
    rows[labels[i] - 1].push(i);
  }
  return rows;
}

/** 1 for the rows whose area lies outside the range, both ends of which belong to it. */
function outsideRange(
  areas: Float64Array,
  rows: readonly number[],
  [low, high]: readonly [number, number],
): Uint8Array {
  const out = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = areas[rows[i]] < low || areas[rows[i]] > high ? 1 : 0;
  return out;
}

function gatherFlags(flags: Uint8Array, rows: readonly number[]): Uint8Array {
  const out = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = flags[rows[i]];
  return out;
}

/**
 * Gives each detection, best first, the free ground truth that it overlaps most; true cells that count come before ignored
 * ones; a crowd may be taken again and again. `zero` is the ground truth whose match pycocotools does not see. The n
 * `outcomes` from `at` on come filled for detections without a match, `taken` with 0.
 */
function assign(
  { start, groundTruth, iou }: Overlaps,
  threshold: number,
  ignored: Uint8Array,
  crowd: Uint8Array,
  zero: number,
  taken: Uint8Array,
  outcomes: Uint8Array,
  at: number,
  n: number,
): void {
  const least = Math.min(threshold, 1 - 1e-10);
  for (let d = 0; d < n; d++) {
    if (start[d] === start[d + 1]) continue;
    let match = -1;
    for (let pass = 0; pass < 2 && match < 0; pass++) {
      let best = least;
      for (let i = start[d]; i < start[d + 1]; i++) {
        const t = groundTruth[i];
        if (ignored[t] !== pass || (taken[t] === 1 && crowd[t] === 0) || iou[i] < best) continue;
        best = iou[i];
        match = t;
      }
    }
    if (match < 0) continue;
    taken[match] = 1;
    if (ignored[match] === 1) outcomes[at + d] = IGNORED;
    else if (match !== zero) outcomes[at + d] = TRUE_POSITIVE;
  }
}

/** Puts the images of a class together, the highest score first; equal scores stay in order (numpy's mergesort). */
function joinCells(cells: readonly Cell[], positives: readonly number[][], tables: number): ClassMatches {
  const n = cells.reduce((sum, cell) => sum + cell.scores.length, 0);
  const scores = new Float64Array(n);
  let at = 0;
  for (const cell of cells) {
    scores.set(cell.scores, at);
    at += cell.scores.length;
  }
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  // Where each detection, in the order of the cells, goes.
  const place = new Uint32Array(n);
  for (let i = 0; i < n; i++) place[order[i]] = i;
  const image = new Int32Array(n);
  const rank = new Int32Array(n);
  const sorted = new Float64Array(n);
  const outcomes = Array.from({ length: tables }, () => new Uint8Array(n));
  at = 0;
  for (const cell of cells) {
    const size = cell.scores.length;
    for (let i = 0; i < size; i++) {
      const to = place[at + i];
      image[to] = cell.image;
      rank[to] = i;
      sorted[to] = cell.scores[i];
    }
    for (let table = 0; table < tables; table++) {
      const out = outcomes[table];
      for (let i = 0; i < size; i++) out[place[at + i]] = cell.outcomes[table * size + i];
    }
    at += size;
  }
  return {
    scores: sorted,
    image,
    rank,
    outcomes,
    positives: positives.map((list) => Int32Array.from(list)),
    cut: cells.reduce((sum, cell) => sum + cell.cut, 0),
  };
}
