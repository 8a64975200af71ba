import type { SampleArray } from './sample_array';
import type { SampleKind } from './tiff/directory';
import type { Region } from './tiff/read_tiff';

/** A size of an image. `name`: `full`, `1/4` (the whole-number reduction), else `page3`. */
export interface ImageLevel {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/** Micrometres a pixel as a file tells it. */
export interface FilePixelSize {
  readonly value: number;
  /** What told it: `OME`, `Aperio`, `ImageJ`, `TIFF resolution` … */
  readonly from: string;
}

/** Which pixels to read. */
export interface RasterRequest {
  /** Default: `full`. */
  readonly level?: string;
  /** Default: the whole level. */
  readonly region?: Region;
  /** A plane of a stack, from 1. Default: 1, which is told. */
  readonly plane?: number;
  /** Channels for red, green and blue, from 1 (0: none); one alone is grey. */
  readonly channels?: readonly number[];
  /** The numbers as they are stored: palettes and colour spaces are passed over. For masks. */
  readonly raw?: boolean;
  /** Refuse more pixels than this before memory is taken. */
  readonly maxPixels: number;
}

/** Pixels as a file holds them, upright. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colours; with `raw` as many as the file has, without alpha. */
  readonly channels: number;
  /** [height * width * channels] */
  readonly data: SampleArray;
  readonly bits: number;
  readonly kind: SampleKind;
  /** Small values are bright (MinIsWhite). */
  readonly inverted?: boolean;
  /** With `raw`: the numbers stand for colours of a table. */
  readonly indexed?: boolean;
}

/** An open image file. */
export interface RasterFile {
  /** The first is `full`. */
  readonly levels: readonly ImageLevel[];
  readonly planes: number;
  /** Planes behind each other at one time; the rest are times. */
  readonly depths: number;
  readonly channels: number;
  /** Channels that are kept in pages of their own: images a plane takes in the file. */
  readonly stackChannels: number;
  readonly bits: number;
  readonly kind: SampleKind;
  /** EXIF's orientation; what `read` gives is upright. */
  readonly orientation: number;
  readonly pixelSize?: FilePixelSize;
  /** What a person should know about what is read: a default that was chosen. */
  notes(request: Pick<RasterRequest, 'plane' | 'channels'>): string[];
  read(request: RasterRequest): Promise<Raster>;
  close(): void;
}

/** A file format: one entry in the list of `detect.ts`. */
export interface ImageFormat {
  readonly name: string;
  /** In order of preference, with the dot. */
  readonly extensions: readonly string[];
  /** Of the first bytes, one character a byte. */
  readonly signature: RegExp;
  /** Whether pixels come out as they went in: a mask may be stored in it. */
  readonly exact: boolean;
  open(file: string): Promise<RasterFile>;
}
