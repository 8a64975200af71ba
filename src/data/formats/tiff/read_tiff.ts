import { CytobenchError, DataError } from '../../../core/errors';
import type { SampleArray } from '../sample_array';
import { type ByteSource, openByteSource } from './byte_source';
import { type BlockContext, blockDecoder, isSubsampled, unsupportedCompression } from './codecs';
import { fieldNumbers, readDirectories, TAG, type TiffPage } from './directory';
import { presentField } from './geotiff';
import { toSamples } from './predictor';
import { spreadChroma } from './ycbcr';

/** Most pixels an image or mask may claim unless a caller allows more: under 1 GB even as 64-bit floats. */
export const DEFAULT_MAX_PIXELS = 50_000_000;

/** A part of a page in pixels; right and bottom are exclusive. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A decoded strip or tile on its way into the caller's array, and the part of it that the region holds. */
export interface TiffBlock {
  /** Left and top of that part in the page, pixels, and its size. */
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  /** Pixels of a row as stored, and the pixel of the block at which the part begins. */
  readonly stride: number;
  readonly start: number;
  /** Interleaved channels in `data`; 1 where they are stored apart. */
  readonly channels: number;
  /** The first channel in `data`. */
  readonly channel: number;
  /** Undefined for a block that the file leaves out (sparse files): zeros. */
  readonly data: SampleArray | undefined;
}

/** An open TIFF file: its pages, and a way through the blocks of one. */
export interface TiffFile {
  readonly file: string;
  readonly pages: readonly TiffPage[];
  /** Decodes the blocks that a region touches, top to bottom. Errors name the file and the strip or tile. */
  readBlocks(page: TiffPage, region: Region, take: (block: TiffBlock) => void): Promise<void>;
  close(): void;
}

/** Opens a TIFF or BigTIFF file and reads its directories, nothing else. */
export async function openTiff(file: string): Promise<TiffFile> {
  const source = openByteSource(file);
  try {
    const pages = await readDirectories(source);
    return {
      file,
      pages,
      readBlocks: (page, region, take) => readBlocks(source, page, region, take),
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** The whole of a page. */
export function wholePage({ width, height }: Pick<TiffPage, 'width' | 'height'>): Region {
  return { left: 0, top: 0, right: width, bottom: height };
}

/**
 * Refuses, before memory is taken, a region of more pixels than allowed, a sample size or a compression that cannot be
 * read, and blocks of an absurd size.
 */
export function checkPage(file: string, page: TiffPage, maxPixels: number, region = wholePage(page)): void {
  const { blockWidth, blockHeight, bits, kind } = page;
  const [width, height] = [region.right - region.left, region.bottom - region.top];
  if (width * height > maxPixels)
    throw new DataError(`claims ${width} x ${height} pixels, more than the limit of ${maxPixels}`, {
      where: file,
      fix: 'Cut the image into tiles; where the size is true, allow more: data check --max-pixels N, or a machine with more free memory for predict.',
    });
  const whole = bits === 8 || bits === 16 || bits === 32 || bits === 64;
  const known = kind === 'float' ? whole && bits > 8 : whole || (kind === 'unsigned' && bits <= 16);
  if (!known)
    throw new DataError(
      `has ${bits}-bit ${kind === 'float' ? 'floating-point' : kind} samples, which are not supported`,
      {
        where: file,
        fix: 'Save it with 8, 16 or 32 bits a channel.',
      },
    );
  const compression = unsupportedCompression(page);
  if (compression !== undefined)
    throw new DataError(`uses ${compression}`, {
      where: file,
      fix: 'Save it again with LZW or Deflate compression, or without any.',
    });
  if (
    !(blockWidth > 0 && blockHeight > 0) ||
    blockWidth * blockHeight > Math.max(4 * page.width * page.height, 1 << 22) ||
    blockWidth * blockHeight > Math.max(4 * maxPixels, 1 << 26)
  )
    throw new DataError(`not a usable TIFF file: blocks of ${blockWidth} x ${blockHeight} pixels`, {
      where: file,
    });
}

/** Offsets and byte counts of a page's strips or tiles, checked to be there. */
async function blockTable(
  source: ByteSource,
  page: TiffPage,
  count: number,
): Promise<{ offsets: number[]; byteCounts: number[] }> {
  const { directory, tiled, compression, width, height, samples, bits } = page;
  const offsets = await fieldNumbers(directory, tiled ? TAG.tileOffsets : TAG.stripOffsets);
  let byteCounts = await fieldNumbers(directory, tiled ? TAG.tileByteCounts : TAG.stripByteCounts);
  // Old writers leave the byte counts out, or write zero for a single strip.
  const missing = byteCounts.length === 0 || (count === 1 && byteCounts[0] === 0 && offsets[0] > 0);
  if (missing && offsets.length >= count) {
    const ends = [...offsets, source.size].sort((a, b) => a - b);
    const whole = Math.ceil((width * samples * bits) / 8) * height;
    byteCounts = offsets.map((offset) => {
      const next = ends.find((end) => end > offset) ?? source.size;
      return compression === 1 && count === 1 ? Math.min(whole, source.size - offset) : next - offset;
    });
    presentField(directory, tiled ? TAG.tileByteCounts : TAG.stripByteCounts, byteCounts);
  }
  if (offsets.length < count || byteCounts.length < count)
    throw new DataError(
      `not a usable TIFF file: ${count} ${tiled ? 'tile' : 'strip'}s are needed, ${Math.min(offsets.length, byteCounts.length)} are listed`,
      { where: source.file },
    );
  return { offsets, byteCounts };
}

async function readBlocks(
  source: ByteSource,
  page: TiffPage,
  region: Region,
  take: (block: TiffBlock) => void,
): Promise<void> {
  const { width, height, blockWidth, blockHeight, planar, samples, tiled } = page;
  const across = Math.ceil(width / blockWidth);
  const down = Math.ceil(height / blockHeight);
  const planes = planar ? samples : 1;
  const channels = planar ? 1 : samples;
  const count = across * down * planes;
  const name = tiled ? 'tile' : 'strip';
  const { offsets, byteCounts } = await blockTable(source, page, count);
  const context: BlockContext = {
    page,
    jpegTables: Buffer.from(await fieldNumbers(page.directory, TAG.jpegTables)),
    columns: blockWidth,
    channels,
    rows: blockHeight,
  };
  const decoder = await blockDecoder(context);
  for (let plane = 0; plane < planes; plane++)
    for (let by = Math.floor(region.top / blockHeight); by * blockHeight < region.bottom; by++)
      for (let bx = Math.floor(region.left / blockWidth); bx * blockWidth < region.right; bx++) {
        const index = plane * across * down + by * across + bx;
        const [x, y] = [bx * blockWidth, by * blockHeight];
        // A strip ends with the image; a tile is stored whole.
        context.rows = tiled ? blockHeight : Math.min(blockHeight, height - y);
        const left = Math.max(x, region.left);
        const top = Math.max(y, region.top);
        const part = {
          x: left,
          y: top,
          columns: Math.min(x + blockWidth, region.right) - left,
          rows: Math.min(y + blockHeight, region.bottom) - top,
          stride: blockWidth,
          start: (top - y) * blockWidth + left - x,
          channels,
          channel: plane,
        };
        if (byteCounts[index] === 0 || offsets[index] === 0) {
          take({ ...part, data: undefined });
          continue;
        }
        try {
          requireInside(source, offsets[index], byteCounts[index]);
          const { data } = await page.directory.getTileOrStrip(bx, by, plane, decoder as never);
          take({ ...part, data: samplesOf(page, data as ArrayBuffer, context) });
        } catch (error) {
          if (error instanceof CytobenchError) throw error;
          const reason = (error as Error).message.split('\n')[0];
          throw new DataError(`${name} ${index + 1} of ${count} cannot be decoded: ${reason}`, {
            where: source.file,
            fix: 'Copy the file again from its source.',
            cause: error,
          });
        }
      }
}

function requireInside(source: ByteSource, offset: number, bytes: number): void {
  if (offset + bytes > source.size)
    throw new DataError(
      `truncated or damaged: bytes ${offset} to ${offset + bytes} are needed, the file has ${source.size}`,
      { where: source.file, fix: 'Copy it again from its source.' },
    );
}

function samplesOf(
  page: TiffPage,
  buffer: ArrayBuffer,
  { columns, rows, channels }: BlockContext,
): SampleArray {
  if (isSubsampled(page)) return spreadChroma(new Uint8Array(buffer), columns, rows, page.subsampling);
  return toSamples(page, buffer, columns * rows * channels);
}
