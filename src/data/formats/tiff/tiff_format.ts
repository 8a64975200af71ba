import { DataError } from '../../../core/errors';
import type { ImageFormat, ImageLevel, Raster, RasterFile, RasterRequest } from '../image_format';
import { turnsSides, turnUpright } from '../orientation';
import type { SampleArray } from '../sample_array';
import { givesRgb } from './codecs';
import { fieldNumbers, TAG, type TiffPage } from './directory';
import { descriptionOf, pixelSizeOf } from './metadata';
import { checkPage, openTiff, type Region, type TiffFile, wholePage } from './read_tiff';
import { arrange, type ChannelPlace, type Stack } from './stack';
import { DEFAULT_YCC, labToRgb, yccToRgb } from './ycbcr';

/** TIFF and BigTIFF with what microscopes put into them; Aperio's slides are TIFF files. */
export const tiffFormat: ImageFormat = {
  name: 'TIFF',
  extensions: ['.tif', '.tiff', '.svs'],
  signature: /^(II[*+]\0|MM\0[*+])/,
  exact: true,
  open: openTiffImage,
};

async function openTiffImage(file: string): Promise<RasterFile> {
  const tiff = await openTiff(file);
  try {
    const description = await descriptionOf(tiff.pages[0]);
    const stack = arrange(tiff.pages, description);
    const pixelSize = await pixelSizeOf(stack.main, description);
    const levels = levelsOf(tiff, stack);
    const { orientation, bits, kind } = stack.main;
    return {
      levels: levels.map(({ name, page: { width, height } }) =>
        turnsSides(orientation) ? { name, width: height, height: width } : { name, width, height },
      ),
      planes: stack.planes.length,
      depths: stack.depths,
      stackChannels: stack.channelPages,
      channels: stack.planes[0].length,
      bits,
      kind,
      orientation,
      ...(pixelSize ? { pixelSize } : {}),
      notes: (request) => notesOf(stack, request),
      read: (request) => read(tiff, stack, levels, request),
      close: () => tiff.close(),
    };
  } catch (error) {
    tiff.close();
    throw error;
  }
}

interface Level extends ImageLevel {
  readonly page: TiffPage;
}

function levelsOf({ pages }: TiffFile, { main, planes }: Stack): Level[] {
  const inStack = new Set(planes.flatMap((channels) => channels.map(({ page }) => page)));
  const others = pages.filter((page) => !inStack.has(page));
  const named = others.map((page): Level => {
    const factor = Math.round(main.width / page.width);
    const scaled =
      factor > 1 &&
      Math.abs(main.height / factor - page.height) <= 1 &&
      Math.abs(main.width / factor - page.width) <= 1;
    const name = scaled ? `1/${factor}` : `page${pages.indexOf(page) + 1}`;
    return { name, width: page.width, height: page.height, page };
  });
  // Two of one name (levels of several channels): the first.
  const distinct = named.filter(({ name }, i) => named.findIndex((other) => other.name === name) === i);
  return [{ name: 'full', width: main.width, height: main.height, page: main }, ...distinct];
}

function notesOf(stack: Stack, { plane, channels }: Pick<RasterRequest, 'plane' | 'channels'>): string[] {
  const count = stack.planes[0].length;
  const notes: string[] = [];
  if (stack.planes.length > 1 && plane === undefined)
    notes.push(`holds ${stack.axes}: plane 1 of ${stack.planes.length} is read (choose with --plane)`);
  if (count > 3 && channels === undefined)
    notes.push(`holds ${count} channels: 1, 2, 3 are read as red, green, blue (choose with --channels)`);
  else if (count > 1 && stack.channelPages > 1 && channels === undefined)
    notes.push(
      `holds ${count} channels in pages of their own: they are read as red, green${count > 2 ? ', blue' : ''}`,
    );
  if (stack.thumbnailFirst) notes.push('its first page is a smaller one: the largest is read');
  if (stack.main.orientation !== 1)
    notes.push(`has the orientation ${stack.main.orientation}: it is turned upright, as viewers show it`);
  return notes;
}

async function read(
  tiff: TiffFile,
  stack: Stack,
  levels: readonly Level[],
  request: RasterRequest,
): Promise<Raster> {
  const { file } = tiff;
  const { level: name = 'full', plane = 1, raw = false, maxPixels } = request;
  const level = levels.find((candidate) => candidate.name === name);
  if (!level)
    throw new DataError(`has no level "${name}" (it has ${levels.map((known) => known.name).join(', ')})`, {
      where: file,
    });
  if (plane < 1 || plane > stack.planes.length)
    throw new DataError(`has ${stack.planes.length} planes, there is no plane ${plane}`, { where: file });
  // A level holds the channels of its own page.
  const places = level.page === stack.main ? stack.planes[plane - 1] : arrange([level.page], '').planes[0];
  const { page } = places[0];
  const upright = page.orientation === 1 || !request.region;
  const region = upright ? (request.region ?? wholePage(page)) : wholePage(page);
  requireRegion(file, region, page);
  checkPage(file, page, maxPixels, region);
  if (!raw) requireColours(file, page);
  const chosen = choose(file, places, request);
  const data = await gather(tiff, page, region, chosen);
  const [width, height] = [region.right - region.left, region.bottom - region.top];
  const converted = raw ? data : await toColours(page, data, chosen.length);
  const channels = converted.length / (width * height);
  const turned = turnUpright(converted, { width, height, channels }, page.orientation);
  const size = turnsSides(page.orientation) ? { width: height, height: width } : { width, height };
  const raster: Raster = {
    ...size,
    channels,
    data: turned,
    bits: page.photometric === 3 && !raw ? 8 : page.bits,
    kind: page.kind,
    inverted: page.photometric === 0,
    indexed: page.photometric === 3,
  };
  return upright ? raster : crop(raster, request.region as Region);
}

function requireRegion(file: string, { left, top, right, bottom }: Region, page: TiffPage): void {
  const inside = left >= 0 && top >= 0 && right <= page.width && bottom <= page.height;
  if (!inside || !(right > left && bottom > top))
    throw new DataError(
      `has ${page.width} x ${page.height} pixels, there is no region ${left},${top} to ${right},${bottom}`,
      { where: file },
    );
}

/** What an image cannot be made of. */
function requireColours(file: string, { photometric, samples }: TiffPage): void {
  const names: Record<number, string> = {
    5: 'CMYK',
    10: 'ITU Lab',
    32803: 'raw camera',
    32844: 'LogLuv',
    32845: 'LogLuv',
  };
  const short = (photometric === 6 || photometric === 8 || photometric === 9) && samples < 3;
  if (names[photometric] || short)
    throw new DataError(`stores ${names[photometric] ?? 'incomplete'} colours, which are not supported`, {
      where: file,
      fix: 'Save it as RGB.',
    });
}

/** The channels to read: as asked for; else one grey, or the first three (two: red and green). Undefined: none. */
function choose(
  file: string,
  places: readonly ChannelPlace[],
  { channels, raw }: RasterRequest,
): (ChannelPlace | undefined)[] {
  if (raw && !channels) return [...places];
  const wrong = channels?.find((c) => c < 0 || c > places.length);
  if (wrong !== undefined)
    throw new DataError(`has ${places.length} channels, there is no channel ${wrong}`, { where: file });
  if (channels) {
    if (channels.length === 1) return [places[channels[0] - 1]];
    return [0, 1, 2].map((k) => places[(channels[k] ?? 0) - 1]);
  }
  return places.length === 1 ? [places[0]] : [places[0], places[1], places[2]];
}

/** The samples of the chosen channels, interleaved. */
async function gather(
  tiff: TiffFile,
  page: TiffPage,
  region: Region,
  chosen: readonly (ChannelPlace | undefined)[],
): Promise<SampleArray> {
  const [width, height] = [region.right - region.left, region.bottom - region.top];
  const n = chosen.length;
  const target = samplesFor(page, width * height * n);
  for (const from of new Set(chosen.map((place) => place?.page))) {
    if (!from) continue;
    await tiff.readBlocks(from, region, (block) => {
      const { data, channels, channel, stride, start, x, y, rows, columns } = block;
      if (!data) return;
      // All channels as they are stored: whole rows.
      const straight =
        n === channels && chosen.every((place, k) => place?.page === from && place.sample === k);
      for (let row = 0; row < rows; row++) {
        const at = (start + row * stride) * channels;
        const to = ((y - region.top + row) * width + x - region.left) * n;
        if (straight) {
          target.set(data.subarray(at, at + columns * n), to);
          continue;
        }
        for (let k = 0; k < n; k++) {
          const place = chosen[k];
          if (place?.page !== from || place.sample < channel || place.sample >= channel + channels) continue;
          let source = at + place.sample - channel;
          let sink = to + k;
          for (let i = 0; i < columns; i++, source += channels, sink += n) target[sink] = data[source];
        }
      }
    });
  }
  return target;
}

function samplesFor({ bits, kind }: TiffPage, length: number): SampleArray {
  if (kind === 'float') return bits === 64 ? new Float64Array(length) : new Float32Array(length);
  if (bits === 64) return new Float64Array(length);
  if (kind === 'signed') {
    if (bits === 8) return new Int8Array(length);
    return bits === 16 ? new Int16Array(length) : new Int32Array(length);
  }
  if (bits <= 8) return new Uint8Array(length);
  return bits <= 16 ? new Uint16Array(length) : new Uint32Array(length);
}

/** Palettes, YCbCr and CIELab as RGB; everything else as it is. */
async function toColours(page: TiffPage, data: SampleArray, channels: number): Promise<SampleArray> {
  const { photometric, directory } = page;
  if (photometric === 3 && channels === 1) return await throughTable(page, data);
  if (givesRgb(page) || channels !== 3 || !(data instanceof Uint8Array)) return data;
  if (photometric === 6) {
    const coefficients = await fieldNumbers(directory, TAG.yccCoefficients);
    const reference = await fieldNumbers(directory, TAG.referenceBlackWhite);
    yccToRgb(data, {
      coefficients: coefficients.length === 6 ? ratios(coefficients) : DEFAULT_YCC.coefficients,
      reference: reference.length === 12 ? ratios(reference) : DEFAULT_YCC.reference,
    });
  }
  if (photometric === 8 || photometric === 9) labToRgb(data, photometric === 9);
  return data;
}

function ratios(values: readonly number[]): number[] {
  return values.filter((_, i) => i % 2 === 0).map((value, i) => value / values[2 * i + 1]);
}

/** Numbers through the colour table of the page, 16 bits an entry. A table that is too short gives black. */
async function throughTable(page: TiffPage, data: SampleArray): Promise<Uint8Array> {
  const table = await fieldNumbers(page.directory, TAG.colorMap);
  const colours = 2 ** Math.min(page.bits, 16);
  // Some writers put bytes into the 16-bit table.
  const shift = table.some((value) => value > 255) ? 8 : 0;
  const lookup = Uint8Array.from({ length: colours * 3 }, (_, i) => {
    const value = table[(i % 3) * colours + Math.floor(i / 3)] ?? 0;
    return value >> shift;
  });
  const out = new Uint8Array(data.length * 3);
  for (let i = 0; i < data.length; i++) for (let c = 0; c < 3; c++) out[3 * i + c] = lookup[data[i] * 3 + c];
  return out;
}

function crop(raster: Raster, { left, top, right, bottom }: Region): Raster {
  const { channels } = raster;
  const [width, height] = [right - left, bottom - top];
  const data = new (raster.data.constructor as new (length: number) => Uint8Array)(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * raster.width + left) * channels;
    data.set(raster.data.subarray(from, from + width * channels), y * width * channels);
  }
  return { ...raster, width, height, data };
}
