import { DataError } from '../../core/errors';
import { detectFormat } from './detect';
import type { TiffPage } from './tiff/directory';
import { checkPage, DEFAULT_MAX_PIXELS, openTiff, type TiffFile } from './tiff/read_tiff';

/** An image in memory. */
export interface Image {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255, row by row, channels in the order of the file. */
  readonly data: Uint8Array;
}

export interface ReadImageOptions {
  /** Refuse more pixels than this, before memory is taken. Default 50 million. */
  readonly maxPixels?: number;
  /** A page of a TIFF pyramid by its name (see `listLevels`). Default: the first, in full size. */
  readonly level?: string;
}

/** A page of a TIFF file. `name`: `full`, `1/4` (the whole-number reduction), else `page3`. */
export interface ImageLevel {
  readonly name: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Reads a TIFF, PNG or JPEG image. Alpha is dropped and grey is written to all three channels. 16-bit values v become
 * round(255 v / 65535); an image that never exceeds 4095 is taken as 12-bit (255 v / 4095), as cameras deliver it.
 * Errors (`DataError`) name the file: missing, empty, truncated, misnamed, over the pixel limit, unsupported samples.
 */
export async function readImage(file: string, options: ReadImageOptions = {}): Promise<Image> {
  if (detectFormat(file) === 'tiff') return await readTiffImage(file, options);
  return await readOtherImage(file, options.maxPixels ?? DEFAULT_MAX_PIXELS);
}

/** Width and height without decoding a pixel. */
export async function readImageSize(file: string): Promise<{ width: number; height: number }> {
  if (detectFormat(file) === 'tiff') {
    const tiff = openTiff(file);
    tiff.close();
    return { width: tiff.pages[0].width, height: tiff.pages[0].height };
  }
  const { width, height } = await readHeader(file);
  return { width, height };
}

/** The pages of a TIFF file (one level, `full`, for other formats). */
export async function listLevels(file: string): Promise<ImageLevel[]> {
  if (detectFormat(file) !== 'tiff') return [{ name: 'full', ...(await readImageSize(file)) }];
  const tiff = openTiff(file);
  tiff.close();
  return levelsOf(tiff);
}

function levelsOf({ pages }: TiffFile): ImageLevel[] {
  const [{ width, height }] = pages;
  return pages.map((page, i) => {
    const factor = Math.round(width / page.width);
    const scaled =
      factor > 1 &&
      Math.abs(height / factor - page.height) <= 1 &&
      Math.abs(width / factor - page.width) <= 1;
    const name = i === 0 ? 'full' : scaled ? `1/${factor}` : `page${i + 1}`;
    return { name, width: page.width, height: page.height };
  });
}

async function readTiffImage(
  file: string,
  { maxPixels = DEFAULT_MAX_PIXELS, level = 'full' }: ReadImageOptions,
): Promise<Image> {
  const tiff = openTiff(file);
  try {
    const levels = levelsOf(tiff);
    const index = levels.findIndex((candidate) => candidate.name === level);
    if (index < 0)
      throw new DataError(
        `has no level "${level}" (it has ${levels.map((known) => known.name).join(', ')})`,
        {
          where: file,
        },
      );
    const page = tiff.pages[index];
    checkPage(file, page, maxPixels);
    const colours = colourChannels(file, page);
    const { width, height } = page;
    const wide = page.bits === 16 ? new Uint16Array(width * height * 3) : undefined;
    const target = wide ?? new Uint8Array(width * height * 3);
    await tiff.readBlocks(page, (block) => {
      for (let c = 0; c < 3; c++) {
        const source = colours === 1 ? 0 : c;
        if (source < block.channel || source >= block.channel + block.channels) continue;
        for (let row = 0; row < block.rows; row++) {
          let from = row * block.stride * block.channels + source - block.channel;
          let to = ((block.y + row) * width + block.x) * 3 + c;
          for (let i = 0; i < block.columns; i++, from += block.channels, to += 3)
            target[to] = block.data[from];
        }
      }
    });
    const data = wide ? toEightBit(wide) : (target as Uint8Array);
    if (page.photometric === 0) for (let i = 0; i < data.length; i++) data[i] = 255 - data[i];
    return { height, width, data };
  } finally {
    tiff.close();
  }
}

/** 1 for grey, 3 for colour; the rest is alpha and goes. */
function colourChannels(file: string, page: TiffPage): 1 | 3 {
  const { samples, kind, bits, photometric } = page;
  if (kind !== 'unsigned' || bits > 16)
    throw new DataError(
      `has ${bits}-bit ${kind === 'float' ? 'floating-point' : kind} pixels; an image has 8 or 16 bits`,
      {
        where: file,
        fix: 'Save it as an 8- or 16-bit RGB or grey TIFF.',
      },
    );
  if (photometric === 3 || photometric === 5)
    throw new DataError(`stores ${photometric === 3 ? 'palette' : 'CMYK'} colours, which are not supported`, {
      where: file,
      fix: 'Save it as RGB.',
    });
  if (samples > 4)
    throw new DataError(`has ${samples} channels; an image has 1 (grey), 3 (RGB) or 4 (RGBA)`, {
      where: file,
    });
  return samples <= 2 ? 1 : 3;
}

/** The rule of `readImage`. */
export function toEightBit(data: Uint16Array): Uint8Array {
  let maximum = 0;
  for (let i = 0; i < data.length; i++) if (data[i] > maximum) maximum = data[i];
  const scale = 255 / (maximum <= 4095 ? 4095 : 65535);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data[i] * scale + 0.5;
  return out;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly sixteen: boolean;
}

/** The header of a PNG or JPEG file. */
export async function readHeader(file: string): Promise<Header> {
  const { default: sharp } = await import('sharp');
  try {
    const { width, height, channels, depth } = await sharp(file, { limitInputPixels: false }).metadata();
    return { width, height, channels, sixteen: depth === 'ushort' };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** Refuses a PNG or JPEG header that claims more than the limit. */
export function checkSize(file: string, { width, height }: Header, maxPixels: number): void {
  if (width * height > maxPixels)
    throw new DataError(`claims ${width} x ${height} pixels, more than the limit of ${maxPixels}`, {
      where: file,
      fix: 'Cut the image into tiles, or raise the limit (maxPixels) if the size is true.',
    });
}

/** A decoder's complaint as one line that names the file. */
export function unreadable(file: string, error: unknown): DataError {
  const reason = (error as Error).message.split('\n')[0];
  return new DataError(`cannot be decoded: ${reason}`, {
    where: file,
    fix: 'Copy it again from its source.',
    cause: error,
  });
}

async function readOtherImage(file: string, maxPixels: number): Promise<Image> {
  const header = await readHeader(file);
  checkSize(file, header, maxPixels);
  const { default: sharp } = await import('sharp');
  try {
    const input = sharp(file, {
      limitInputPixels: maxPixels,
      failOn: 'truncated',
      ignoreIcc: true,
    }).removeAlpha();
    if (header.sixteen) {
      const { data } = await input
        .pipelineColourspace('rgb16')
        .toColourspace('rgb16')
        .raw({ depth: 'ushort' })
        .toBuffer({ resolveWithObject: true });
      const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
      return { height: header.height, width: header.width, data: toEightBit(values) };
    }
    const data = await input.toColourspace('srgb').raw().toBuffer();
    return {
      height: header.height,
      width: header.width,
      data: threeChannels(data, header.width * header.height),
    };
  } catch (error) {
    throw unreadable(file, error);
  }
}

function threeChannels(data: Uint8Array, pixels: number): Uint8Array {
  // A buffer of its own: it may be handed to another thread.
  if (data.length === pixels * 3) return new Uint8Array(data);
  const out = new Uint8Array(pixels * 3);
  const channels = data.length / pixels;
  for (let i = 0; i < pixels; i++) out.fill(data[i * channels], i * 3, i * 3 + 3);
  return out;
}
