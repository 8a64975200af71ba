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

/** One instance's mask before it is drawn: probabilities on a grid that its box is divided into. */
export interface SoftMask {
  /** x1, y1, x2, y2 in pixels of the image; x2 and y2 are exclusive. */
  readonly box: readonly [number, number, number, number];
  /** Cells of the grid along either side. */
  readonly size: number;
  /** [size * size] in 0..1, row by row. */
  readonly probabilities: Float32Array;
}
