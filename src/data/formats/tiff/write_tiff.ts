import { deflateSync } from 'node:zlib';
import { writeFileAtomic } from '../../../core/files';

export type WritableSamples = Uint8Array | Uint16Array | Int32Array | Float32Array | Float64Array;

export interface WriteTiffOptions {
  readonly width: number;
  readonly height: number;
  /** 1 grey or labels, 3 RGB, 4 RGBA. */
  readonly channels?: 1 | 3 | 4;
  /** Default: deflate. */
  readonly compression?: 'none' | 'deflate';
  readonly description?: string;
}

const STRIP_BYTES = 1 << 18;

/**
 * Writes one image as a TIFF file (little-endian, strips, Deflate with horizontal differences for integers), whole or
 * not at all. The same samples give the same bytes.
 *
 * @param data [height * width * channels], interleaved.
 */
export function writeTiff(file: string, data: WritableSamples, options: WriteTiffOptions): void {
  writeFileAtomic(file, encodeTiff(data, options));
}

/** The bytes of that file. */
export function encodeTiff(data: WritableSamples, options: WriteTiffOptions): Uint8Array {
  const { width, height, channels = 1, compression = 'deflate', description } = options;
  const size = data.BYTES_PER_ELEMENT;
  const float = data instanceof Float32Array || data instanceof Float64Array;
  const predictor = compression === 'deflate' && !float ? 2 : 1;
  const row = width * channels;
  const rowsPerStrip = Math.max(1, Math.min(height, Math.floor(STRIP_BYTES / (row * size))));
  const strips: Uint8Array[] = [];
  for (let y = 0; y < height; y += rowsPerStrip) {
    const part = data.subarray(y * row, Math.min(height, y + rowsPerStrip) * row);
    if (compression === 'none') strips.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    else {
      const kept = predictor === 2 ? differences(part as Uint8Array, row, channels) : part;
      strips.push(deflateSync(new Uint8Array(kept.buffer, kept.byteOffset, kept.byteLength), { level: 6 }));
    }
  }
  const entries: Entry[] = [
    { tag: 256, type: LONG, values: [width] },
    { tag: 257, type: LONG, values: [height] },
    { tag: 258, type: SHORT, values: new Array<number>(channels).fill(size * 8) },
    { tag: 259, type: SHORT, values: [compression === 'none' ? 1 : 8] },
    { tag: 262, type: SHORT, values: [channels === 1 ? 1 : 2] },
    ...(description ? [{ tag: 270, type: ASCII, values: [...Buffer.from(`${description}\0`)] }] : []),
    { tag: 273, type: LONG, values: new Array<number>(strips.length).fill(0) },
    { tag: 277, type: SHORT, values: [channels] },
    { tag: 278, type: LONG, values: [rowsPerStrip] },
    { tag: 279, type: LONG, values: strips.map((strip) => strip.length) },
    { tag: 284, type: SHORT, values: [1] },
    ...(predictor === 2 ? [{ tag: 317, type: SHORT, values: [2] }] : []),
    // Associated alpha is 1, other 0; 2 is plain (unassociated) alpha.
    ...(channels === 4 ? [{ tag: 338, type: SHORT, values: [2] }] : []),
    {
      tag: 339,
      type: SHORT,
      values: new Array<number>(channels).fill(float ? 3 : data instanceof Int32Array ? 2 : 1),
    },
  ];
  return assemble(entries, strips);
}

function differences(part: Uint8Array, row: number, step: number): Uint8Array {
  const out = part.slice();
  for (let start = 0; start < out.length; start += row)
    for (let i = start + row - 1; i >= start + step; i--) out[i] -= out[i - step];
  return out;
}

interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly values: number[];
}

const ASCII = 2;
const SHORT = 3;
const LONG = 4;
const BYTES: Record<number, number> = { [ASCII]: 1, [SHORT]: 2, [LONG]: 4 };

/** Header, directory, long values, strips. */
function assemble(entries: readonly Entry[], strips: readonly Uint8Array[]): Uint8Array {
  const directoryAt = 8;
  let at = directoryAt + 2 + entries.length * 12 + 4;
  const longAt = entries.map(({ type, values }) => {
    const bytes = values.length * BYTES[type];
    if (bytes <= 4) return 0;
    const here = at;
    at += bytes + (bytes & 1);
    return here;
  });
  const offsets = entries.find((entry) => entry.tag === 273)!.values;
  let stripAt = at;
  for (let i = 0; i < strips.length; i++) {
    offsets[i] = stripAt;
    stripAt += strips[i].length;
  }
  const out = Buffer.alloc(stripAt);
  out.write('II', 0, 'latin1');
  out.writeUInt16LE(42, 2);
  out.writeUInt32LE(directoryAt, 4);
  out.writeUInt16LE(entries.length, directoryAt);
  entries.forEach(({ tag, type, values }, i) => {
    const entry = directoryAt + 2 + i * 12;
    out.writeUInt16LE(tag, entry);
    out.writeUInt16LE(type, entry + 2);
    out.writeUInt32LE(values.length, entry + 4);
    if (longAt[i]) out.writeUInt32LE(longAt[i], entry + 8);
    const valuesAt = longAt[i] || entry + 8;
    values.forEach((value, k) => {
      out.writeUIntLE(value, valuesAt + k * BYTES[type], BYTES[type]);
    });
  });
  strips.forEach((strip, i) => {
    out.set(strip, offsets[i]);
  });
  return out;
}
