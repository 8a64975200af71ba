import type { FilePixelSize } from '../image_format';
import { fieldNumbers, fieldText, TAG, type TiffPage } from './directory';

/** What a description says of the pages behind each other. */
export interface StackShape {
  /** Channels kept in pages of their own, depths, times. */
  readonly channels: number;
  readonly depths: number;
  readonly times: number;
  /** Which of them changes fastest from page to page: 'CZT' and its turns. */
  readonly order: string;
  readonly from: 'OME' | 'ImageJ';
}

/** Pages as the OME-XML or ImageJ's description of a file orders them; undefined where neither says. */
export function stackShape(description: string, samples: number): StackShape | undefined {
  if (description.startsWith('ImageJ=')) {
    const count = (key: string): number =>
      Number(new RegExp(`^${key}=(\\d+)`, 'm').exec(description)?.[1] ?? 1);
    const [channels, depths, times] = ['channels', 'slices', 'frames'].map(count);
    // Old stacks say how many images there are, and no more.
    const plain = channels * depths * times === 1 ? count('images') : depths;
    return { channels, depths: plain, times, order: 'CZT', from: 'ImageJ' };
  }
  const pixels = omePixels(description);
  if (!pixels) return undefined;
  const size = (axis: string): number => Math.max(1, Number(attribute(pixels, `Size${axis}`) ?? 1) || 1);
  const order = /^XY([CZT]{3})$/.exec(attribute(pixels, 'DimensionOrder') ?? '')?.[1] ?? 'CZT';
  return {
    channels: Math.max(1, Math.round(size('C') / samples)),
    depths: size('Z'),
    times: size('T'),
    order,
    from: 'OME',
  };
}

/** The attributes of the first `<Pixels>` of OME-XML. */
function omePixels(description: string): string | undefined {
  return /<OME[\s>]/.test(description) || /<ome:OME[\s>]/i.test(description)
    ? /<(?:\w+:)?Pixels\b((?:"[^"]*"|'[^']*'|[^<>"'])*)>/.exec(description)?.[1]
    : undefined;
}

function attribute(attributes: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(attributes);
  return match?.[1] ?? match?.[2];
}

/** Micrometres in one of a unit, by the names that OME and ImageJ use. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  µm: 1,
  μm: 1,
  '\ufffdm': 1,
  um: 1,
  micron: 1,
  microns: 1,
  micrometer: 1,
  micrometre: 1,
  '\\u00b5m': 1,
  nm: 1e-3,
  nanometer: 1e-3,
  mm: 1e3,
  millimeter: 1e3,
  cm: 1e4,
  centimeter: 1e4,
  m: 1e6,
  inch: 25_400,
  in: 25_400,
};

/** Micrometres a pixel of the page in full size: OME-XML, Aperio's MPP, ImageJ's unit, TIFF's resolution; in this order. */
export async function pixelSizeOf(page: TiffPage, description: string): Promise<FilePixelSize | undefined> {
  const pixels = omePixels(description);
  if (pixels) {
    const unit = UNITS[(attribute(pixels, 'PhysicalSizeXUnit') ?? 'µm').toLowerCase()];
    const value = Number(attribute(pixels, 'PhysicalSizeX')) * (unit ?? Number.NaN);
    if (value > 0 && Number.isFinite(value)) return { value: tidy(value), from: 'OME' };
  }
  const aperio = Number(/\|\s*MPP\s*=\s*([\d.]+)/.exec(description)?.[1]);
  if (aperio > 0) return { value: aperio, from: 'Aperio' };
  const [numerator, denominator] = await fieldNumbers(page.directory, TAG.xResolution);
  const perUnit = numerator / denominator;
  if (!(perUnit > 0 && Number.isFinite(perUnit))) return undefined;
  if (description.startsWith('ImageJ=')) {
    const unit = /^unit=(.*)$/m.exec(description)?.[1].trim().toLowerCase();
    const micrometres = unit ? UNITS[unit] : undefined;
    return micrometres === undefined ? undefined : believable(micrometres / perUnit, 'ImageJ');
  }
  const [unit = 2] = await fieldNumbers(page.directory, TAG.resolutionUnit);
  if (unit !== 2 && unit !== 3) return undefined;
  return believable((unit === 2 ? 25_400 : 10_000) / perUnit, 'TIFF resolution');
}

/** Printers' resolutions (72, 300 dots an inch) stand in many files and mean nothing: 10 micrometres is the most. */
function believable(value: number, from: string): FilePixelSize | undefined {
  return value > 0.005 && value <= 10 ? { value: tidy(value), from } : undefined;
}

function tidy(value: number): number {
  return Number(value.toPrecision(6));
}

/** The description of the file: its first page's. */
export async function descriptionOf(page: TiffPage): Promise<string> {
  return await fieldText(page.directory, TAG.description);
}
