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
