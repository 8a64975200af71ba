import type { Instances } from '../structures/instances';
import { sortByScore } from '../structures/nms';
import { encodeCropMask, rleToCropMask } from '../structures/rle_raster';
import { eachPixel, withMasks } from './map_masks';

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
