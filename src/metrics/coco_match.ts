import { CytobenchError } from '../core/errors';
import type { Detections, EvaluationImage } from './evaluation_image';
import { type Extents, findOverlaps, measureExtents, type Overlaps, type OverlapType } from './overlap';

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

/** The detections of one class in all images, the highest score first (equal scores: by image, then as they came). */
export interface ClassMatches {
  /** [n] */
  readonly scores: Float64Array;
  /** [n] number of the image. */
  readonly image: Int32Array;
  /** [n] place of the detection in its image and class: 0 for the highest score. */
  readonly rank: Int32Array;
  /** [areas * thresholds][n] FALSE_POSITIVE, TRUE_POSITIVE or IGNORED. */
  readonly outcomes: readonly Uint8Array[];
  /** [areas][images] truths that count. */
  readonly positives: readonly Int32Array[];
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
 * Matches detections with truths as COCOeval does, image by image, so that no more than one image need be in memory.
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
  add(truth: EvaluationImage, detections: Detections): void {
    const image = this.groups.push(truth.group) - 1;
    const truthRows = rowsByClass(truth.labels, this.cells.length, `image ${truth.id}, truth`);
    const rows = rowsByClass(detections.labels, this.cells.length, `image ${truth.id}, detections`);
    const truthExtents = measureExtents(this.type, truth);
    const extents = measureExtents(this.type, detections);
    for (let k = 0; k < this.cells.length; k++) {
      for (const [a, [low, high]] of this.areas.entries()) {
        const counts = truthRows[k].filter(
          (t) => truth.crowd[t] !== 1 && !(truth.areas[t] < low || truth.areas[t] > high),
        ).length;
        this.positives[k][a].push(counts);
      }
      if (rows[k].length > 0)
        this.addCell(k, image, truth, truthExtents, truthRows[k], detections, extents, rows[k]);
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
    truth: EvaluationImage,
    truthExtents: Extents,
    columns: readonly number[],
    detections: Detections,
    extents: Extents,
    rows: readonly number[],
  ): void {
    const { scores } = detections;
    const best = [...rows].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, this.maxDets);
    const least = Math.min(this.thresholds[0], 1 - 1e-10);
    const overlaps = findOverlaps(this.type, extents, best, truthExtents, columns, truth.crowd, least);
    const n = best.length;
    const outcomes = new Uint8Array(this.areas.length * this.thresholds.length * n);
    for (const [a, [low, high]] of this.areas.entries()) {
      const outside = Uint8Array.from(best, (d) =>
        detections.areas[d] < low || detections.areas[d] > high ? IGNORED : FALSE_POSITIVE,
      );
      const ignored = Uint8Array.from(columns, (t) =>
        truth.crowd[t] === 1 || truth.areas[t] < low || truth.areas[t] > high ? 1 : 0,
      );
      const crowd = Uint8Array.from(columns, (t) => truth.crowd[t]);
      const zero = truth.zeroId === undefined ? -1 : columns.indexOf(truth.zeroId);
      for (const [t, threshold] of this.thresholds.entries()) {
        const at = (a * this.thresholds.length + t) * n;
        assign(overlaps, threshold, ignored, crowd, outside, zero, outcomes.subarray(at, at + n));
      }
    }
    this.cells[k].push({
      image,
      scores: Float64Array.from(best, (d) => scores[d]),
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

/**
 * Gives each detection, best first, the free truth that it overlaps most; truths that count come before ignored
 * ones; a crowd may be taken again and again. `zero` is the truth whose match pycocotools does not see.
 */
function assign(
  { start, truth, iou }: Overlaps,
  threshold: number,
  ignored: Uint8Array,
  crowd: Uint8Array,
  outside: Uint8Array,
  zero: number,
  outcomes: Uint8Array,
): void {
  const taken = new Uint8Array(ignored.length);
  for (let d = 0; d < outcomes.length; d++) {
    let match = -1;
    for (let pass = 0; pass < 2 && match < 0; pass++) {
      let best = Math.min(threshold, 1 - 1e-10);
      for (let i = start[d]; i < start[d + 1]; i++) {
        const t = truth[i];
        if (ignored[t] !== pass || (taken[t] === 1 && crowd[t] === 0) || iou[i] < best) continue;
        best = iou[i];
        match = t;
      }
    }
    if (match >= 0) taken[match] = 1;
    if (match < 0) outcomes[d] = outside[d];
    else if (ignored[match] === 1) outcomes[d] = IGNORED;
    else outcomes[d] = match === zero ? outside[d] : TRUE_POSITIVE;
  }
}

function joinCells(cells: readonly Cell[], positives: readonly number[][], sheets: number): ClassMatches {
  const n = cells.reduce((sum, cell) => sum + cell.scores.length, 0);
  const scores = new Float64Array(n);
  const cellOf = new Int32Array(n);
  const rankOf = new Int32Array(n);
  let at = 0;
  for (const [c, cell] of cells.entries()) {
    scores.set(cell.scores, at);
    for (let i = 0; i < cell.scores.length; i++, at++) {
      cellOf[at] = c;
      rankOf[at] = i;
    }
  }
  // By descending score; equal scores stay in order (numpy's mergesort).
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  const outcomes = Array.from({ length: sheets }, (_, sheet) =>
    Uint8Array.from(order, (i) => {
      const cell = cells[cellOf[i]];
      return cell.outcomes[sheet * cell.scores.length + rankOf[i]];
    }),
  );
  return {
    scores: Float64Array.from(order, (i) => scores[i]),
    image: Int32Array.from(order, (i) => cells[cellOf[i]].image),
    rank: Int32Array.from(order, (i) => rankOf[i]),
    outcomes,
    positives: positives.map((list) => Int32Array.from(list)),
    cut: cells.reduce((sum, cell) => sum + cell.cut, 0),
  };
}
