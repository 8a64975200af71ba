import { inflateSync } from 'node:zlib';
import type { TiffPage } from './directory';
import { decodeJpeg2000, decodeSharp, wholeJpeg } from './image_codecs';
import { decodeLzw } from './lzw';
import { restoreSamples } from './predictor';
import { yccToRgb } from './ycbcr';
import { decodeZstd } from './zstd';

/** What a block is decoded for: the page, its JPEG tables, and the shape of the block that comes next. */
export interface BlockContext {
  readonly page: TiffPage;
  readonly jpegTables: Buffer;
  readonly columns: number;
  /** Interleaved channels: 1 where they are stored apart. */
  readonly channels: number;
  /** Rows of the next block: a last strip has fewer. */
  rows: number;
}

type Decode = (stored: Uint8Array, context: BlockContext, length: number) => Uint8Array | Promise<Uint8Array>;

interface Codec {
  readonly numbers: readonly number[];
  readonly decode: Decode;
}

/** How a block is stored, by TIFF's number of the compression. A codec more is a line more. */
const CODECS: readonly Codec[] = [
  { numbers: [1], decode: (stored, _, length) => requireLength(stored.subarray(0, length), length) },
  { numbers: [5], decode: (stored, _, length) => filled(length, (out) => decodeLzw(stored, out, length)) },
  { numbers: [8, 32946], decode: (stored, _, length) => inflate(stored, length) },
  { numbers: [32773], decode: (stored, _, length) => filled(length, (out) => decodePackBits(stored, out)) },
  {
    numbers: [50000],
    decode: async (stored, _, length) => requireLength(await decodeZstd(stored, length), length),
  },
  {
    numbers: [7],
    decode: (stored, { page, jpegTables, columns, rows, channels }) =>
      decodeSharp(wholeJpeg(stored, jpegTables, page.photometric === 6), { columns, rows, channels }),
  },
  { numbers: [50001], decode: (stored, shape) => decodeSharp(stored, shape) },
  {
    numbers: [33003, 33005, 34712],
    decode: async (stored, context) => {
      const data = await decodeJpeg2000(stored, context);
      // Aperio's 33003 stores YCbCr whatever the field says.
      if (context.page.compression === 33003) yccToRgb(data);
      return data;
    },
  },
];

/** Compressions whose codec gives colours, whatever the photometric field says. */
const GIVES_RGB = new Set([7, 33003, 50001]);

/** Names of what cannot be read, for the message. */
const UNSUPPORTED: Readonly<Record<number, string>> = {
  2: 'CCITT run-length',
  3: 'CCITT fax group 3',
  4: 'CCITT fax group 4',
  6: 'old-style JPEG',
  34661: 'JBIG',
  34676: 'LogLuv',
  34887: 'LERC',
  34892: 'lossy JPEG of raw images',
  34925: 'LZMA',
  34926: 'zstd of before it was registered',
  34933: 'PNG',
  34934: 'JPEG XR',
  22610: 'JPEG XR',
  50002: 'JPEG XL',
};

/** Whether the codec already gives RGB. */
export function givesRgb(page: TiffPage): boolean {
  return GIVES_RGB.has(page.compression);
}

/** Why a page cannot be decoded; undefined where it can. */
export function unsupportedCompression({ compression }: TiffPage): string | undefined {
  if (CODECS.some(({ numbers }) => numbers.includes(compression))) return undefined;
  return `${UNSUPPORTED[compression] ?? 'an unknown'} compression (${compression}), which is not supported`;
}

/** A decoder as geotiff makes it: its `decode` gives whole blocks in the machine's byte order, differences undone. */
export interface BlockDecoder {
  decode(buffer: ArrayBufferLike): Promise<ArrayBufferLike>;
}

/**
 * Ours are registered under the compression's number and this: who uses geotiff beside this library keeps geotiff's own
 * decoders.
 */
const OWN = 1_000_000;
let registered = false;

/** The decoder of a page, from geotiff's registry of decoders. */
export async function blockDecoder(context: BlockContext): Promise<BlockDecoder> {
  const { addDecoder, getDecoder, BaseDecoder } = await import('geotiff');
  if (!registered) {
    for (const { numbers, decode } of CODECS) {
      class Decoder extends BaseDecoder {
        override async decode(buffer: ArrayBufferLike): Promise<ArrayBuffer> {
          return await decodeWith(decode, new Uint8Array(buffer), this.parameters as unknown as BlockContext);
        }
      }
      addDecoder(
        numbers.map((number) => OWN + number),
        async () => Decoder,
        undefined,
        false,
      );
    }
    registered = true;
  }
  return (await getDecoder(OWN + context.page.compression, context as never)) as BlockDecoder;
}

async function decodeWith(decode: Decode, stored: Uint8Array, context: BlockContext): Promise<ArrayBuffer> {
  const { page } = context;
  const input = page.reversedBits && page.compression !== 7 ? reverseBits(stored) : stored;
  const bytes = await decode(input, context, storedBytes(context));
  // Own memory from its start: typed views need that.
  const whole =
    bytes.byteOffset === 0 &&
    bytes.byteLength === bytes.buffer.byteLength &&
    bytes.buffer instanceof ArrayBuffer
      ? bytes
      : new Uint8Array(bytes);
  restoreSamples(page, whole, context.columns * context.channels, context.channels);
  return whole.buffer as ArrayBuffer;
}

/** Whether two colour values are shared by several pixels in this page's blocks. */
export function isSubsampled(page: TiffPage): boolean {
  const [across, down] = page.subsampling;
  return page.photometric === 6 && !givesRgb(page) && !page.planar && page.samples === 3 && across * down > 1;
}

/** Bytes that a block has once it is decompressed. */
function storedBytes({ page, columns, rows, channels }: BlockContext): number {
  if (isSubsampled(page)) {
    const [across, down] = page.subsampling;
    return Math.ceil(columns / across) * Math.ceil(rows / down) * (across * down + 2);
  }
  return Math.ceil((columns * channels * page.bits) / 8) * rows;
}

function filled(length: number, fill: (out: Uint8Array) => number): Uint8Array {
  const out = new Uint8Array(length);
  const written = fill(out);
  if (written < length) throw short(written, length);
  return out;
}

function requireLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length < length) throw short(bytes.length, length);
  return bytes.length === length ? bytes : bytes.subarray(0, length);
}

function short(got: number, expected: number): Error {
  return new Error(`truncated: ${got} of ${expected} bytes`);
}

function inflate(stored: Uint8Array, length: number): Uint8Array {
  // A few bytes more than needed may be there (padded last strips); a bomb stops here.
  const bytes = inflateSync(stored, { maxOutputLength: Math.max(64, length * 2 + 65536) });
  return requireLength(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), length);
}

function decodePackBits(input: Uint8Array, out: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < input.length && at < out.length; ) {
    const code = (input[i++] << 24) >> 24;
    if (code >= 0) {
      const count = Math.min(code + 1, out.length - at, input.length - i);
      out.set(input.subarray(i, i + count), at);
      i += code + 1;
      at += count;
    } else if (code !== -128) {
      const count = Math.min(1 - code, out.length - at);
      out.fill(input[i++], at, at + count);
      at += count;
    }
  }
  return at;
}

const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) out |= 0x80 >> bit;
  return out;
});

function reverseBits(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => REVERSED[byte]);
}
