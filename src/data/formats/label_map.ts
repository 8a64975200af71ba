import { DataError } from '../../core/errors';
import { connectedComponents } from '../../geometry/components';
import { detectFormat } from './detect';
import type { Raster } from './image_format';
import { DEFAULT_MAX_PIXELS } from './tiff/read_tiff';

/** [height * width], row by row: 0 is background, every other value one instance. */
export type LabelMap = Uint16Array | Int32Array;

export interface ReadLabelMapOptions {
  /** Refuse more pixels than this, before memory is taken. Default 50 million. */
  readonly maxPixels?: number;
  /** Accept a map without a single instance. Default false. */
  readonly allowEmpty?: boolean;
  /** A plane of a stack, from 1. Default: the first, which `notes` tells. */
  readonly plane?: number;
  /**
   * What is done with colours: `refuse` them; take three equal channels as `grey`; or every colour `by-colour` as one
   * number, black (else the commonest) being the background. Default `refuse`.
   */
  readonly colours?: 'refuse' | 'grey' | 'by-colour';
  /** Connected pixels of one value are an instance each, whatever the value. Default false. */
  readonly components?: boolean;
}

/** A label map with what is to be told of it. */
export interface ReadLabels {
  readonly height: number;
  readonly width: number;
  readonly data: LabelMap;
  readonly notes: readonly string[];
}

/**
 * Reads one class file: TIFF of any integer or floating-point type, or PNG of 1 to 16 bits. Whole numbers only; of an
 * indexed image the numbers, not their colours.
 * Errors (`DataError`) name the file: fractional, negative, NaN or infinite values with their place and number, more
 * than one channel, no instance at all, and everything `readImage` refuses.
 */
export async function readLabelMap(file: string, options: ReadLabelMapOptions = {}): Promise<ReadLabels> {
  const { maxPixels = DEFAULT_MAX_PIXELS, allowEmpty = false, components = false } = options;
  const format = detectFormat(file);
  if (!format.exact)
    throw new DataError(`is a ${format.name}, which changes label values`, {
      where: file,
      fix: 'Save masks as TIFF or PNG.',
    });
  const opened = await format.open(file);
  try {
    // One mask for all planes of its image.
    const plane = opened.planes === 1 ? undefined : options.plane;
    const raster = await opened.read({ raw: true, plane, maxPixels });
    const { width, height } = raster;
    const notes = opened.notes({ plane, channels: [] });
    if (raster.indexed) notes.push('is an indexed image: the numbers of its colours are taken as instances');
    let data = raster.channels === 1 ? wholeNumbers(file, raster) : fromColours(file, raster, options, notes);
    if (components) data = compact(connectedComponents(data, height, width).labels);
    if (!allowEmpty && !data.some((value) => value !== 0))
      throw new DataError('is all zero: it holds no instance', {
        where: file,
        fix: 'Delete the file: a class that does not occur has none.',
      });
    return { width, height, data: compact(data), notes };
  } finally {
    opened.close();
  }
}

/** Half the memory where that is enough, and the type every later step is fastest with. */
function compact(data: LabelMap): LabelMap {
  if (data instanceof Uint16Array) return data;
  let maximum = 0;
  for (let i = 0; i < data.length; i++) if (data[i] > maximum) maximum = data[i];
  return maximum <= 65535 ? Uint16Array.from(data) : data;
}

/** Numbers of another reader as a label map. Errors name the file and what is no instance number. */
export function checkedLabels(
  file: string,
  raster: Pick<Raster, 'data' | 'width' | 'bits' | 'kind'>,
): LabelMap {
  return compact(wholeNumbers(file, raster));
}

/** The values as they are. Errors tell every kind of value that is no instance number. */
function wholeNumbers(
  file: string,
  { data: values, width, bits, kind }: Pick<Raster, 'data' | 'width' | 'bits' | 'kind'>,
): LabelMap {
  if (kind === 'unsigned' && bits <= 16)
    return values instanceof Uint16Array ? values : Uint16Array.from(values as Uint8Array);
  const data = new Int32Array(values.length);
  const faults = new Faults(width);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    data[i] = value;
    if (data[i] !== value || value < 0) faults.add(value, i);
  }
  faults.report(file);
  return data;
}

/** Several channels: grey in all of them, or a number for every colour. */
function fromColours(
  file: string,
  { data, channels }: Raster,
  { colours = 'refuse' }: ReadLabelMapOptions,
  notes: string[],
): LabelMap {
  const pixels = data.length / channels;
  const grey = channels === 3 && isGrey(data);
  if (colours === 'refuse' || channels !== 3 || (colours === 'grey' && !grey)) {
    const many = channels === 3 && !grey ? ` (${countColours(data)} colours)` : '';
    throw new DataError(
      `has ${channels} channels${many}; a mask has one, whose values number the instances`,
      {
        where: file,
        fix:
          channels === 3
            ? 'Save the mask as a single-channel image; where each cell has a colour, use data import labels --by-colour.'
            : 'Save the mask as a single-channel image.',
      },
    );
  }
  if (colours === 'grey') {
    notes.push('is grey in three equal channels: one of them is taken as the instances');
    return Uint16Array.from({ length: pixels }, (_, p) => data[3 * p]);
  }
  return numberColours(data, pixels);
}

function isGrey(data: ArrayLike<number>): boolean {
  for (let i = 0; i < data.length; i += 3)
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

const colourAt = (data: ArrayLike<number>, i: number): number =>
  (data[i] * 65536 + data[i + 1]) * 65536 + data[i + 2];

function countColours(data: ArrayLike<number>): string {
  const seen = new Set<number>();
  for (let i = 0; i < data.length; i += 3) {
    seen.add(colourAt(data, i));
    if (seen.size > 9999) return 'over 9999';
  }
  return String(seen.size);
}

/** 1..n by the first pixel of each colour; 0 is black, else the commonest. */
function numberColours(data: ArrayLike<number>, pixels: number): LabelMap {
  const counts = new Map<number, number>();
  for (let p = 0; p < pixels; p++) {
    const colour = colourAt(data, 3 * p);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const background = counts.has(0) ? 0 : [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  counts.delete(background);
  const numbers = new Map([...counts.keys()].map((colour, i) => [colour, i + 1]));
  const out = numbers.size <= 65535 ? new Uint16Array(pixels) : new Int32Array(pixels);
  for (let p = 0; p < pixels; p++) out[p] = numbers.get(colourAt(data, 3 * p)) ?? 0;
  return out;
}

/** Up to this many different numbers a map may be a picture of something else than instances. */
const FEW = 8;

/**
 * What a map looks like where its numbers are hardly instances: one number in several pieces (a mask of 0 and 255), or
 * a few numbers in many pieces each (a map of classes). Undefined for what looks sound.
 */
export function doubtOfMap(data: LabelMap, height: number, width: number): string | undefined {
  const numbers = new Set<number>();
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0 || (i > 0 && data[i] === data[i - 1])) continue;
    numbers.add(data[i]);
    if (numbers.size > FEW) return undefined;
  }
  if (numbers.size === 0) return undefined;
  const { count } = connectedComponents(data, height, width);
  if (numbers.size === 1 && count > 1)
    return `one number (${[...numbers][0]}) in ${count} separate pieces: a binary mask? (data import labels --components makes each piece a cell)`;
  if (numbers.size > 1 && count >= 5 * numbers.size)
    return `${numbers.size} numbers in ${count} separate pieces: a map of classes? (data import labels --components makes each piece a cell)`;
  return undefined;
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
