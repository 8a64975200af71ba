// The one place where geotiff is met: opening a file, its directories, and what geotiff 3.0.5 gets wrong.
//
// Faults of 3.0.5, each with a test in tests/data/formats/geotiff_faults.test.ts that fails once geotiff has mended it:
// 1. Long lists of a big-endian file (offsets of strips) are read as little-endian: such files are parsed eagerly.
// 2. Memory is taken for as many values as a directory claims: `checkDirectory` looks at the claims first.
// 3. Directories that form a loop are followed for ever: the walk here remembers where it has been.
// 4. Differences (predictor 2) of big-endian samples are added in the wrong byte order, and not at all for 64 bits:
//    our decoders (codecs.ts) undo them and hand on samples in the machine's order.
// 5. 64-bit integers are unknown: their directory is shown to geotiff as one of 64-bit floats, which it hands on
//    byte for byte.
// 6. Without BitsPerSample there are no bits at all (TIFF 6.0: one).
// 7. Of a list of fractions every other one is read: they are read here and put in their place.
// 8. Of two descriptions (tifffile adds its own) the last one is kept: the first is put in its place.
import type { GeoTIFFImage } from 'geotiff';
import { CytobenchError, DataError } from '../../../core/errors';
import type { ByteSource } from './byte_source';

/** A directory of a file as geotiff sees it. */
export type Directory = GeoTIFFImage;

export interface OpenedTiff {
  readonly little: boolean;
  /** In the order of the file, sub-directories behind their parent. */
  readonly directories: readonly Directory[];
}

/** More images than this no file of a microscope has. */
const MAX_DIRECTORIES = 20_000;
const MAX_ENTRIES = 4096;
const SUB_DIRECTORIES = 330;
const DESCRIPTION = 270;
const RATIONAL = 5;
/** Resolutions are one, the whites and blacks of YCbCr six. */
const MOST_FRACTIONS = 16;
/** Bytes of one value of a field type (TIFF 6.0 section 2, BigTIFF); 0 for a type that does not exist. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

interface Layout {
  readonly source: ByteSource;
  readonly little: boolean;
  readonly big: boolean;
}

/** What geotiff's own types leave out. */
interface Parser {
  eager: boolean;
  parseFileDirectoryAt(offset: number): Promise<ConstructorParameters<typeof GeoTIFFImage>[0]>;
}

/** Reads the directories of a TIFF or BigTIFF file through geotiff; pixels stay where they are. */
export async function openDirectories(source: ByteSource): Promise<OpenedTiff> {
  const layout = readHeader(source);
  const { GeoTIFF, GeoTIFFImage: Image } = await import('geotiff');
  const adapter = new SourceAdapter(source);
  const tiff = await asDamage(source, () => GeoTIFF.fromSource(adapter as never));
  const parser = tiff.parser as unknown as Parser;
  parser.eager = !layout.little;
  const directories: Directory[] = [];
  const seen = new Set<number>();
  let claimed = 0;
  const add = async (offset: number): Promise<{ image: Directory; next: number }> => {
    seen.add(offset);
    const checked = checkDirectory(layout, offset);
    claimed += checked.claimed;
    if (claimed > 4 * source.size + 1e6)
      throw damaged(source, `its directories claim more bytes than the file has (${source.size})`);
    const directory = await parser.parseFileDirectoryAt(offset);
    const image = new Image(directory, layout.little, false, adapter as never);
    for (const [tag, fractions] of checked.fractions) presentField(image, tag, fractions);
    if (checked.description !== undefined) presentField(image, DESCRIPTION, checked.description);
    directories.push(image);
    return { image, next: directory.nextIFDByteOffset };
  };
  await asDamage(source, async () => {
    for (let offset = tiff.firstIFDOffset; offset !== 0; ) {
      if (seen.has(offset)) throw damaged(source, 'its directories form a loop');
      if (directories.length >= MAX_DIRECTORIES)
        throw damaged(source, `it has more than ${MAX_DIRECTORIES} directories`);
      const { image, next } = await add(offset);
      for (const child of numbers(await image.fileDirectory.loadValue(SUB_DIRECTORIES)))
        if (!seen.has(child) && directories.length < MAX_DIRECTORIES) await add(child);
      offset = next;
    }
  });
  if (directories.length === 0) throw damaged(source, 'holds no image (no directory)');
  return { little: layout.little, directories };
}

/** What geotiff throws is about the file: one line that names it. */
async function asDamage<T>(source: ByteSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CytobenchError) throw error;
    throw damaged(source, (error as Error).message.split('\n')[0], error);
  }
}

/** The values of a field as numbers; none: an empty list. */
export function numbers(value: unknown): number[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'number' || typeof value === 'bigint') return [Number(value)];
  if (typeof value === 'string') return [];
  return Array.from(value as ArrayLike<number>, Number);
}

/** Puts a value in the place of a field, for geotiff's own use (faults 5 and 6, missing byte counts). */
export function presentField(directory: Directory, tag: number, value: ArrayLike<number> | string): void {
  const { fileDirectory } = directory as unknown as {
    fileDirectory: {
      actualizedFields: Map<number, unknown>;
      deferredFields: Map<number, unknown>;
      deferredArrays: Map<number, unknown>;
    };
  };
  fileDirectory.deferredFields.delete(tag);
  fileDirectory.deferredArrays.delete(tag);
  fileDirectory.actualizedFields.set(tag, value);
}

function readHeader(source: ByteSource): Layout {
  const head = source.read(0, Math.min(16, source.size));
  if (head.length < 8) throw damaged(source, 'too short for a TIFF header');
  const little = head.toString('latin1', 0, 2) === 'II';
  const big = (little ? head.readUInt16LE(2) : head.readUInt16BE(2)) === 43;
  if (big && head.length < 16) throw damaged(source, 'too short for a BigTIFF header');
  return { source, little, big };
}

/**
 * Looks at a directory before geotiff does: the number of its entries, their types, and that the values they claim
 * are in the file. Returns the bytes of the values that are outside the directory, its fractions (numerators and
 * denominators in turn), and the first of several descriptions.
 */
function checkDirectory(
  { source, little, big }: Layout,
  offset: number,
): { claimed: number; fractions: Map<number, number[]>; description?: string } {
  const head = source.read(offset, big ? 8 : 2);
  const number = (bytes: Buffer, at: number, size: number): number =>
    size === 8
      ? Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at))
      : little
        ? bytes.readUIntLE(at, size)
        : bytes.readUIntBE(at, size);
  const count = number(head, 0, head.length);
  if (count === 0 || count > MAX_ENTRIES) throw damaged(source, `a directory of ${count} entries cannot be`);
  const [entryBytes, offsetBytes] = big ? [20, 8] : [12, 4];
  const entries = source.read(offset + head.length, count * entryBytes);
  let claimed = 0;
  const fractions = new Map<number, number[]>();
  const descriptions: { start: number; bytes: number }[] = [];
  for (let at = 0; at < entries.length; at += entryBytes) {
    const tag = number(entries, at, 2);
    const type = number(entries, at + 2, 2);
    const values = number(entries, at + 4, offsetBytes);
    const size = TYPE_BYTES[type] ?? 0;
    if (size === 0) throw damaged(source, `field ${tag} is of an unknown type (${type})`);
    const bytes = size * values;
    const valuesAt = at + 4 + offsetBytes;
    if (type === RATIONAL && values <= MOST_FRACTIONS) {
      const outside = bytes > offsetBytes;
      const from = number(entries, valuesAt, offsetBytes);
      const held = !outside
        ? entries.subarray(valuesAt, valuesAt + bytes)
        : from + bytes <= source.size
          ? source.read(from, bytes)
          : Buffer.alloc(0);
      fractions.set(
        tag,
        Array.from({ length: held.length / 4 }, (_, i) => number(held, 4 * i, 4)),
      );
    }
    if (bytes <= offsetBytes) continue;
    const start = number(entries, valuesAt, offsetBytes);
    if (start + bytes > source.size)
      throw new DataError(
        `truncated or damaged: field ${tag} is said to end at byte ${start + bytes}, the file has ${source.size}`,
        { where: source.file, fix: 'Copy it again from its source.' },
      );
    claimed += bytes;
    if (tag === DESCRIPTION) descriptions.push({ start, bytes });
  }
  if (descriptions.length < 2) return { claimed, fractions };
  const [{ start, bytes }] = descriptions;
  return { claimed, fractions, description: source.read(start, bytes).toString('utf8') };
}

/** A byte source as geotiff asks for one: what it reads beyond the end is cut, or zero behind a last directory. */
class SourceAdapter {
  constructor(private readonly source: ByteSource) {}

  async fetch(slices: readonly { offset: number; length: number }[]): Promise<ArrayBuffer[]> {
    return slices.map(({ offset, length }) => {
      const { size } = this.source;
      // geotiff asks for a fixed piece wherever a directory may be. Eight bytes of zero behind the file stand for the
      // position of a next directory: a file that is cut there has lost nothing.
      const held = Math.min(length, Math.max(0, size - offset));
      const out = new Uint8Array(Math.min(length, held + 8));
      out.set(this.source.read(Math.min(offset, size), held));
      return out.buffer;
    });
  }

  get fileSize(): number {
    return this.source.size;
  }

  async close(): Promise<void> {}
}

/** A file that claims to be TIFF and is not usable as one. */
export function damaged(source: ByteSource, what: string, cause?: unknown): DataError {
  return new DataError(`not a usable TIFF file: ${what}`, { where: source.file, cause });
}
