import type { Instances } from '../../geometry/instances';
import type { CropMask } from '../../geometry/masks';
import { sortByScore } from '../../geometry/nms';
import { encodeCropMask, rleToCropMask } from '../../geometry/rle';
import { eachPixel, withMasks } from './masks';

/**
 * Masks that share no pixel: what two cover goes to the higher score (the earlier row of equals). An instance left
 * without a pixel goes.
 */
export function resolveOverlaps(instances: Instances): Instances {
  const { height, width } = instances;
  const owners = ownerMap(instances);
  const masks = instances.masks.map((rle, i) => {
    const crop = rleToCropMask(rle);
    let lost = false;
    eachPixel(crop, width, (at, k) => {
      if (owners[at] === i + 1) return;
      crop.data[k] = 0;
      lost = true;
    });
    return lost ? encodeCropMask(crop, height, width) : rle;
  });
  return withMasks(instances, masks);
}

/**
 * One label map a class [height * width], null where the class does not occur: instances numbered from 1 in their
 * order. Over all classes each pixel belongs to the instance of highest score.
 */
export function toLabelMaps(instances: Instances, classes: number): (Uint16Array | Int32Array | null)[] {
  const { labels } = instances;
  const owners = ownerMap(instances);
  const seen = new Uint8Array(labels.length + 1);
  for (let p = 0; p < owners.length; p++) seen[owners[p]] = 1;
  const numbers = new Int32Array(labels.length + 1);
  const counts = new Int32Array(classes);
  for (let i = 0; i < labels.length; i++) if (seen[i + 1]) numbers[i + 1] = ++counts[labels[i] - 1];
  const maps = Array.from(counts, (count) => {
    if (count === 0) return null;
    return count <= 65535 ? new Uint16Array(owners.length) : new Int32Array(owners.length);
  });
  for (let p = 0; p < owners.length; p++) {
    const row = owners[p];
    if (row === 0) continue;
    const map = maps[labels[row - 1] - 1];
    if (map) map[p] = numbers[row];
  }
  return maps;
}

/** The row of highest score at every pixel, plus one; 0 is background. */
function ownerMap({ height, width, scores, masks }: Instances): Int32Array {
  const owners = new Int32Array(height * width);
  for (const i of sortByScore(scores))
    eachPixel(rleToCropMask(masks[i]), width, (at) => {
      if (owners[at] === 0) owners[at] = i + 1;
    });
  return owners;
}

const CONTESTED = -1;

/**
 * Masks that share no pixel, the border between two drawn in the middle of what both cover: from the pixels that are
 * one cell's alone, every cell grows at the same pace (up, down, left, right) through what it shares, and keeps what
 * it reaches first; of equals the higher score. What no cell reaches so (one lies within another) goes to the higher
 * score. An instance left without a pixel goes.
 */
export function splitOverlaps(instances: Instances): Instances {
  const { height, width } = instances;
  const crops = instances.masks.map(rleToCropMask);
  const order = sortByScore(instances.scores);
  // Rank 1 is the best score; 0 is background.
  const owners = new Int32Array(height * width);
  let contested = 0;
  order.forEach((row, rank) => {
    eachPixel(crops[row], width, (at) => {
      if (owners[at] === 0) owners[at] = rank + 1;
      else if (owners[at] !== CONTESTED) {
        owners[at] = CONTESTED;
        contested++;
      }
    });
  });
  if (contested === 0) return instances;
  grow(owners, order, crops, height, width);
  // What is still contested: the best that covers it.
  order.forEach((row, rank) => {
    eachPixel(crops[row], width, (at) => {
      if (owners[at] === CONTESTED) owners[at] = rank + 1;
    });
  });
  const ranks = new Int32Array(order.length);
  order.forEach((row, rank) => {
    ranks[row] = rank + 1;
  });
  const masks = instances.masks.map((rle, row) => {
    const crop = crops[row];
    let lost = false;
    eachPixel(crop, width, (at, k) => {
      if (owners[at] === ranks[row]) return;
      crop.data[k] = 0;
      lost = true;
    });
    return lost ? encodeCropMask(crop, height, width) : rle;
  });
  return withMasks(instances, masks);
}

/** Contested pixels taken layer by layer by the cells beside them that cover them. */
function grow(
  owners: Int32Array,
  order: Int32Array,
  crops: readonly CropMask[],
  height: number,
  width: number,
): void {
  const covers = (rank: number, x: number, y: number): boolean => {
    const crop = crops[order[rank - 1]];
    const [u, v] = [x - crop.x, y - crop.y];
    return u >= 0 && v >= 0 && u < crop.width && v < crop.height && crop.data[v * crop.width + u] !== 0;
  };
  let edge: number[] = [];
  for (let at = 0; at < owners.length; at++)
    if (owners[at] === CONTESTED) edge.push(...ownedBeside(owners, at, width, height));
  const claims = new Map<number, number>();
  while (edge.length > 0) {
    claims.clear();
    for (const at of edge) {
      const rank = owners[at];
      for (const next of beside(at, width, height)) {
        if (owners[next] !== CONTESTED || !covers(rank, next % width, Math.floor(next / width))) continue;
        const other = claims.get(next);
        if (other === undefined || rank < other) claims.set(next, rank);
      }
    }
    for (const [at, rank] of claims) owners[at] = rank;
    edge = [...claims.keys()];
  }
}

function ownedBeside(owners: Int32Array, at: number, width: number, height: number): number[] {
  return beside(at, width, height).filter((next) => owners[next] > 0);
}

function beside(at: number, width: number, height: number): number[] {
  const x = at % width;
  const out: number[] = [];
  if (x > 0) out.push(at - 1);
  if (x + 1 < width) out.push(at + 1);
  if (at >= width) out.push(at - width);
  if (at + width < width * height) out.push(at + width);
  return out;
}
