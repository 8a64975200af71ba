import { type Instances, selectInstances } from '../../geometry/instances';
import type { CropMask } from '../../geometry/masks';
import { sortByScore } from '../../geometry/nms';
import { encodeCropMask, type Rle, rleArea, rleBox, rleToCropMask } from '../../geometry/rle';

/**
 * Every mask through `change`, as a crop of 0 and 1. A mask that comes back as the same object is left as it is, box
 * and all; a changed one gets the box of its pixels; an emptied one goes with its instance.
 */
export function mapMasks(
  instances: Instances,
  change: (mask: CropMask, image: { readonly height: number; readonly width: number }) => CropMask,
): Instances {
  const { height, width } = instances;
  const masks = instances.masks.map((rle) => {
    const crop = rleToCropMask(rle);
    const changed = change(crop, instances);
    return changed === crop ? rle : encodeCropMask(changed, height, width);
  });
  return withMasks(instances, masks);
}

/** The instances with other masks [n]; the same code keeps its box, an empty one goes. */
export function withMasks(instances: Instances, masks: readonly Rle[]): Instances {
  const boxes = instances.boxes.slice();
  masks.forEach((mask, i) => {
    if (mask === instances.masks[i]) return;
    const [x, y, w, h] = rleBox(mask);
    boxes.set([x, y, x + w, y + h], 4 * i);
  });
  const kept = [...masks.keys()].filter((i) => masks[i] === instances.masks[i] || rleArea(masks[i]) > 0);
  return selectInstances({ ...instances, boxes, masks }, kept);
}

/** The instances by falling score, equal ones in their order. */
export function sortInstances(instances: Instances): Instances {
  return selectInstances(instances, sortByScore(instances.scores));
}

/** Calls `visit` with the place in the image and in the crop of every pixel that is set. */
export function eachPixel(mask: CropMask, imageWidth: number, visit: (at: number, k: number) => void): void {
  for (let y = 0, k = 0; y < mask.height; y++) {
    const row = (mask.y + y) * imageWidth + mask.x;
    for (let x = 0; x < mask.width; x++, k++) if (mask.data[k] !== 0) visit(row + x, k);
  }
}
