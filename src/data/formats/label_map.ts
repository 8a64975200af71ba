import { DataError } from '../../core/errors';
import { detectFormat } from './detect';
import { checkSize, readHeader, unreadable } from './image';
import type { SampleArray } from './tiff/directory';
import { checkPage, DEFAULT_MAX_PIXELS, openTiff } from './tiff/read_tiff';

/** [height * width], row by row: 0 is background, every other value one instance. */
export type LabelMap = Uint16Array | Int32Array;

export interface ReadLabelMapOptions {
  /** Refuse more pixels than this, before memory is taken. Default 50 million. */
  readonly maxPixels?: number;
  /** Accept a map without a single instance. Default false. */
  readonly allowEmpty?: boolean;
}

/**
 * Reads one class file: TIFF of any integer or floating-point type, or PNG of 8 or 16 bits. Whole numbers only.
 * Errors (`DataError`) name the file: fractional, negative, NaN or infinite values with their place and number, more
 * than one channel, no instance at all, and everything `readImage` refuses.
 */
export async function readLabelMap(
  file: string,
  options: ReadLabelMapOptions = {},
): Promise<{ height: number; width: number; data: LabelMap }> {
  const { maxPixels = DEFAULT_MAX_PIXELS, allowEmpty = false } = options;
  const format = detectFormat(file);
  if (format === 'jpeg')
    throw new DataError('is a JPEG, which changes label values', {
      where: file,
      fix: 'Save masks as TIFF or PNG.',
    });
  const map = format === 'tiff' ? await readTiffMap(file, maxPixels) : await readPngMap(file, maxPixels);
  const { data } = map;
  let maximum = 0;
  for (let i = 0; i < data.length; i++) if (data[i] > maximum) maximum = data[i];
  if (maximum === 0 && !allowEmpty)
    throw new DataError('is all zero: it holds no instance', {
      where: file,
      fix: 'Delete the file: a class that does not occur has none.',
    });
  // Half the memory, and the type every later step is fastest with.
  return maximum <= 65535 && data instanceof Int32Array ? { ...map, data: Uint16Array.from(data) } : map;
}

async function readTiffMap(
  file: string,
  maxPixels: number,
): Promise<{ height: number; width: number; data: LabelMap }> {
  const tiff = openTiff(file);
  try {
    const [page] = tiff.pages;
    const { width, height, samples, bits, kind } = page;
    checkPage(file, page, maxPixels);
    checkChannels(file, samples);
    const small = kind === 'unsigned' && bits <= 16;
    const data = small ? new Uint16Array(width * height) : new Int32Array(width * height);
    const faults = small ? undefined : new Faults(width);
    await tiff.readBlocks(page, (block) => {
      for (let row = 0; row < block.rows; row++) {
        const from = row * block.stride;
        const to = (block.y + row) * width + block.x;
        const values = block.data.subarray(from, from + block.columns);
        if (faults) copyChecked(values, data, to, faults);
        else data.set(values, to);
      }
    });
    faults?.report(file);
    return { height, width, data };
  } finally {
    tiff.close();
  }
}

function checkChannels(file: string, channels: number): void {
  if (channels !== 1)
    throw new DataError(`has ${channels} channels; a mask has one, whose values number the instances`, {
      where: file,
      fix: 'Save the mask as a single-channel image.',
    });
}

/** Whole, not negative, and within 31 bits; anything else is counted. */
function copyChecked(values: SampleArray, data: LabelMap, to: number, faults: Faults): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    data[to + i] = value;
    if (data[to + i] !== value || value < 0) faults.add(value, to + i);
  }
}

/** What is wrong with the values of a map: the first place and the number of pixels of each kind. */
class Faults {
  private readonly kinds = new Map<string, { count: number; value: number; at: number }>();

  constructor(private readonly width: number) {}

  add(value: number, at: number): void {
    const kind = faultKind(value);
    const entry = this.kinds.get(kind);
    if (entry) entry.count++;
    else this.kinds.set(kind, { count: 1, value, at });
  }

  report(file: string): void {
    if (this.kinds.size === 0) return;
    const parts = [...this.kinds].map(([kind, { count, value, at }]) => {
      const place = `x ${at % this.width}, y ${Math.floor(at / this.width)}`;
      return `${count} ${kind} value${count === 1 ? '' : 's'} (first: ${value} at ${place})`;
    });
    throw new DataError(`holds ${parts.join(' and ')}`, {
      where: file,
      fix: 'Instance numbers are whole numbers from 0 (background) to 2147483647.',
    });
  }
}

function faultKind(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return 'infinite';
  if (value < 0) return 'negative';
  return Number.isInteger(value) ? 'too large' : 'fractional';
}

async function readPngMap(
  file: string,
  maxPixels: number,
): Promise<{ height: number; width: number; data: LabelMap }> {
  const header = await readHeader(file);
  checkSize(file, header, maxPixels);
  checkChannels(file, header.channels);
  const { default: sharp } = await import('sharp');
  try {
    const input = sharp(file, { limitInputPixels: maxPixels, failOn: 'truncated', ignoreIcc: true });
    const grey = header.sixteen
      ? input.pipelineColourspace('grey16').toColourspace('grey16')
      : input.toColourspace('b-w');
    const bytes = await grey.raw({ depth: header.sixteen ? 'ushort' : 'uchar' }).toBuffer();
    const data = header.sixteen
      ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2).slice()
      : Uint16Array.from(bytes);
    return { height: header.height, width: header.width, data };
  } catch (error) {
    throw unreadable(file, error);
  }
}
