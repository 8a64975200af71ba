import { crc32 } from 'node:zlib';
import { readBytes } from '../../core/files';

/** What the chunks of a PNG file tell, once their checksums have been found right. */
export interface PngChunks {
  readonly bits: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly colourType: number;
  /** The file with a table of greys in place of its palette: a decoder then gives the numbers themselves. */
  numbers(): Buffer;
}

const SIGNATURE = 8;

/**
 * Walks through the chunks of a PNG file and compares their checksums (PNG 1.2, 5.3): decoders pass over a wrong one in
 * silence, and a flipped bit is another cell. Undefined, with the reason, for a file that is damaged.
 */
export function readPngChunks(file: string): PngChunks | string {
  const bytes = readBytes(file);
  let header: { bits: number; colourType: number } | undefined;
  const chunks: { type: string; start: number; end: number }[] = [];
  for (let at = SIGNATURE; at < bytes.length; ) {
    if (at + 12 > bytes.length) return 'is cut off';
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length) return 'is cut off';
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4))
      return `is damaged: the checksum of its ${/^[A-Za-z]{4}$/.test(type) ? type : 'next'} part is wrong`;
    if (type === 'IHDR' && length === 13) header = { bits: bytes[at + 16], colourType: bytes[at + 17] };
    chunks.push({ type, start: at, end });
    at = end;
    if (type === 'IEND') break;
  }
  if (!header || chunks[chunks.length - 1]?.type !== 'IEND') return 'is cut off';
  return {
    ...header,
    numbers: () =>
      Buffer.concat([
        bytes.subarray(0, SIGNATURE),
        ...chunks
          .filter(({ type }) => type !== 'tRNS' && type !== 'gAMA' && type !== 'sRGB' && type !== 'iCCP')
          .map(({ type, start, end }) => (type === 'PLTE' ? greyTable() : bytes.subarray(start, end))),
      ]),
  };
}

/** A palette of 256 greys: entry i is (i, i, i). */
function greyTable(): Buffer {
  const chunk = Buffer.alloc(12 + 768);
  chunk.writeUInt32BE(768, 0);
  chunk.write('PLTE', 4, 'latin1');
  for (let i = 0; i < 768; i++) chunk[8 + i] = Math.floor(i / 3);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 776)), 776);
  return chunk;
}
