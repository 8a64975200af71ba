import { greedy, type ImageCounts } from '../cells/counts';
import type { ImageCells } from '../cells/match';
import { f1Score, panopticQuality } from '../cells/summary';
import type { EvaluationImage } from '../evaluation_image';

/** True cells of one kind, and how many of them were found (IoU 0.5, classes must agree). */
export interface RecallGroup {
  /** `120 to 260 px`, `3 to 5 neighbours`. */
  readonly name: string;
  readonly groundTruths: number;
  readonly found: number;
  /** found / true cells; null for none. */
  readonly recall: number | null;
  /** Mean IoU of those found; null for none. */
  readonly iou: number | null;
}

/** A ground truth with what it is sorted by. */
interface GroundTruthRow {
  readonly size: number;
  readonly neighbours: number;
  /** 0 where it was not found. */
  readonly iou: number;
}

/** Shares found by quarter of the cells' sizes, smallest first. */
export function recallBySize(
  images: readonly EvaluationImage[],
  cells: readonly ImageCells[],
): RecallGroup[] {
  const rows = groundTruthRows(images, cells).sort((a, b) => a.size - b.size);
  const quarters = Array.from({ length: 4 }, (_, q) =>
    rows.slice(Math.round((q * rows.length) / 4), Math.round(((q + 1) * rows.length) / 4)),
  );
  return quarters
    .filter((part) => part.length > 0)
    .map((part) => share(`${part[0].size} to ${part[part.length - 1].size} px`, part));
}

/** Number of neighbours, from and to. */
const CROWDS: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 2],
  [3, 5],
  [6, Infinity],
];

/**
 * Shares found by crowding: neighbours are other cells of any class whose centre lies within two diameters (of a disc
 * of the cell's area) of its own.
 */
export function recallByCrowding(
  images: readonly EvaluationImage[],
  cells: readonly ImageCells[],
): RecallGroup[] {
  const rows = groundTruthRows(images, cells);
  return CROWDS.map(([from, to]) => {
    const part = rows.filter(({ neighbours }) => neighbours >= from && neighbours <= to);
    const name = from === to ? 'no neighbours' : to === Infinity ? `${from} or more` : `${from} to ${to}`;
    return share(from === to ? name : `${name} neighbours`, part);
  });
}

function share(name: string, rows: readonly GroundTruthRow[]): RecallGroup {
  const found = rows.filter(({ iou }) => iou > 0);
  return {
    name,
    groundTruths: rows.length,
    found: found.length,
    recall: rows.length === 0 ? null : found.length / rows.length,
    iou: found.length === 0 ? null : found.reduce((sum, { iou }) => sum + iou, 0) / found.length,
  };
}

function groundTruthRows(images: readonly EvaluationImage[], cells: readonly ImageCells[]): GroundTruthRow[] {
  return cells.flatMap((image, i) => {
    const { boxes } = images[i];
    const centres = Array.from(image.groundTruthRows, (row) => [
      boxes[4 * row] + boxes[4 * row + 2] / 2,
      boxes[4 * row + 1] + boxes[4 * row + 3] / 2,
    ]);
    const matched = greedy(
      image.pairs.filter(
        ({ groundTruth, detection, iou }) =>
          iou >= 0.5 && image.groundTruthLabels[groundTruth] === image.labels[detection],
      ),
    );
    const iouOf = new Map(matched.map(({ groundTruth, iou }) => [groundTruth, iou]));
    return Array.from(image.groundTruthSizes, (size, t) => {
      const reach = 2 * Math.sqrt((4 * size) / Math.PI);
      const [x, y] = centres[t];
      const near = centres.filter(([otherX, otherY]) => Math.hypot(otherX - x, otherY - y) <= reach).length;
      // Its own centre is always near.
      return { size, neighbours: near - 1, iou: iouOf.get(t) ?? 0 };
    });
  });
}

/** An image with its scores, all classes together (F1: classes must agree). */
export interface ImageRank {
  readonly id: string;
  readonly f1: number | null;
  /** Binary PQ. */
  readonly pq: number | null;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

/** Images by falling F1 at IoU 0.5: the first are the best, the last the worst; those without cells at the end. */
export function rankImages(images: readonly ImageCounts[]): ImageRank[] {
  return images
    .map(({ id, f1, binary }) => {
      const { tp, fp, fn, f1: value } = f1Score(0.5, f1[0]);
      return { id, f1: value, pq: panopticQuality(binary).pq, tp, fp, fn };
    })
    .sort((a, b) => (b.f1 ?? -1) - (a.f1 ?? -1) || (b.pq ?? -1) - (a.pq ?? -1));
}
