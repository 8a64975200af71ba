/** One instance's mask, cropped to its box: what the data set, augmentation and the loss work on. */
export interface CropMask {
  /** Left and top of the crop in the image, pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** [height * width], 0 or 1, row by row. */
  readonly data: Uint8Array;
}
