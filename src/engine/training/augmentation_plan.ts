import { AUGMENTATION_LEVELS, type Augmentation } from '../../data/augmentation/levels';
import type { Transform } from '../../data/augmentation/transforms';
import type { ExperimentConfig } from '../config/types';

/** The whole list that training samples go through: crop, enlargement, then the level or the user's own list. */
export function augmentationPlan({
  augmentation,
  data,
}: Pick<ExperimentConfig, 'augmentation' | 'data'>): Augmentation {
  const { level, transforms, crop, enlarge, minVisible } = augmentation;
  const first: Transform[] = [];
  if (crop !== null) first.push({ name: 'RandomCrop', width: crop, height: crop });
  if (enlarge !== 1) first.push({ name: 'Scale', factor: enlarge });
  return {
    transforms: [...first, ...(transforms ?? AUGMENTATION_LEVELS[level].transforms)],
    minPixels: data.minInstancePixels,
    minVisible,
  };
}
