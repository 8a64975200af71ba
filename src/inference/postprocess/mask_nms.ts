import { type Instances, selectInstances } from '../../geometry/instances';
import { sortByScore } from '../../geometry/nms';
import { rleArea, rleBox } from '../../geometry/rle';
import { boxesMeet, sharedPixels } from '../../geometry/rle_operations';

export interface MaskNmsSettings {
  /** IoU of two masks of one class from which the lower score goes; null leaves them. */
  readonly within: number | null;
  /** The same for masks of two classes. */
  readonly across: number | null;
}

export const DEFAULT_MASK_NMS: MaskNmsSettings = { within: 0.5, across: 0.7 };

/** Greedy non-maximum suppression by masks, over a threshold of IoU. The rest by falling score. */
export function suppressMasks(
  instances: Instances,
  { within, across }: MaskNmsSettings = DEFAULT_MASK_NMS,
): Instances {
  const { masks, labels, scores } = instances;
  const boxes = masks.map(rleBox);
  const areas = masks.map(rleArea);
  const kept: number[] = [];
  for (const i of sortByScore(scores)) {
    const worse = kept.some((j) => {
      const limit = labels[i] === labels[j] ? within : across;
      if (limit === null || !boxesMeet(boxes[i], boxes[j])) return false;
      const shared = sharedPixels(masks[i].counts, masks[j].counts);
      return shared > limit * (areas[i] + areas[j] - shared);
    });
    if (!worse) kept.push(i);
  }
  return selectInstances(instances, kept);
}
