import type { ByteFile } from './byte_file';

/** Where a stored (uncompressed) entry of a zip file lies. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Position of the entry's local header. */
  readonly header: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

/**
 * The entries of a zip file, by name, from its central directory. Only stored entries: `torch.save` compresses
 * none, and a file that is not unpacked cannot unpack to more than it is. Source: PKWARE APPNOTE 4.3.
 */
export function readZipEntries(file: ByteFile): Map<string, ZipEntry> {
  const { offset, size, count } = findDirectory(file);
  const directory = buffer(file, offset, size);
  const entries = new Map<string, ZipEntry>();
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw file.fail('the zip directory is damaged');
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    if (extraEnd > directory.length) throw file.fail('the zip directory is damaged');
    const name = directory.toString('utf8', at + 46, nameEnd);
    const sizes = { packed: directory.readUInt32LE(at + 20), size: directory.readUInt32LE(at + 24) };
    const wide = readWide(directory, nameEnd, extraEnd, {
      ...sizes,
      header: directory.readUInt32LE(at + 42),
    });
    const method = directory.readUInt16LE(at + 10);
    if (method !== 0 || wide.packed !== wide.size)
      throw file.fail(
        `the entry "${name.slice(0, 80)}" of the zip file is compressed`,
        'Save it again with torch.save, which compresses nothing.',
      );
    entries.set(name, { name, size: wide.size, header: wide.header });
    at = extraEnd + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** Position of the first byte of an entry's content; the whole content lies inside the file. */
export function locateEntry(file: ByteFile, entry: ZipEntry): number {
  const header = buffer(file, entry.header, 30);
  if (header.readUInt32LE(0) !== LOCAL) throw file.fail(`the zip entry "${entry.name}" is damaged`);
  const start = entry.header + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.size > file.size)
    throw file.fail(`the file is cut or damaged: its entry "${entry.name}" ends after the file does`);
  return start;
}

function findDirectory(file: ByteFile): { offset: number; size: number; count: number } {
  const tailSize = Math.min(file.size, 22 + 65535);
  const tailStart = file.size - tailSize;
  const tail = buffer(file, tailStart, tailSize);
  let at = tailSize - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0)
    throw file.fail(
      'the file is cut or damaged: a zip file without its directory',
      'Copy or download it again.',
    );
  const plain = {
    count: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  if (plain.count !== 0xffff && plain.size !== 0xffffffff && plain.offset !== 0xffffffff) return plain;
  const locator = buffer(file, tailStart + at - 20, 20);
  if (locator.readUInt32LE(0) !== LOCATOR64) return plain;
  const end = buffer(file, wideNumber(locator, 8), 56);
  if (end.readUInt32LE(0) !== END64) throw file.fail('the zip directory is damaged');
  return { count: wideNumber(end, 32), size: wideNumber(end, 40), offset: wideNumber(end, 48) };
}

/** Sizes and position as the zip64 extra field gives them, where the plain fields are full. */
function readWide(
  directory: Buffer,
  start: number,
  end: number,
  plain: { packed: number; size: number; header: number },
): { packed: number; size: number; header: number } {
  for (let at = start; at + 4 <= end; ) {
    const next = at + 4 + directory.readUInt16LE(at + 2);
    if (directory.readUInt16LE(at) === 1 && next <= end) {
      let field = at + 4;
      const take = (value: number): number => {
        if (value !== 0xffffffff || field + 8 > next) return value;
        field += 8;
        return wideNumber(directory, field - 8);
      };
      const size = take(plain.size);
      const packed = take(plain.packed);
      return { size, packed, header: take(plain.header) };
    }
    at = next;
  }
  return plain;
}

/** A 64-bit number; beyond 2^53 it is no longer exact, and far outside any file. */
function wideNumber(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function buffer(file: ByteFile, offset: number, length: number): Buffer {
  const bytes = file.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
