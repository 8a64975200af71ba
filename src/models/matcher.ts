import { boxIou } from '../geometry/boxes';
import { type AnchorLevel, allAnchors, countAnchors } from './anchors';

/** matchedIndices[i] where i matches nothing: its best IoU is below the background threshold, or between the two. */
export const BACKGROUND = -1;
export const BETWEEN = -2;

/** For each proposal the ground truth of highest IoU, or BACKGROUND. */
export function matchProposals(
  proposals: Float32Array,
  groundTruth: Float32Array,
  foregroundIou: number,
): Int32Array {
  const matched = new Int32Array(proposals.length / 4).fill(BACKGROUND);
  for (let i = 0; i < matched.length; i++) {
    let best = 0;
    let bestGroundTruth = BACKGROUND;
    for (let j = 0; j < groundTruth.length / 4; j++) {
      const iou = boxIou(groundTruth, j, proposals, i);
      if (iou > best) [best, bestGroundTruth] = [iou, j];
    }
    if (best >= foregroundIou) matched[i] = bestGroundTruth;
  }
  return matched;
}

/**
 * Anchors to ground truth as torchvision's Matcher with low-quality matches: the anchors that overlap a ground truth best are its
 * own, however little they overlap. Work is proportional to the overlaps: anchors lie on grids, so those that can touch
 * a box are found without looking at the others.
 */
export function matchAnchors(
  levels: readonly AnchorLevel[],
  groundTruth: Float32Array,
  foregroundIou: number,
  backgroundIou: number,
): Int32Array {
  const anchors = allAnchors(levels);
  const total = anchors.length / 4;
  const best = new Float64Array(total);
  const bestGroundTruth = new Int32Array(total);
  const bestOfGroundTruth = new Float64Array(groundTruth.length / 4);
  forEachOverlap(levels, groundTruth, (j, i) => {
    const iou = boxIou(groundTruth, j, anchors, i);
    if (iou > best[i]) {
      best[i] = iou;
      bestGroundTruth[i] = j;
    }
    if (iou > bestOfGroundTruth[j]) bestOfGroundTruth[j] = iou;
  });
  const matched = new Int32Array(total).fill(BACKGROUND);
  if (!groundTruth.length) return matched;
  for (let i = 0; i < total; i++)
    if (best[i] >= foregroundIou) matched[i] = bestGroundTruth[i];
    else if (best[i] >= backgroundIou) matched[i] = BETWEEN;
  forEachOverlap(levels, groundTruth, (j, i) => {
    if (bestOfGroundTruth[j] > 0 && boxIou(groundTruth, j, anchors, i) === bestOfGroundTruth[j])
      matched[i] = bestGroundTruth[i];
  });
  return matched;
}

function forEachOverlap(
  levels: readonly AnchorLevel[],
  groundTruth: Float32Array,
  visit: (groundTruthIndex: number, anchorIndex: number) => void,
): void {
  for (let j = 0; j < groundTruth.length / 4; j++) {
    const [x1, y1, x2, y2] = groundTruth.subarray(j * 4, j * 4 + 4);
    let offset = 0;
    for (const level of levels) {
      const shapes = level.base.length / 4;
      for (let a = 0; a < shapes; a++) {
        const b = level.base.subarray(a * 4, a * 4 + 4);
        const left = Math.max(0, Math.floor((x1 - b[2]) / level.strideX));
        const right = Math.min(level.gridWidth - 1, Math.ceil((x2 - b[0]) / level.strideX));
        const top = Math.max(0, Math.floor((y1 - b[3]) / level.strideY));
        const bottom = Math.min(level.gridHeight - 1, Math.ceil((y2 - b[1]) / level.strideY));
        for (let y = top; y <= bottom; y++)
          for (let x = left; x <= right; x++) visit(j, offset + (y * level.gridWidth + x) * shapes + a);
      }
      offset += countAnchors(level);
    }
  }
}
