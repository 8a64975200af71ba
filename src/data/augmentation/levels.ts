import type { Transform } from './transforms';

/** What happens to an image and its cells before training: a list to copy and edit. */
export interface Augmentation {
  readonly transforms: readonly Transform[];
  /** Smallest cell kept, in pixels after all transforms. Default 6 (over 5 px). */
  readonly minPixels?: number;
  /** A cell of which less than this share is left goes. Default 0.25. */
  readonly minVisible?: number;
}

export type AugmentationLevel = 'none' | 'basic' | 'full';

const FLIPS_AND_TURNS: readonly Transform[] = [
  { name: 'HorizontalFlip', p: 0.5 },
  { name: 'VerticalFlip', p: 0.5 },
  { name: 'RandomRotate90', p: 1 },
];

/**
 * The report's three levels. It gives no parameters: those of Albumentations, except that the elastic displacement is
 * one that can be seen (the library's defaults move a pixel by a thousandth) and that the hue stays near the stain's.
 * Geometry stands first, so that it is one resampling.
 */
export const AUGMENTATION_LEVELS: Readonly<Record<AugmentationLevel, Augmentation>> = {
  none: { transforms: [] },
  basic: { transforms: FLIPS_AND_TURNS },
  full: {
    transforms: [
      ...FLIPS_AND_TURNS,
      { name: 'GridDistortion', numSteps: 5, distortLimit: [-0.3, 0.3], p: 0.3 },
      { name: 'ElasticTransform', alpha: 120, sigma: 6, borderMode: 'reflect101', p: 0.3 },
      { name: 'RandomBrightnessContrast', brightnessLimit: [-0.2, 0.2], contrastLimit: [-0.2, 0.2], p: 0.5 },
      {
        name: 'ColorJitter',
        brightness: [0.9, 1.1],
        contrast: [0.9, 1.1],
        saturation: [0.8, 1.2],
        hue: [-0.04, 0.04],
        p: 0.5,
      },
      { name: 'GaussianBlur', sigmaLimit: [0.5, 1.5], p: 0.2 },
    ],
  },
};
