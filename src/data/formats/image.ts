import { detectFormat } from './detect';
import type { FilePixelSize, ImageLevel, RasterFile } from './image_format';
import { highest, type IntensityRange, IntensitySurvey, needsRange, toBytes } from './intensity';
import { DEFAULT_MAX_PIXELS, type Region } from './tiff/read_tiff';

/** An image in memory. */
export interface Image {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255, row by row, channels in the order of the file. */
  readonly data: Uint8Array;
}

/** An image with what its file tells beside the pixels. */
export interface ReadImage extends Image {
  /** What a person should know: planes and channels that were chosen, an orientation. */
  readonly notes: readonly string[];
  readonly pixelSize?: FilePixelSize;
  /** Bits a channel in the file, and the highest value met (16-bit files). */
  readonly depth: { readonly bits: number; readonly float: boolean; readonly maximum?: number };
}

/** Which plane, channels and values of a file make an image. */
export interface ImageSelection {
  /** A plane of a stack, from 1. Default: the first, which `notes` tells. */
  readonly plane?: number;
  /** Channels for red, green and blue, from 1; one alone is grey. Default: the first three, which `notes` tells. */
  readonly channels?: readonly number[];
  /** What becomes 0 and 255 in 16-bit and float images. Default: by the image's own values. */
  readonly range?: IntensityRange;
}

export interface ReadImageOptions extends ImageSelection {
  /** Refuse more pixels than this, before memory is taken. Default 50 million. */
  readonly maxPixels?: number;
  /** A level of a TIFF pyramid by its name (see `listLevels`). Default: full size. */
  readonly level?: string;
}

/** A part of an image at one of its levels. */
export interface RegionRequest extends ImageSelection {
  readonly level?: string;
  /** Pixels of the level; right and bottom are exclusive. Default: all of it. */
  readonly region?: Region;
  readonly maxPixels?: number;
}

/** An image file that stays open: parts of it are read without the rest. */
export interface OpenImage {
  readonly width: number;
  readonly height: number;
  readonly levels: readonly ImageLevel[];
  readonly planes: number;
  readonly channels: number;
  readonly pixelSize?: FilePixelSize;
  readRegion(request?: RegionRequest): Promise<Image>;
  close(): void;
}

/** Opens an image of any size; nothing but its header is read. Errors name the file. */
export async function openImage(file: string): Promise<OpenImage> {
  const raster = await detectFormat(file).open(file);
  const [{ width, height }] = raster.levels;
  let range: IntensityRange | undefined;
  return {
    width,
    height,
    levels: raster.levels,
    planes: raster.planes,
    channels: raster.channels,
    ...(raster.pixelSize ? { pixelSize: raster.pixelSize } : {}),
    readRegion: async (request = {}) => {
      // One range for all parts, from the smallest level: each by its own would show their borders.
      if (needsRange(raster) && !request.range) range ??= await smallestRange(raster, request);
      const { image } = await readFrom(raster, { range, ...request });
      return image;
    },
    close: () => raster.close(),
  };
}

async function smallestRange(raster: RasterFile, request: RegionRequest): Promise<IntensityRange> {
  const level = raster.levels.reduce((a, b) => (b.name.startsWith('1/') && b.width < a.width ? b : a));
  const survey = new IntensitySurvey();
  survey.add(
    await raster.read({ ...request, region: undefined, level: level.name, maxPixels: DEFAULT_MAX_PIXELS }),
  );
  return survey.range();
}

async function readFrom(
  raster: RasterFile,
  { range, maxPixels = DEFAULT_MAX_PIXELS, ...request }: RegionRequest,
): Promise<{ image: Image; maximum?: number }> {
  const pixels = await raster.read({ ...request, maxPixels });
  const maximum = pixels.kind === 'unsigned' && pixels.bits === 16 ? highest(pixels.data) : undefined;
  const bytes = toBytes(pixels, range);
  const { width, height, channels } = pixels;
  const data = channels === 1 ? repeated(bytes) : bytes;
  return { image: { width, height, data }, ...(maximum === undefined ? {} : { maximum }) };
}

/** Grey in all three channels. */
function repeated(grey: Uint8Array): Uint8Array {
  const out = new Uint8Array(grey.length * 3);
  for (let i = 0, to = 0; i < grey.length; i++) {
    out[to++] = grey[i];
    out[to++] = grey[i];
    out[to++] = grey[i];
  }
  return out;
}

/**
 * Reads a TIFF, PNG, JPEG or WebP image, upright. Alpha is dropped and grey is written to all three channels; palettes,
 * YCbCr and CIELab become RGB. Of 1 to 15 bits the highest number becomes 255. 16-bit values v become 255 v / 65535, or
 * 255 v / 4095 where none exceeds 4095 (12-bit cameras); floats and signed numbers are spread from their 0.1 to their
 * 99.9 percentile. `range` replaces both by that of a data set.
 * Errors (`DataError`) name the file: missing, empty, truncated, misnamed, over the pixel limit, unsupported samples.
 */
export async function readImage(file: string, options: ReadImageOptions = {}): Promise<ReadImage> {
  const raster = await detectFormat(file).open(file);
  try {
    const { image, maximum } = await readFrom(raster, options);
    const { bits, kind, pixelSize } = raster;
    return {
      ...image,
      notes: raster.notes(options),
      ...(pixelSize ? { pixelSize } : {}),
      depth: { bits, float: kind === 'float', ...(maximum === undefined ? {} : { maximum }) },
    };
  } finally {
    raster.close();
  }
}

/** What a file tells of itself without decoding a pixel. */
export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  readonly pixelSize?: FilePixelSize;
  /** Its values need the range of their data set. */
  readonly needsRange: boolean;
  readonly planes: number;
  /** Planes behind each other at one time, and images of the file that make one plane. */
  readonly depths: number;
  readonly stackChannels: number;
}

/** Reads the header alone. */
export async function readImageHeader(file: string): Promise<ImageHeader> {
  const raster = await detectFormat(file).open(file);
  raster.close();
  const [{ width, height }] = raster.levels;
  return {
    width,
    height,
    ...(raster.pixelSize ? { pixelSize: raster.pixelSize } : {}),
    needsRange: needsRange(raster),
    planes: raster.planes,
    depths: raster.depths,
    stackChannels: raster.stackChannels,
  };
}

/** Width and height without decoding a pixel. */
export async function readImageSize(file: string): Promise<{ width: number; height: number }> {
  const { width, height } = await readImageHeader(file);
  return { width, height };
}

/** The levels of a TIFF file (one, `full`, for other formats). */
export async function listLevels(file: string): Promise<ImageLevel[]> {
  const raster = await detectFormat(file).open(file);
  raster.close();
  return [...raster.levels];
}

/**
 * One range of values for all images of a set, so that one grey means one brightness: undefined where the first image
 * has 8 bits a channel. Files that cannot be read are passed over; their own reading says why.
 */
export async function surveyRange(
  files: readonly string[],
  selection: Pick<ReadImageOptions, 'plane' | 'channels' | 'maxPixels'> = {},
): Promise<IntensityRange | undefined> {
  const survey = new IntensitySurvey();
  let any = false;
  for (const file of files) {
    try {
      const raster = await detectFormat(file).open(file);
      try {
        if (!needsRange(raster)) {
          if (!any) return undefined;
          continue;
        }
        any = true;
        const { maxPixels = DEFAULT_MAX_PIXELS, ...rest } = selection;
        if (!survey.add(await raster.read({ ...rest, maxPixels }))) break;
      } finally {
        raster.close();
      }
    } catch {
      // Said where the image itself is read.
    }
  }
  return any ? survey.range() : undefined;
}
