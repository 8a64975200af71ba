import { DataError } from '../../../core/errors';
import type { ByteSource } from './byte_source';

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

// TIFF 6.0 (Adobe, 1992) sections 2, 8, 15; BigTIFF: 8-byte offsets and counts, magic 43.

/** Bytes of one value of a field type; 0 for a type that does not exist. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

const MAX_PAGES = 256;
const MAX_ENTRIES = 4096;

type Fields = Map<number, () => number[]>;

interface Layout {
  readonly source: ByteSource;
  readonly little: boolean;
  readonly big: boolean;
}

/** The pages (IFDs) of a TIFF file in order, sub-IFDs (pyramid levels of OME-TIFF) behind their parent. */
export function readDirectories(source: ByteSource): TiffPage[] {
  const head = source.read(0, Math.min(16, source.size));
  if (head.length < 8) throw damaged(source, 'too short for a TIFF header');
  const little = head.toString('latin1', 0, 2) === 'II';
  const magic = little ? head.readUInt16LE(2) : head.readUInt16BE(2);
  if (magic === 43 && head.length < 16) throw damaged(source, 'too short for a BigTIFF header');
  const layout: Layout = { source, little, big: magic === 43 };
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  let offset = layout.big ? integer64(head, 8, little) : little ? head.readUInt32LE(4) : head.readUInt32BE(4);
  if (offset === 0) throw damaged(source, 'holds no image (no directory)');
  while (offset !== 0 && pages.length < MAX_PAGES) {
    if (seen.has(offset)) throw damaged(source, 'its directories form a loop');
    seen.add(offset);
    const { fields, next } = readFields(layout, offset);
    pages.push(describePage(layout, fields));
    for (const child of fields.get(330)?.() ?? []) {
      if (seen.has(child) || pages.length >= MAX_PAGES) continue;
      seen.add(child);
      pages.push(describePage(layout, readFields(layout, child).fields));
    }
    offset = next;
  }
  return pages;
}

function readFields(layout: Layout, offset: number): { fields: Fields; next: number } {
  const { source, little, big } = layout;
  const head = source.read(offset, big ? 8 : 2);
  const count = big ? integer64(head, 0, little) : little ? head.readUInt16LE(0) : head.readUInt16BE(0);
  if (count === 0 || count > MAX_ENTRIES) throw damaged(source, `a directory of ${count} entries cannot be`);
  const entryBytes = big ? 20 : 12;
  const offsetBytes = big ? 8 : 4;
  const entries = source.read(offset + head.length, count * entryBytes);
  const fields: Fields = new Map();
  for (let i = 0; i < count; i++) {
    const at = i * entryBytes;
    const tag = unsigned(entries, at, 2, little);
    const type = unsigned(entries, at + 2, 2, little);
    const n = big ? integer64(entries, at + 4, little) : unsigned(entries, at + 4, 4, little);
    const valueAt = at + (big ? 12 : 8);
    // Values are read only when asked for: an unknown private field may claim anything.
    fields.set(tag, () => {
      const bytes = (TYPE_BYTES[type] ?? 0) * n;
      if (bytes === 0) return [];
      const values =
        bytes <= offsetBytes
          ? entries.subarray(valueAt, valueAt + bytes)
          : source.read(
              big ? integer64(entries, valueAt, little) : unsigned(entries, valueAt, 4, little),
              bytes,
            );
      return decodeValues(values, type, n, little);
    });
  }
  const nextAt = offset + head.length + count * entryBytes;
  // A file cut right behind its last directory has lost nothing that is needed.
  const next =
    nextAt + offsetBytes > source.size ? 0 : readOffset(source.read(nextAt, offsetBytes), big, little);
  return { fields, next };
}

function readOffset(bytes: Buffer, big: boolean, little: boolean): number {
  return big ? integer64(bytes, 0, little) : unsigned(bytes, 0, 4, little);
}

function decodeValues(bytes: Buffer, type: number, count: number, little: boolean): number[] {
  const size = TYPE_BYTES[type];
  const out: number[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * size;
    if (type === 5) {
      out[i] = unsigned(bytes, at, 4, little) / unsigned(bytes, at + 4, 4, little);
    } else if (type === 11) out[i] = little ? bytes.readFloatLE(at) : bytes.readFloatBE(at);
    else if (type === 12) out[i] = little ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at);
    else if (size === 8) out[i] = integer64(bytes, at, little);
    else out[i] = unsigned(bytes, at, size, little);
  }
  return out;
}

function unsigned(bytes: Buffer, at: number, size: number, little: boolean): number {
  return little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
}

function integer64(bytes: Buffer, at: number, little: boolean): number {
  return Number(little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
}

function describePage({ source, little }: Layout, fields: Fields): TiffPage {
  const list = (tag: number): number[] => fields.get(tag)?.() ?? [];
  const first = (tag: number, fallback: number): number => list(tag)[0] ?? fallback;
  const width = first(256, 0);
  const height = first(257, 0);
  if (!(width > 0 && height > 0)) throw damaged(source, `claims a size of ${width} x ${height} pixels`);
  const tiled = fields.has(324) || fields.has(322);
  const bits = first(258, 1);
  const samples = first(277, 1);
  if (list(258).some((value) => value !== bits))
    throw damaged(source, 'its channels have different bit depths');
  if (samples < 1 || samples > 64) throw damaged(source, `claims ${samples} channels`);
  return {
    width,
    height,
    samples,
    bits,
    kind: sampleKind(source, first(339, 1)),
    compression: first(259, 1),
    predictor: first(317, 1),
    photometric: first(262, 1),
    planar: first(284, 1) === 2,
    little,
    tiled,
    blockWidth: tiled ? first(322, width) : width,
    blockHeight: tiled ? first(323, height) : Math.min(first(278, height), height),
    // Read by the decoder once the size has been accepted.
    offsets: () => list(tiled ? 324 : 273),
    byteCounts: () => list(tiled ? 325 : 279),
    jpegTables: () => Buffer.from(list(347)),
    reduced: (first(254, 0) & 1) === 1,
    description: () => Buffer.from(list(270)).toString('latin1').replace(/\0+$/, ''),
  };
}

function sampleKind(source: ByteSource, format: number): SampleKind {
  if (format === 1 || format === 4) return 'unsigned';
  if (format === 2) return 'signed';
  if (format === 3) return 'float';
  throw damaged(source, `sample format ${format} is not supported (complex numbers?)`);
}

function damaged(source: ByteSource, what: string): DataError {
  return new DataError(`not a usable TIFF file: ${what}`, { where: source.file });
}
