import { DataError } from '../../../core/errors';
import type { ByteSource } from './byte_source';
import { type Directory, damaged, numbers, openDirectories, presentField } from './geotiff';

export type SampleKind = 'unsigned' | 'signed' | 'float';

/** One image of a TIFF file as its directory describes it. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  /** Channels. */
  readonly samples: number;
  /** Bits of one channel. */
  readonly bits: number;
  readonly kind: SampleKind;
  /** 1 none, 5 LZW, 7 JPEG, 8 and 32946 Deflate …: see codecs.ts. */
  readonly compression: number;
  /** 1 none, 2 horizontal differences, 3 floating point. */
  readonly predictor: number;
  /** 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 CIELab. */
  readonly photometric: number;
  /** What each channel behind the colours is: 0 unspecified, 1 alpha (colours multiplied by it), 2 alpha. */
  readonly extraSamples: readonly number[];
  /** Channels stored one after the other instead of interleaved. */
  readonly planar: boolean;
  readonly little: boolean;
  /** Bits of a byte stored the other way around (FillOrder 2). */
  readonly reversedBits: boolean;
  readonly tiled: boolean;
  /** Size of a tile, or of a strip (as wide as the image). */
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** Pixels that share one pair of colour values, across and down (YCbCr). */
  readonly subsampling: readonly [number, number];
  /** EXIF's orientation, 1..8; 1 is upright. */
  readonly orientation: number;
  /** A smaller copy of another page: a pyramid level or a thumbnail. */
  readonly reduced: boolean;
  readonly directory: Directory;
}

/** The numbers of TIFF fields that are used here (TIFF 6.0, and its supplements). */
export const TAG = {
  newSubfileType: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  xResolution: 282,
  yResolution: 283,
  planar: 284,
  resolutionUnit: 296,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  yccCoefficients: 529,
  yccSubsampling: 530,
  referenceBlackWhite: 532,
} as const;

/** The pages of a TIFF file in order, sub-directories (pyramid levels of OME-TIFF) behind their parent. */
export async function readDirectories(source: ByteSource): Promise<TiffPage[]> {
  const { little, directories } = await openDirectories(source);
  const pages: TiffPage[] = [];
  for (const directory of directories) pages.push(await describePage(source, directory, little));
  return pages;
}

/** All values of a field as numbers. */
export async function fieldNumbers(directory: Directory, tag: number): Promise<number[]> {
  return numbers(await directory.fileDirectory.loadValue(tag));
}

/** The text of a field; '' where there is none. */
export async function fieldText(directory: Directory, tag: number): Promise<string> {
  const value: unknown = await directory.fileDirectory.loadValue(tag);
  return typeof value === 'string' ? value.replace(/\0+$/, '') : '';
}

async function describePage(source: ByteSource, directory: Directory, little: boolean): Promise<TiffPage> {
  const list = (tag: number): Promise<number[]> => fieldNumbers(directory, tag);
  const first = async (tag: number, fallback: number): Promise<number> => (await list(tag))[0] ?? fallback;
  const width = await first(TAG.width, 0);
  const height = await first(TAG.height, 0);
  if (!(width > 0 && height > 0 && Number.isSafeInteger(width) && Number.isSafeInteger(height)))
    throw damaged(source, `claims a size of ${width} x ${height} pixels`);
  const samples = await first(TAG.samples, 1);
  if (!(samples >= 1 && samples <= 64)) throw damaged(source, `claims ${samples} channels`);
  const allBits = await list(TAG.bits);
  const bits = allBits[0] ?? 1;
  if (!Number.isInteger(bits) || bits < 1 || bits > 128)
    throw damaged(source, `claims ${bits} bits a channel`);
  if (allBits.some((value) => value !== bits))
    throw damaged(source, 'its channels have different bit depths');
  const kind = sampleKind(source, await first(TAG.sampleFormat, 1));
  const { fileDirectory } = directory;
  const tiled = !fileDirectory.hasTag(TAG.stripOffsets) && fileDirectory.hasTag(TAG.tileOffsets);
  const [across = 2, down = 2] = await list(TAG.yccSubsampling);
  // Faults 5 and 6 of geotiff.ts.
  presentField(directory, TAG.bits, new Uint16Array(samples).fill(bits));
  const shown = bits === 64 ? 3 : { unsigned: 1, signed: 2, float: 3 }[kind];
  presentField(directory, TAG.sampleFormat, new Uint16Array(samples).fill(shown));
  return {
    width,
    height,
    samples,
    bits,
    kind,
    compression: await first(TAG.compression, 1),
    predictor: await first(TAG.predictor, 1),
    photometric: await first(TAG.photometric, 1),
    extraSamples: await list(TAG.extraSamples),
    planar: (await first(TAG.planar, 1)) === 2,
    little,
    reversedBits: (await first(TAG.fillOrder, 1)) === 2,
    tiled,
    blockWidth: tiled ? await first(TAG.tileWidth, width) : width,
    blockHeight: tiled
      ? await first(TAG.tileHeight, height)
      : Math.min((await first(TAG.rowsPerStrip, height)) || height, height),
    subsampling: [across, down],
    orientation: await first(TAG.orientation, 1),
    reduced: ((await first(TAG.newSubfileType, 0)) & 1) === 1,
    directory,
  };
}

function sampleKind(source: ByteSource, format: number): SampleKind {
  if (format === 1 || format === 4) return 'unsigned';
  if (format === 2) return 'signed';
  if (format === 3) return 'float';
  throw new DataError(`not a usable TIFF file: sample format ${format} is not supported (complex numbers?)`, {
    where: source.file,
  });
}
