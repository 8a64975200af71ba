import { ConfigError, nearestName } from '../../core/errors';

/** Least and most; a value is drawn evenly between. */
export type Range = readonly [number, number];

/** What pixels outside the image are: `fill`, or the image's own pixels mirrored or repeated. */
export type BorderMode = 'constant' | 'replicate' | 'reflect101';

/** Every transform has a probability; where it is left out, that of Albumentations 2.0.8. */
interface Base {
  readonly p?: number;
}

export interface HorizontalFlip extends Base {
  readonly name: 'HorizontalFlip';
}
export interface VerticalFlip extends Base {
  readonly name: 'VerticalFlip';
}
/** A turn by 0, 90, 180 or 270 degrees, each as likely. */
export interface RandomRotate90 extends Base {
  readonly name: 'RandomRotate90';
}
/** A window at a random place, cut to the image where it is smaller. */
export interface RandomCrop extends Base {
  readonly name: 'RandomCrop';
  readonly width: number;
  readonly height: number;
}
/** Enlarges (over 1) or shrinks by one factor. */
export interface Scale extends Base {
  readonly name: 'Scale';
  readonly factor: number;
}
/** Scales by 1 + a draw from `scaleLimit`. */
export interface RandomScale extends Base {
  readonly name: 'RandomScale';
  readonly scaleLimit?: Range;
}
export interface GridDistortion extends Base {
  readonly name: 'GridDistortion';
  readonly numSteps?: number;
  readonly distortLimit?: Range;
  /** Keep the distorted grid within the image. */
  readonly normalized?: boolean;
  readonly borderMode?: BorderMode;
  readonly fill?: number;
}
/** A smooth random displacement: noise in -1..1, blurred by `sigma`, times `alpha` pixels. */
export interface ElasticTransform extends Base {
  readonly name: 'ElasticTransform';
  readonly alpha?: number;
  readonly sigma?: number;
  readonly borderMode?: BorderMode;
  readonly fill?: number;
}
/** value * (1 + contrast) + 255 * brightness (or, not by maximum, the image's mean * brightness). */
export interface RandomBrightnessContrast extends Base {
  readonly name: 'RandomBrightnessContrast';
  readonly brightnessLimit?: Range;
  readonly contrastLimit?: Range;
  readonly brightnessByMax?: boolean;
}
/** Brightness, contrast, saturation (factors) and hue (share of the circle), in random order. */
export interface ColorJitter extends Base {
  readonly name: 'ColorJitter';
  readonly brightness?: Range;
  readonly contrast?: Range;
  readonly saturation?: Range;
  readonly hue?: Range;
}
export interface GaussianBlur extends Base {
  readonly name: 'GaussianBlur';
  /** Kernel sizes (odd), 0: as wide as `sigma` needs. */
  readonly blurLimit?: Range;
  readonly sigmaLimit?: Range;
}
/** Normal noise; standard deviation and mean as shares of 255. */
export interface GaussNoise extends Base {
  readonly name: 'GaussNoise';
  readonly stdRange?: Range;
  readonly meanRange?: Range;
  readonly perChannel?: boolean;
}
/** Adds one normal deviate a channel, `standard deviation` as a share of 255. */
export interface ChannelShift extends Base {
  readonly name: 'ChannelShift';
  readonly std: number;
}
/** Scales and shifts the amounts of haematoxylin and eosin (Tellez et al. 2018): a * U(1 +- sigma1) + U(+-sigma2). */
export interface StainAugmentation extends Base {
  readonly name: 'StainAugmentation';
  readonly sigma1?: number;
  readonly sigma2?: number;
}
/** Brings the stain of every image to one look: Macenko et al. 2009, or Reinhard et al. 2001. */
export interface StainNormalization extends Base {
  readonly name: 'StainNormalization';
  readonly method: 'macenko' | 'reinhard';
}
/** Pastes up to `maxCells` cells of another image, upright, at random places. */
export interface CopyPaste extends Base {
  readonly name: 'CopyPaste';
  readonly maxCells?: number;
}

export type Transform =
  | HorizontalFlip
  | VerticalFlip
  | RandomRotate90
  | RandomCrop
  | Scale
  | RandomScale
  | GridDistortion
  | ElasticTransform
  | RandomBrightnessContrast
  | ColorJitter
  | GaussianBlur
  | GaussNoise
  | ChannelShift
  | StainAugmentation
  | StainNormalization
  | CopyPaste;

export type TransformName = Transform['name'];

/** The parameters of each transform, for checking what a user wrote. */
const PARAMETERS: Record<TransformName, readonly string[]> = {
  HorizontalFlip: [],
  VerticalFlip: [],
  RandomRotate90: [],
  RandomCrop: ['width', 'height'],
  Scale: ['factor'],
  RandomScale: ['scaleLimit'],
  GridDistortion: ['numSteps', 'distortLimit', 'normalized', 'borderMode', 'fill'],
  ElasticTransform: ['alpha', 'sigma', 'borderMode', 'fill'],
  RandomBrightnessContrast: ['brightnessLimit', 'contrastLimit', 'brightnessByMax'],
  ColorJitter: ['brightness', 'contrast', 'saturation', 'hue'],
  GaussianBlur: ['blurLimit', 'sigmaLimit'],
  GaussNoise: ['stdRange', 'meanRange', 'perChannel'],
  ChannelShift: ['std'],
  StainAugmentation: ['sigma1', 'sigma2'],
  StainNormalization: ['method'],
  CopyPaste: ['maxCells'],
};

/** Probabilities that are 1 unless given; the others are 0.5. */
const ALWAYS: readonly TransformName[] = [
  'RandomRotate90',
  'RandomCrop',
  'Scale',
  'ChannelShift',
  'StainNormalization',
];

/** How likely a transform acts. */
export function probability(transform: Transform): number {
  return transform.p ?? (ALWAYS.includes(transform.name) ? 1 : 0.5);
}

/** Refuses unknown transforms and parameters by the nearest known name, and numbers that cannot be. */
export function checkTransforms(transforms: readonly Transform[]): void {
  const names = Object.keys(PARAMETERS);
  transforms.forEach((transform, i) => {
    const where = `augmentation.transforms[${i}]`;
    const known = PARAMETERS[transform.name];
    if (!known) {
      const near = nearestName(String(transform.name), names);
      throw new ConfigError(
        `unknown transform "${transform.name}"${near ? `, did you mean "${near}"?` : ''}`,
        { where },
      );
    }
    for (const [key, value] of Object.entries(transform)) {
      if (key === 'name') continue;
      if (key !== 'p' && !known.includes(key)) {
        const near = nearestName(key, [...known, 'p']);
        throw new ConfigError(`${transform.name} has no "${key}"${near ? `, did you mean "${near}"?` : ''}`, {
          where,
        });
      }
      checkValue(transform.name, key, value, where);
    }
  });
}

const POSITIVE = ['width', 'height', 'factor', 'numSteps', 'maxCells', 'sigma'];

function checkValue(name: string, key: string, value: unknown, where: string): void {
  const numbers = Array.isArray(value) ? value : typeof value === 'number' ? [value] : [];
  const wrong = (expected: string): ConfigError =>
    new ConfigError(`${name}.${key}: expected ${expected}, got ${JSON.stringify(value)}`, { where });
  if (numbers.some((number) => typeof number !== 'number' || !Number.isFinite(number)))
    throw wrong('finite numbers');
  if (Array.isArray(value) && (value.length !== 2 || value[0] > value[1])) throw wrong('[least, most]');
  if (key === 'p' && !(numbers[0] >= 0 && numbers[0] <= 1)) throw wrong('a number from 0 to 1');
  if (POSITIVE.includes(key) && !(numbers[0] > 0)) throw wrong('a number over 0');
}

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
