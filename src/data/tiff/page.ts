export type SampleKind = 'unsigned' | 'signed' | 'float';

/** One image of a TIFF file as its directory describes it. Lists are functions: they are read only when needed. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  /** Channels. */
  readonly samples: number;
  /** Bits of one channel. */
  readonly bits: number;
  readonly kind: SampleKind;
  /** 1 none, 5 LZW, 7 JPEG, 8 and 32946 Deflate, 32773 PackBits, 33003 and 33005 JPEG 2000 (Aperio). */
  readonly compression: number;
  /** 1 none, 2 horizontal differences, 3 floating point. */
  readonly predictor: number;
  /** 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr. */
  readonly photometric: number;
  /** Channels stored one after the other instead of interleaved. */
  readonly planar: boolean;
  readonly little: boolean;
  readonly tiled: boolean;
  /** Size of a tile, or of a strip (as wide as the image). */
  readonly blockWidth: number;
  readonly blockHeight: number;
  offsets(): number[];
  byteCounts(): number[];
  jpegTables(): Buffer;
  /** A smaller copy of another page: a pyramid level. */
  readonly reduced: boolean;
  description(): string;
}

/** Samples of one type. */
export type SampleArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;
