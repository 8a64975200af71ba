import { CytobenchError, DataError } from '../../../core/errors';
import { type ByteSource, openByteSource } from './byte_source';
import { decodeBlock } from './decode_block';
import { readDirectories, type SampleArray, type TiffPage } from './directory';

/** Most pixels an image or mask may claim unless a caller allows more: under 1 GB even as 64-bit floats. */
export const DEFAULT_MAX_PIXELS = 50_000_000;

/** A decoded strip or tile, cut to the image, on its way into the caller's array. */
export interface TiffBlock {
  /** Left and top in the image, pixels, and the part of the block that is in the image. */
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  /** Pixels of a row as stored: `columns` or more. */
  readonly stride: number;
  /** Interleaved channels in `data`; 1 where they are stored apart. */
  readonly channels: number;
  /** The first channel in `data`. */
  readonly channel: number;
  readonly data: SampleArray;
}

/** An open TIFF file: its pages, and a way through the blocks of one. */
export interface TiffFile {
  readonly pages: readonly TiffPage[];
  /** Decodes block by block, top to bottom. Errors name the file and the strip or tile. */
  readBlocks(page: TiffPage, take: (block: TiffBlock) => void): Promise<void>;
  close(): void;
}

/** Opens a TIFF or BigTIFF file and reads its directories, nothing else. */
export function openTiff(file: string): TiffFile {
  const source = openByteSource(file);
  try {
    const pages = readDirectories(source);
    return { pages, readBlocks: (page, take) => readBlocks(source, page, take), close: () => source.close() };
  } catch (error) {
    source.close();
    throw error;
  }
}

/** Refuses a page that claims more pixels than allowed or a sample size that cannot be: before memory is taken. */
export function checkPage(file: string, page: TiffPage, maxPixels: number): void {
  const { width, height, blockWidth, blockHeight, bits } = page;
  if (width * height > maxPixels)
    throw new DataError(`claims ${width} x ${height} pixels, more than the limit of ${maxPixels}`, {
      where: file,
      fix: 'Cut the image into tiles, or raise the limit (maxPixels) if the size is true.',
    });
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64)
    throw new DataError(`${bits}-bit samples are not supported (8, 16, 32 and 64 are)`, { where: file });
  if (
    !(blockWidth > 0 && blockHeight > 0) ||
    blockWidth * blockHeight > Math.max(4 * width * height, 1 << 22)
  )
    throw new DataError(`not a usable TIFF file: blocks of ${blockWidth} x ${blockHeight} pixels`, {
      where: file,
    });
}

async function readBlocks(
  source: ByteSource,
  page: TiffPage,
  take: (block: TiffBlock) => void,
): Promise<void> {
  const { width, height, blockWidth, blockHeight, planar, samples } = page;
  const across = Math.ceil(width / blockWidth);
  const down = Math.ceil(height / blockHeight);
  const planes = planar ? samples : 1;
  const channels = planar ? 1 : samples;
  const count = across * down * planes;
  const offsets = page.offsets();
  let byteCounts = page.byteCounts();
  const name = page.tiled ? 'tile' : 'strip';
  // Old writers leave the byte count of a single uncompressed strip out.
  if (byteCounts.length === 0 && count === 1)
    byteCounts = [
      page.compression === 1 ? (width * height * channels * page.bits) / 8 : source.size - offsets[0],
    ];
  if (offsets.length < count || byteCounts.length < count)
    throw new DataError(
      `not a usable TIFF file: ${count} ${name}s are needed, ${offsets.length} are listed`,
      {
        where: source.file,
      },
    );
  for (let index = 0; index < count; index++) {
    const inPlane = index % (across * down);
    const x = (inPlane % across) * blockWidth;
    const y = Math.floor(inPlane / across) * blockHeight;
    const rows = Math.min(blockHeight, height - y);
    // A strip ends with the image; a tile is stored whole.
    const shape = { rows: page.tiled ? blockHeight : rows, columns: blockWidth, channels };
    const columns = Math.min(blockWidth, width - x);
    try {
      const data = await decodeBlock(page, source.read(offsets[index], byteCounts[index]), shape);
      take({
        x,
        y,
        columns,
        rows,
        stride: blockWidth,
        channels,
        channel: planar ? Math.floor(index / (across * down)) : 0,
        data,
      });
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
