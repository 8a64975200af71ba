import type { Instances } from '../geometry/instances';
import type { DetectOptions, MaskRcnn } from '../models/mask_rcnn';
import { imageScale, resizesItself } from '../models/scale';
import type { ModelImage } from '../models/transform';
import { type RefineSettings, refine } from './postprocess/refine';
import { drawSoftMask, GUIDED_SOFT_MASK, type SoftMaskSettings } from './postprocess/soft_masks';
import { predictViews, type View } from './test_time_augmentation';
import { joinTiles, placeInstances, type Rect, tileGrid } from './tiling';

export interface PredictOptions {
  /** Pixels of the network's input per pixel of the image, before the model's own resize. Default 1. */
  readonly scale?: number;
  /** Scale at which the network sees the image, whatever the model's own resize says. */
  readonly networkScale?: number;
  /** Images with a longer side are cut into tiles of this side, in pixels of the image. Default: 1280 / scale. */
  readonly tile?: number;
  /** Pixels of the image that neighbouring tiles share, at least. Default: 384 / scale. */
  readonly overlap?: number;
  /** Moves the grid of tiles. */
  readonly shift?: number;
  /** How masks are drawn into the image; null: as torchvision pastes them. Default: `GUIDED_SOFT_MASK`. */
  readonly masks?: SoftMaskSettings | null;
  /** Looks at the image in each of these ways and merges what is found; default: once, as it is. */
  readonly views?: readonly View[];
  /** Steps between the model and the answer; default: none. */
  readonly refine?: Partial<RefineSettings>;
  /** Told after each tile of a view: an image of thousands of pixels takes minutes. */
  readonly onTile?: (done: number, total: number) => void;
}

/** The answer for one image. */
export interface ImagePrediction {
  readonly instances: Instances;
  /** How many tiles the image was seen in. */
  readonly tiles: number;
  /** Tiles on which the model's own limit of detections was reached. */
  readonly atModelLimit: number;
}

/** Pixels of the network's input: up to this side an image is predicted under the model's own limits. */
const NETWORK_WHOLE = 1024;
/** The largest side seen at once, and what neighbours share: what lies 192 pixels from a seam feels little of it. */
const NETWORK_TILE = 1280;
const NETWORK_OVERLAP = 384;
/**
 * Side of the blocks that the limits of proposals are shared out over. Twice the pyramid's coarsest stride: tiles that
 * begin at its multiples have their anchors and their blocks where the whole image has them.
 */
const BLOCK = 128;

/** A model that predicts images of any size. It does not own the model. */
export class Predictor {
  constructor(private readonly model: MaskRcnn) {}

  /**
   * Instances of one image, in its own pixels, by falling score: seen whole where it fits a tile, else in overlapping
   * tiles whose instances are joined. Memory grows with the tile, and with the image only by its pixels. Images of up
   * to `NETWORK_WHOLE` are predicted under the model's own limits, as in an evaluation; the limits of larger ones grow with the area.
   */
  predict(picture: ModelImage, options: PredictOptions = {}): ImagePrediction {
    const { views, scale = 1 } = options;
    const answer = views
      ? this.predictFrom(views, picture, scale, options)
      : this.predictOnce(picture, options);
    return options.refine ? { ...answer, instances: refine(answer.instances, options.refine) } : answer;
  }

  private predictFrom(
    views: readonly View[],
    picture: ModelImage,
    scale: number,
    options: PredictOptions,
  ): ImagePrediction {
    let [tiles, atModelLimit] = [0, 0];
    const instances = predictViews(
      picture,
      (seen, viewScale) => {
        const one = this.predictOnce(seen, {
          ...options,
          scale: scale * viewScale,
          networkScale: options.networkScale && options.networkScale * viewScale,
        });
        tiles += one.tiles;
        atModelLimit += one.atModelLimit;
        return one.instances;
      },
      views,
    );
    return { instances, tiles, atModelLimit };
  }

  private predictOnce(picture: ModelImage, options: PredictOptions): ImagePrediction {
    const { shift = 0, masks = GUIDED_SOFT_MASK } = options;
    const { height, width } = picture;
    const asked =
      options.networkScale ?? imageScale(picture, this.model.config.image, 'testing', options.scale);
    const { image } = this.model.config;
    // What the model's own resize makes of an image is seen whole, as torchvision does.
    const whole = resizesItself(image, 'testing') ? Math.max(NETWORK_WHOLE, image.maxSize) : NETWORK_WHOLE;
    const longer = Math.max(height, width);
    const large = longer * asked > whole + 0.5;
    const { scale, align } = large ? alignedScale(asked) : { scale: asked, align: 1 };
    // A tile of whole blocks: the anchors of the coarsest level lie where the whole image has them.
    const tile =
      options.tile ?? (large ? Math.max(1, Math.floor(NETWORK_TILE / scale / align)) * align : longer);
    const overlap = options.overlap ?? Math.min(Math.ceil(NETWORK_OVERLAP / scale), tile >> 1);
    const tiles = tileGrid(height, width, { tile, overlap, align, shift });
    const detect: DetectOptions = {
      scale,
      block: large ? BLOCK : undefined,
      scoreThreshold: scoreThreshold(options, tiles.length),
      drawMask: masks ? (mask, image) => drawSoftMask(mask, image, masks) : undefined,
    };
    const { nmsThreshold, detectionsPerImage } = this.model.config.box;
    let atModelLimit = 0;
    const found = tiles.map(({ view }, i) => {
      const [instances] = this.model.detect([cutOut(picture, view)], detect);
      options.onTile?.(i + 1, tiles.length);
      if (!large && instances.labels.length >= detectionsPerImage) atModelLimit++;
      return placeInstances(instances, view.left, view.top, height, width);
    });
    const instances = tiles.length === 1 ? found[0] : joinTiles(tiles, found, { nmsThreshold });
    return { instances, tiles: tiles.length, atModelLimit };
  }
}

/**
 * The score under which nothing can be part of the answer, so that its mask need not be computed. Of a cell that several
 * tiles see, one may score less than another: there half of the threshold. Views and size-aware scores change scores.
 */
function scoreThreshold({ views, refine }: PredictOptions, tiles: number): number | undefined {
  const threshold = refine?.threshold ?? null;
  if (views || refine?.sizeScore || threshold === null) return undefined;
  const least = typeof threshold === 'number' ? threshold : Math.min(...threshold);
  return tiles === 1 ? least : least / 2;
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

/**
 * The scale of a view of a large image, and how many of its pixels are then a block: as asked where that is a
 * whole number, else the nearest factor for which it is (within 0.4 % for factors up to 2).
 */
export function alignedScale(asked: number): { readonly scale: number; readonly align: number } {
  for (let blocks = 1; blocks <= 4; blocks++) {
    const pixels = (blocks * BLOCK) / asked;
    if (Math.abs(pixels - Math.round(pixels)) < 1e-9) return { scale: asked, align: Math.round(pixels) };
  }
  const align = Math.max(1, Math.round((2 * BLOCK) / asked));
  return { scale: (2 * BLOCK) / align, align };
}
