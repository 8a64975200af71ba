import { topK } from '../geometry/nms';
import type { AnchorLevel } from './anchors';

/**
 * The limits of proposals hold for an image of this many pixels; for large images they are shared out block by block,
 * so that what is proposed in one place does not depend on what else is in view.
 */
const LIMIT_PIXELS = 512 * 512;
/** A block may propose more than its share: cells do not lie evenly. */
const LIMIT_FACTOR = 2;

/** A limit's share for a block of `side` pixels. */
export function blockLimit(limit: number, side: number): number {
  return Math.ceil((LIMIT_FACTOR * limit * side * side) / LIMIT_PIXELS);
}

/** How many times the limit of detections a view of `pixels` has. */
export function detectionLimitFactor(pixels: number): number {
  return Math.max(1, (LIMIT_FACTOR * pixels) / LIMIT_PIXELS);
}

/** Rows of the `k` highest logits of every block of a level. @param side of a block, pixels, a multiple of the stride. */
export function topKOfBlocks(logits: Float32Array, level: AnchorLevel, k: number, side: number): Int32Array {
  const shapes = level.base.length / 4;
  const [rows, columns] = [side / level.strideY, side / level.strideX].map((n) => Math.max(Math.round(n), 1));
  const kept: number[] = [];
  for (let top = 0; top < level.gridHeight; top += rows)
    for (let left = 0; left < level.gridWidth; left += columns) {
      const members: number[] = [];
      for (let y = top; y < Math.min(top + rows, level.gridHeight); y++)
        for (let x = left; x < Math.min(left + columns, level.gridWidth); x++)
          for (let a = 0; a < shapes; a++) members.push((y * level.gridWidth + x) * shapes + a);
      const best = topK(
        Float32Array.from(members, (row) => logits[row]),
        k,
      );
      for (const i of best) kept.push(members[i]);
    }
  return Int32Array.from(kept);
}

/**
 * Of boxes in falling order the first `k` whose centres are in each block.
 * @param boxes [n * 4] pixels. @param order rows. @param side of a block, pixels.
 */
export function firstOfBlocks(boxes: Float32Array, order: Int32Array, k: number, side: number): Int32Array {
  const counts = new Map<number, number>();
  return order.filter((row) => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * row, 4 * row + 4);
    const block = Math.floor((y1 + y2) / 2 / side) * 65536 + Math.floor((x1 + x2) / 2 / side);
    const n = (counts.get(block) ?? 0) + 1;
    counts.set(block, n);
    return n <= k;
  });
}
