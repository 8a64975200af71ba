/** A run-length code of a binary mask, column by column, starting with the run of zeros (as COCO defines it). */
export interface Rle {
  /** [height, width] in pixels. */
  readonly size: readonly [number, number];
  /** Lengths of alternating runs of 0 and 1; they add up to height * width. */
  readonly counts: Uint32Array;
}
