import type { CropMask } from '../structures/crop_mask';

/** One image with its instances, after augmentation: what the model takes. */
export interface Sample {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255, row by row, channels in the order of the file. */
  readonly image: Uint8Array;
  /** [n * 4] pixels, x1, y1, x2, y2; x2 and y2 are exclusive: the extent of the mask. */
  readonly boxes: Float32Array;
  /** [n] 1..K. */
  readonly labels: Int32Array;
  /** [n] */
  readonly masks: readonly CropMask[];
  /** Regions that are neither target nor error (COCO crowd). */
  readonly ignore: readonly CropMask[];
  /** Transforms that acted on it, in order; undefined for an image as it lies in its folder. */
  readonly applied?: readonly string[];
}
