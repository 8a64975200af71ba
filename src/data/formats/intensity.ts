import type { Raster } from './image_format';
import type { SampleArray } from './sample_array';

/** The values that become 0 and 255. */
export interface IntensityRange {
  readonly low: number;
  readonly high: number;
}

/** Pixels taken of each image to find the percentiles of a data set of floats. */
const SAMPLES = 10_000;
/** Per cent of the pixels that may be darker than black and brighter than white, in floats. */
export const FLOAT_PERCENTILES = [0.1, 99.9] as const;
/** The highest value of 12 bits: what cameras put into 16-bit files. */
export const TWELVE_BITS = 4095;

/** Whether the values need a range of their data set: 16-bit, float and signed images do. */
export function needsRange({ bits, kind }: Pick<Raster, 'bits' | 'kind'>): boolean {
  return kind !== 'unsigned' || bits >= 16;
}

/** What is to be known of the values of all images of a set before one of them is scaled. */
export class IntensitySurvey {
  private maximum = 0;
  private readonly samples: number[] = [];
  private plain = true;

  /** Takes one image. Returns false once nothing more can change the answer. */
  add({ data, bits, kind }: Pick<Raster, 'data' | 'bits' | 'kind'>): boolean {
    if (kind === 'unsigned' && bits <= 16) {
      this.maximum = Math.max(this.maximum, highest(data));
      return this.maximum <= TWELVE_BITS || !this.plain;
    }
    this.plain = false;
    // A step that shares no factor with common widths spreads the samples over the image.
    const step = Math.max(1, Math.floor(data.length / SAMPLES)) | 1;
    for (let i = 0; i < data.length; i += step) if (Number.isFinite(data[i])) this.samples.push(data[i]);
    return true;
  }

  /** One range for all: 0 to 4095 or 65535; of floats the percentiles. */
  range(): IntensityRange {
    if (this.plain) return { low: 0, high: this.maximum <= TWELVE_BITS ? TWELVE_BITS : 65_535 };
    const sorted = Float64Array.from(this.samples).sort();
    if (sorted.length === 0) return { low: 0, high: 1 };
    const at = (percent: number): number => sorted[Math.round((percent / 100) * (sorted.length - 1))];
    const [low, high] = FLOAT_PERCENTILES.map(at);
    return high > low ? { low, high } : { low, high: low + 1 };
  }
}

/** The highest of the values. */
export function highest(data: SampleArray): number {
  let maximum = 0;
  for (let i = 0; i < data.length; i++) if (data[i] > maximum) maximum = data[i];
  return maximum;
}

/**
 * Values as 0..255: 8 bits as they are; 1 to 15 bits by their own highest number; others by the range (values outside
 * it, and NaN, become its ends), without one by the image's own.
 */
export function toBytes(raster: Raster, range?: IntensityRange): Uint8Array {
  const { data, bits, kind, inverted } = raster;
  const out = kind === 'unsigned' && bits === 8 ? (data as Uint8Array) : scaled(data, rangeOf(raster, range));
  if (inverted) for (let i = 0; i < out.length; i++) out[i] = 255 - out[i];
  return out;
}

function rangeOf(raster: Raster, range?: IntensityRange): IntensityRange {
  if (!needsRange(raster)) return { low: 0, high: 2 ** raster.bits - 1 };
  if (range) return range;
  const survey = new IntensitySurvey();
  survey.add(raster);
  return survey.range();
}

function scaled(data: SampleArray, { low, high }: IntensityRange): Uint8Array {
  const out = new Uint8Array(data.length);
  const scale = 255 / (high - low);
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] - low) * scale + 0.5;
    out[i] = value >= 255 ? 255 : Math.max(value, 0);
  }
  return out;
}
