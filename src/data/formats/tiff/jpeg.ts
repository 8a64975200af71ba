/**
 * A whole JPEG stream from an abbreviated one and the tables of its file (TIFF Technical Note 2, 1995). An Adobe marker
 * says whether the three channels are RGB or YCbCr, which TIFF keeps in its own field.
 */
export function wholeJpeg(stream: Buffer, tables: Buffer, isYcc: boolean): Buffer {
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

/** Decodes with libjpeg-turbo to interleaved bytes. Errors: those of the decoder, truncated streams among them. */
export async function decodeJpeg(
  jpeg: Buffer,
  pixelLimit: number,
): Promise<{ data: Uint8Array; width: number; height: number; channels: number }> {
  const { default: sharp } = await import('sharp');
  const { data, info } = await sharp(jpeg, {
    failOn: 'warning',
    limitInputPixels: pixelLimit,
    ignoreIcc: true,
  })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
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
export async function decodeJpeg2000(
  stream: Uint8Array,
): Promise<{ data: Uint8Array; width: number; height: number; channels: number }> {
  const { J2KDecoder } = await loadCodec();
  const decoder = new J2KDecoder();
  try {
    decoder.getEncodedBuffer(stream.length).set(stream);
    decoder.decode();
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    if (bitsPerSample !== 8) throw new Error(`JPEG 2000 of ${bitsPerSample} bits a channel is not supported`);
    // The decoder's memory is reused by the next block.
    return { data: decoder.getDecodedBuffer().slice(), width, height, channels: componentCount };
  } finally {
    decoder.delete();
  }
}

/** YCbCr (ITU-R BT.601, full range) to RGB, in place. Aperio's compression 33003 stores it. */
export function yccToRgb(data: Uint8Array): void {
  const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : Math.round(value));
  for (let i = 0; i < data.length; i += 3) {
    const y = data[i];
    const cb = data[i + 1] - 128;
    const cr = data[i + 2] - 128;
    data[i] = clamp(y + 1.402 * cr);
    data[i + 1] = clamp(y - 0.344136 * cb - 0.714136 * cr);
    data[i + 2] = clamp(y + 1.772 * cb);
  }
}
