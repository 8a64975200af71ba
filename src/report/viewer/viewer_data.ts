/**
 * A closed line along pixel edges: x, y of a corner in pixels of the image, then the lengths of its straight pieces in
 * turn, up-and-down first (down and right are positive); the last piece, back to the start, is left out.
 */
export type PackedRing = readonly number[];

/** A cell as the page draws it. */
export interface ViewedShape {
  /** 1..K */
  readonly label: number;
  /** Outlines and holes: filled by the even-odd rule. */
  readonly rings: readonly PackedRing[];
}

export interface ViewedCell extends ViewedShape {
  /** 0..1 */
  readonly score: number;
  /** One value a measurement, in the order of `ViewerData.measurements`. */
  readonly values: readonly (number | string)[];
  /** The true cell of its class that it covers with an IoU of 0.5 at least; -1 for none, or where no ground truth is known. */
  readonly match: number;
}

/** All that a viewer page shows, but for the pixels. */
export interface ViewerData {
  readonly title: string;
  /** Pixels of the image. */
  readonly width: number;
  readonly height: number;
  /** Micrometres a pixel, where known. */
  readonly pixelSize: number | null;
  /** [K] */
  readonly classes: readonly { readonly name: string; readonly colour: string }[];
  readonly measurements: readonly { readonly name: string; readonly unit: string }[];
  /** By falling score. */
  readonly cells: readonly ViewedCell[];
  /** The true cells, where they are known. */
  readonly groundTruth: readonly ViewedShape[] | null;
  /** Score from which cells are shown at first. */
  readonly threshold: number;
}
