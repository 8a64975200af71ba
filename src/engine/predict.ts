import type { MaskRcnnConfig } from '../detection/config';
import { type DetectOptions, MaskRcnn } from '../detection/mask_rcnn';
import type { ModelImage } from '../detection/transform';
import { joinTiles, placeInstances } from '../postprocess/join_tiles';
import { predictViews } from '../postprocess/merge_views';
import { type RefineSettings, refine } from '../postprocess/refine';
import { drawSoftMask, GUIDED_SOFT_MASK, type SoftMaskSettings } from '../postprocess/soft_masks';
import { type Rect, tileGrid } from '../postprocess/tile_grid';
import type { View } from '../postprocess/views';
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
  /** How masks are drawn into the image; null: as torchvision pastes them. Default: `GUIDED_SOFT_MASK`. */
  readonly masks?: SoftMaskSettings | null;
  /** Looks at the image in each of these ways and merges what is found; default: once, as it is. */
  readonly views?: readonly View[];
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
 * Pixels of the network's input that the model's limits (proposals, detections) hold for on large images: four times
 * as many in a view of 1024 x 1024. They go by area, or a tile would find what the whole image has no room for.
 */
const PIXELS_PER_LIMIT = 512 * 512;

/** A model that predicts images of any size. It does not own the model; `dispose` frees what it made itself. */
export class Predictor {
  private roomy: RoomyModel | undefined;

  constructor(private readonly model: MaskRcnn) {}

  /**
   * Instances of one image, in its own pixels, by falling score: seen whole where it fits a tile, else in overlapping
   * tiles whose instances are joined. Memory grows with the tile, and with the image only by its pixels. Images of up
   * to `NETWORK_TILE` are predicted under the model's own limits, as in an evaluation; larger ones have room by area.
   */
  predict(picture: ModelImage, options: PredictOptions = {}): ImagePrediction {
    const { views, enlarge = 1 } = options;
    const answer = views
      ? this.predictFrom(views, picture, enlarge, options)
      : this.predictOnce(picture, options);
    return options.refine ? { ...answer, instances: refine(answer.instances, options.refine) } : answer;
  }

  private predictFrom(
    views: readonly View[],
    picture: ModelImage,
    enlarge: number,
    options: PredictOptions,
  ): ImagePrediction {
    let [tiles, atModelLimit] = [0, 0];
    const instances = predictViews(
      picture,
      (seen, scale) => {
        const one = this.predictOnce(seen, { ...options, enlarge: enlarge * scale });
        tiles += one.tiles;
        atModelLimit += one.atModelLimit;
        return one.instances;
      },
      views,
    );
    return { instances, tiles, atModelLimit };
  }

  private predictOnce(picture: ModelImage, options: PredictOptions): ImagePrediction {
    const { enlarge = 1, shift = 0, masks = GUIDED_SOFT_MASK } = options;
    const tile = options.tile ?? Math.max(1, Math.round(NETWORK_TILE / enlarge));
    const overlap = options.overlap ?? Math.min(Math.round(NETWORK_OVERLAP / enlarge), tile >> 1);
    const { height, width } = picture;
    const tiles = tileGrid(height, width, { tile, overlap, align: alignment(enlarge), shift });
    const detect: DetectOptions = masks
      ? { enlarge, drawMask: (mask, image) => drawSoftMask(mask, image, masks) }
      : { enlarge };
    let atModelLimit = 0;
    const found = tiles.map(({ view }) => {
      const model = this.modelFor(picture, view, enlarge);
      const [instances] = model.detect([cutOut(picture, view)], detect);
      if (instances.labels.length >= model.config.box.detectionsPerImage) atModelLimit++;
      return placeInstances(instances, view.left, view.top, height, width);
    });
    const { nmsThreshold } = this.model.config.box;
    const instances = tiles.length === 1 ? found[0] : joinTiles(tiles, found, { nmsThreshold });
    return { instances, tiles: tiles.length, atModelLimit };
  }

  dispose(): void {
    this.roomy?.model.dispose();
    this.roomy = undefined;
  }

  private modelFor({ height, width }: ModelImage, view: Rect, enlarge: number): MaskRcnn {
    if (Math.max(height, width) * enlarge <= NETWORK_TILE) return this.model;
    this.roomy ??= new RoomyModel(this.model);
    const pixels = (view.right - view.left) * (view.bottom - view.top) * enlarge * enlarge;
    return this.roomy.under(Math.max(1, pixels / PIXELS_PER_LIMIT));
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The same weights, their memory shared, under limits that change from view to view. */
class RoomyModel {
  readonly model: MaskRcnn;
  private readonly rpn: Mutable<MaskRcnnConfig['rpn']>;
  private readonly box: Mutable<MaskRcnnConfig['box']>;

  constructor(private readonly own: MaskRcnn) {
    this.rpn = { ...own.config.rpn };
    this.box = { ...own.config.box };
    this.model = new MaskRcnn({ ...own.config, rpn: this.rpn, box: this.box });
    for (const { name, variable } of this.model.parameters.all()) {
      const parameter = own.parameters.get(name);
      if (parameter) variable.assign(parameter.variable);
    }
  }

  /** The model with `room` times the limits: it reads them whenever it detects. */
  under(room: number): MaskRcnn {
    const { rpn, box } = this.own.config;
    this.rpn.preNmsTopNTest = Math.ceil(rpn.preNmsTopNTest * room);
    this.rpn.postNmsTopNTest = Math.ceil(rpn.postNmsTopNTest * room);
    this.box.detectionsPerImage = Math.ceil(box.detectionsPerImage * room);
    return this.model;
  }
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
