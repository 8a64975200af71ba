/** A cell of the gallery: its outline as corners x, y, ... in half pixels of the picture. */
export interface GalleryShape {
  /** 1..K */
  readonly label: number;
  readonly outline: readonly number[];
}

export interface GalleryCell extends GalleryShape {
  /** 0..1 */
  readonly score: number;
  /** The true cell of its class that it covers with an IoU of 0.5 at least; -1 for none. */
  readonly match: number;
}

export interface GalleryImage {
  readonly id: string;
  /** Pixels of the picture. */
  readonly width: number;
  readonly height: number;
  /** A data URL. */
  readonly picture: string;
  /** By falling score. */
  readonly cells: readonly GalleryCell[];
  readonly groundTruth: readonly GalleryShape[];
}

/** All that the gallery of a page shows. */
export interface GalleryData {
  /** [K] */
  readonly classes: readonly { readonly name: string; readonly colour: string }[];
  /** Score from which cells are shown at first. */
  readonly threshold: number;
  readonly images: readonly GalleryImage[];
}
