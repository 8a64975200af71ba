import type { MaskRcnn } from '../detection/mask_rcnn';
import type { ModelImage } from '../detection/transform';
import { joinTiles, placeInstances } from '../postprocess/join_tiles';
import { type RefineSettings, refine } from '../postprocess/refine';
import { type Rect, tileGrid } from '../postprocess/tile_grid';
import type { Instances } from '../structures/instances';

export interface PredictOptions {
  /** Factor by which the network sees the image larger. Default 1. */
  readonly enlarge?: number;
  /** Images with a longer side are cut into tiles of this side, in pixels of the image. Default: 1024 / enlarge. */
  readonly tile?: number;
  /** Pixels of the image that neighbouring tiles share, at least. Default: 192 / enlarge. */
  readonly overlap?: number;
  /** Moves the grid of tiles. */
  readonly shift?: number;
  /** Steps between the model and the answer; default: none. */
  readonly refine?: Partial<RefineSettings>;
}

/** The answer for one image. */
export interface ImagePrediction {
  readonly instances: Instances;
  /** How many pieces the image was seen in. */
  readonly tiles: number;
  /** Pieces on which the model's own limit of detections was reached. */
  readonly atModelLimit: number;
}

/** Pixels of the network's input: the largest side seen at once, and what neighbours share. */
export const NETWORK_TILE = 1024;
export const NETWORK_OVERLAP = 192;
/** The pyramid's coarsest stride: tiles that begin at its multiples have their anchors where the whole image has. */
const NETWORK_STRIDE = 64;

/**
 * Instances of one image of any size, in its own pixels, by falling score: seen whole where it fits a tile, else in
 * overlapping tiles whose instances are joined. Memory grows with the tile, and with the image only by its pixels.
 */
export function predictImage(
  model: MaskRcnn,
  picture: ModelImage,
  options: PredictOptions = {},
): ImagePrediction {
  const { enlarge = 1, shift = 0 } = options;
  const tile = options.tile ?? Math.max(1, Math.round(NETWORK_TILE / enlarge));
  const overlap = options.overlap ?? Math.min(Math.round(NETWORK_OVERLAP / enlarge), tile >> 1);
  const { height, width } = picture;
  const tiles = tileGrid(height, width, { tile, overlap, align: alignment(enlarge), shift });
  const limit = model.config.box.detectionsPerImage;
  let atModelLimit = 0;
  const found = tiles.map(({ view }) => {
    const [instances] = model.detect([cutOut(picture, view)], { enlarge });
    if (instances.labels.length >= limit) atModelLimit++;
    return placeInstances(instances, view.left, view.top, height, width);
  });
  const joined =
    tiles.length === 1 ? found[0] : joinTiles(tiles, found, { nmsThreshold: model.config.box.nmsThreshold });
  return {
    instances: options.refine ? refine(joined, options.refine) : joined,
    tiles: tiles.length,
    atModelLimit,
  };
}

/** The part of an image; the image itself where it is all of it. */
export function cutOut(picture: ModelImage, { left, top, right, bottom }: Rect): ModelImage {
  const [height, width] = [bottom - top, right - left];
  if (height === picture.height && width === picture.width) return picture;
  const length = height * width * 3;
  const image = picture.image instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * picture.width + left) * 3;
    image.set(picture.image.subarray(from, from + width * 3), y * width * 3);
  }
  return { height, width, image };
}

/** The smallest number of image pixels that is a whole number of coarsest cells after enlargement; else 1. */
function alignment(enlarge: number): number {
  for (let pixels = 1; pixels <= 4 * NETWORK_STRIDE; pixels++)
    if (Math.abs(((pixels * enlarge) / NETWORK_STRIDE) % 1) < 1e-9 && pixels * enlarge >= NETWORK_STRIDE)
      return pixels;
  return 1;
}
