/**
 * A whole JPEG stream from an abbreviated one and the tables of its file (TIFF Technical Note 2, 1995). An Adobe marker
 * says whether the three channels are RGB or YCbCr, which TIFF keeps in its own field.
 */
export function wholeJpeg(stream: Uint8Array, tables: Buffer, isYcc: boolean): Buffer {
  // FF EE, 14 bytes: "Adobe", version 100, flags 0, flags 0, transform 0 (RGB) or 1 (YCbCr).
  const adobe = Buffer.from([
    0xff,
    0xee,
    0,
    14,
    0x41,
    0x64,
    0x6f,
    0x62,
    0x65,
    0,
    100,
    0,
    0,
    0,
    0,
    isYcc ? 1 : 0,
  ]);
  const start = Buffer.from([0xff, 0xd8]);
  const definitions = tables.length > 4 ? tables.subarray(2, tables.length - 2) : Buffer.alloc(0);
  return Buffer.concat([start, adobe, definitions, stream.subarray(2)]);
}

/** What a block must hold: an image of these columns and channels, and at least as many rows. */
export interface BlockShape {
  readonly columns: number;
  readonly rows: number;
  readonly channels: number;
}

/** Decodes JPEG or WebP to interleaved bytes of the shape. */
export async function decodeSharp(stored: Uint8Array, shape: BlockShape): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  // The last strip may be stored whole although the image ends within it: twice the pixels is room enough.
  const input = sharp(stored, {
    failOn: 'warning',
    limitInputPixels: Math.max(65_536, 2 * shape.rows * shape.columns),
    ignoreIcc: true,
  });
  const { data, info } = await (shape.channels === 1 ? input.toColourspace('b-w') : input)
    .raw()
    .toBuffer({ resolveWithObject: true });
  requireShape(info, shape);
  return data.subarray(0, shape.rows * shape.columns * shape.channels);
}

function requireShape(
  { width, height, channels }: { width: number; height: number; channels: number },
  shape: BlockShape,
): void {
  if (width !== shape.columns || height < shape.rows || channels !== shape.channels)
    throw new Error(
      `holds an image of ${width} x ${height} with ${channels} channels, expected ${shape.columns} x ${shape.rows} with ${shape.channels}`,
    );
}

interface FrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
}

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): FrameInfo;
  delete(): void;
}

interface Codec {
  J2KDecoder: new () => Decoder;
}

let codec: Promise<Codec> | undefined;

/** One WebAssembly instance a thread, made on first use; its prints are noise. */
function loadCodec(): Promise<Codec> {
  const quiet = (): void => undefined;
  codec ??= import('@cornerstonejs/codec-openjpeg/decodewasmjs' as string).then(
    (module: { default: unknown }) => {
      const factory = module.default as (options: object) => Promise<Codec>;
      return factory({ print: quiet, printErr: quiet });
    },
  );
  return codec;
}

/** Decodes a JPEG 2000 code stream (OpenJPEG in WebAssembly) to interleaved bytes of 8-bit channels. */
export async function decodeJpeg2000(stream: Uint8Array, shape: BlockShape): Promise<Uint8Array> {
  // The header first: the decoder takes the memory that it claims.
  requireShape(jpeg2000Size(stream), shape);
  const { J2KDecoder } = await loadCodec();
  const decoder = new J2KDecoder();
  try {
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    if (bitsPerSample !== 8) throw new Error(`JPEG 2000 of ${bitsPerSample} bits a channel is not supported`);
    requireShape({ width, height, channels: componentCount }, shape);
    // The decoder's memory is reused by the next block.
    return decoder.getDecodedBuffer().slice(0, shape.rows * shape.columns * shape.channels);
  } finally {
    decoder.delete();
  }
}

/**
 * What the SIZ segment of a code stream says (ITU-T T.800, A.5.1), bare or in the boxes of a JP2 file. Errors: none
 * there, a size that nobody tiles like that.
 */
export function jpeg2000Size(stream: Uint8Array): { width: number; height: number; channels: number } {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.byteLength);
  const at = bytes.subarray(0, 4096).indexOf(Buffer.from([0xff, 0x4f, 0xff, 0x51]));
  if (at < 0 || at + 42 > bytes.length) throw new Error('no JPEG 2000 code stream');
  const [right, bottom, left, top, tileWidth, tileHeight] = [8, 12, 16, 20, 24, 28].map((k) =>
    bytes.readUInt32BE(at + k),
  );
  const [width, height] = [right - left, bottom - top];
  if (!(width > 0 && height > 0 && tileWidth > 0 && tileHeight > 0))
    throw new Error('a JPEG 2000 image without size');
  if (Math.ceil(right / tileWidth) * Math.ceil(bottom / tileHeight) > 65_535)
    throw new Error('a JPEG 2000 image of too many tiles');
  return { width, height, channels: bytes.readUInt16BE(at + 40) };
}
