import type { Metadata, Sharp } from 'sharp';
import { DataError } from '../../core/errors';
import type { FilePixelSize, ImageFormat, Raster, RasterFile, RasterRequest } from './image_format';
import { turnsSides, turnUpright } from './orientation';
import { type PngChunks, readPngChunks } from './png';

/** PNG, JPEG and WebP, decoded by sharp (libpng, libjpeg-turbo, libwebp). */
export const pngFormat: ImageFormat = {
  name: 'PNG',
  extensions: ['.png'],
  signature: /^\x89PNG/,
  exact: true,
  open: (file) => openWithSharp(file, () => checkedChunks(file)),
};

/** The chunks of a PNG file. Errors name the file: cut off, or with a wrong checksum. */
function checkedChunks(file: string): PngChunks {
  const chunks = readPngChunks(file);
  if (typeof chunks !== 'string') return chunks;
  throw new DataError(chunks, { where: file, fix: 'Copy it again from its source.' });
}

export const jpegFormat: ImageFormat = {
  name: 'JPEG',
  extensions: ['.jpg', '.jpeg'],
  signature: /^\xff\xd8\xff/,
  exact: false,
  open: (file) => openWithSharp(file),
};

export const webpFormat: ImageFormat = {
  name: 'WebP',
  extensions: ['.webp'],
  signature: /^RIFF[\s\S]{4}WEBP/,
  exact: false,
  open: (file) => openWithSharp(file),
};

/** @param check looks at the whole file before its pixels are read: PNG has checksums. */
async function openWithSharp(file: string, check?: () => PngChunks): Promise<RasterFile> {
  const { default: sharp } = await import('sharp');
  const header = await attempt(file, () => sharp(file, { limitInputPixels: false }).metadata());
  const { width, height, orientation = 1 } = header;
  const upright = turnsSides(orientation) ? { width: height, height: width } : { width, height };
  const bits = header.depth === 'ushort' ? 16 : 8;
  const notes =
    orientation === 1
      ? []
      : [`has the EXIF orientation ${orientation}: it is turned upright, as viewers show it`];
  return {
    levels: [{ name: 'full', ...upright }],
    planes: 1,
    depths: 1,
    stackChannels: 1,
    channels: (header.channels ?? 3) <= 2 ? 1 : 3,
    bits,
    kind: 'unsigned',
    orientation,
    ...pixelSizeOf(header),
    notes: () => notes,
    read: async (request) => {
      if (width * height > request.maxPixels)
        throw new DataError(
          `claims ${width} x ${height} pixels, more than the limit of ${request.maxPixels}`,
          {
            where: file,
            fix: 'Cut the image into tiles; where the size is true, allow more: data check --max-pixels N, or a machine with more free memory for predict.',
          },
        );
      const chunks = check?.();
      const indexed = request.raw === true && chunks?.colourType === 3;
      const input = indexed ? chunks.numbers() : file;
      const options = {
        limitInputPixels: request.maxPixels,
        failOn: 'truncated' as const,
        ignoreIcc: true,
      };
      const raster = await attempt(file, () => decode(sharp(input, options), header, request.raw === true));
      return cut(file, uprightRaster(raster, orientation, indexed), request);
    },
    close: () => undefined,
  };
}

async function decode(input: Sharp, header: Metadata, raw: boolean): Promise<Raster> {
  const { width, height, depth } = header;
  const grey = (header.channels ?? 3) <= 2;
  const kept = header.hasAlpha ? input.removeAlpha() : input;
  if (depth === 'ushort') {
    const space = grey ? 'grey16' : 'rgb16';
    const { data, info } = await kept
      .pipelineColourspace(space)
      .toColourspace(space)
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true });
    const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2).slice();
    return { width, height, channels: info.channels, data: values, bits: 16, kind: 'unsigned' };
  }
  const { data, info } = await (grey && raw ? kept.toColourspace('b-w') : kept.toColourspace('srgb'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  // A buffer of its own: it may be handed to another thread.
  const values = new Uint8Array(data);
  return { width, height, channels: info.channels, data: values, bits: 8, kind: 'unsigned' };
}

function uprightRaster(raster: Raster, orientation: number, indexed = false): Raster {
  const { width, height, channels } = raster;
  const data = turnUpright(raster.data, { width, height, channels }, orientation);
  const size = turnsSides(orientation) ? { width: height, height: width } : { width, height };
  if (!indexed) return { ...raster, ...size, data };
  // Three equal greys: the number of the colour.
  const one = Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]);
  return { ...raster, ...size, channels: 1, data: one, indexed: true };
}

/** The region and the channels that were asked for. */
function cut(file: string, raster: Raster, { region, channels, plane, level }: RasterRequest): Raster {
  if ((plane ?? 1) !== 1) throw new DataError(`has one plane, there is no plane ${plane}`, { where: file });
  if ((level ?? 'full') !== 'full')
    throw new DataError(`has no level "${level}" (it has full)`, { where: file });
  const wrong = channels?.find((c) => c > raster.channels);
  if (wrong !== undefined)
    throw new DataError(`has ${raster.channels} channels, there is no channel ${wrong}`, { where: file });
  const { left, top, right, bottom } = region ?? {
    left: 0,
    top: 0,
    right: raster.width,
    bottom: raster.height,
  };
  if (!region && !channels) return raster;
  const [width, height] = [right - left, bottom - top];
  const count = channels ? (channels.length === 1 ? 1 : 3) : raster.channels;
  const data = new (raster.data.constructor as new (length: number) => Uint8Array)(width * height * count);
  for (let c = 0; c < count; c++) {
    const from = channels ? (channels[c] ?? 0) - 1 : c;
    if (from < 0) continue;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        data[(y * width + x) * count + c] =
          raster.data[((y + top) * raster.width + x + left) * raster.channels + from];
  }
  return { ...raster, width, height, channels: count, data };
}

/** Pixels a metre are believed where they are those of a microscope: up to 10 micrometres a pixel. */
function pixelSizeOf({ density }: Metadata): { pixelSize?: FilePixelSize } {
  const value = density ? 25_400 / density : 0;
  return value > 0.005 && value <= 10
    ? { pixelSize: { value: Math.round(value * 1e4) / 1e4, from: 'resolution' } }
    : {};
}

/** A decoder's complaint as one line that names the file. */
async function attempt<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    throw new DataError(`cannot be decoded: ${reason}`, {
      where: file,
      fix: 'Copy it again from its source.',
      cause: error,
    });
  }
}
