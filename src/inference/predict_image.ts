import * as os from 'node:os';
import * as path from 'node:path';
import type { ChannelOrder } from '../data/dataset_info';
import { type ImageSelection, readImage } from '../data/formats/image';
import { DEFAULT_MAX_PIXELS } from '../data/formats/tiff/read_tiff';
import type { Instances } from '../geometry/instances';
import type { LoadedModel, PortableModel } from '../models/weights/portable';
import { type ImagePrediction, type PredictOptions, Predictor } from './predictor';
import { DEFAULT_VIEWS } from './test_time_augmentation';

/** An image as a person has it. */
export interface InputImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255 */
  readonly image: Uint8Array;
  /** Micrometres a pixel, where known. */
  readonly pixelSize?: number;
}

/** An image and the cells found in it: what images and tables are made of. */
export interface PredictedImage extends InputImage {
  readonly id: string;
  readonly channelOrder: ChannelOrder;
  /** Names of the classes 1..K. */
  readonly classes: readonly string[];
  /** By falling score. */
  readonly instances: Instances;
}

/** How an answer for an image is made. */
export interface PredictImageOptions
  extends Pick<PredictOptions, 'tile' | 'overlap' | 'scale' | 'masks' | 'onTile'> {
  /** Least score: one, or one a class. Default: the run's. */
  readonly threshold?: number | readonly number[];
  /** Looks at the image in several ways and merges what is found. */
  readonly tta?: boolean;
}

/**
 * The cells of one image, a file or pixels, as the command line gives them: at the magnification of the training images
 * where both pixel sizes are known, over the run's score thresholds. The caller keeps the model.
 */
export async function predict(
  { model, about }: LoadedModel,
  image: string | InputImage,
  options: PredictImageOptions & { readonly pixelSize?: number } = {},
): Promise<PredictedImage> {
  const picture = typeof image === 'string' ? await readInputImage(image, about.channelOrder) : image;
  const pixelSize = options.pixelSize ?? picture.pixelSize;
  const { instances } = predictInput(new Predictor(model), about, { ...picture, pixelSize }, options);
  return {
    ...picture,
    id: typeof image === 'string' ? idOf(image) : 'image',
    pixelSize,
    channelOrder: about.channelOrder,
    classes: about.classes,
    instances,
  };
}

/** A file is named as itself, one of a data set as its folder there. */
function idOf(file: string): string {
  const { name, dir } = path.parse(path.resolve(file));
  return name === 'image' ? path.basename(dir) : name;
}

/** One image through a predictor, as `predict` says. */
export function predictInput(
  predictor: Predictor,
  about: PortableModel,
  picture: InputImage,
  { threshold = about.thresholds, tta = false, ...how }: PredictImageOptions = {},
): ImagePrediction {
  const { pixelSize } = picture;
  const magnified = pixelSize === undefined || about.pixelSize === null ? 1 : pixelSize / about.pixelSize;
  return predictor.predict(picture, {
    ...how,
    scale: about.scale * magnified,
    networkScale: how.scale,
    views: tta ? DEFAULT_VIEWS : undefined,
    refine: { threshold },
  });
}

/** Bytes that a pixel of an image to be predicted needs at most: itself, its label images, its overlay. */
const BYTES_PER_PIXEL = 16;

/** Pixels that an image to be predicted may have: what the free memory holds, and no fewer than elsewhere. */
function mostPixels(): number {
  return Math.max(DEFAULT_MAX_PIXELS, Math.floor(os.freemem() / BYTES_PER_PIXEL));
}

/**
 * An image file with its channels in the order that a model takes; `from` is the file's own, where it is known. It is
 * held whole, so that its size is limited by the memory that is free.
 */
export async function readInputImage(
  file: string,
  order: ChannelOrder,
  from: ChannelOrder = order,
  selection: ImageSelection = {},
): Promise<InputImage & { readonly notes: readonly string[] }> {
  const {
    data: image,
    height,
    width,
    notes,
    pixelSize,
  } = await readImage(file, {
    maxPixels: mostPixels(),
    ...selection,
  });
  if (from !== order)
    for (let i = 0; i < image.length; i += 3) [image[i], image[i + 2]] = [image[i + 2], image[i]];
  return { image, height, width, notes, ...(pixelSize ? { pixelSize: pixelSize.value } : {}) };
}
