import type { Rng } from '../../core/rng';
import type { ColorJitter, GaussNoise } from './transforms';

/** value * factor + shift for every grey level, cut to 0..255 and to whole numbers as albucore 0.0.24 does. */
export function linearTable(factor: number, shift: number): Uint8Array {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++)
    table[value] = Math.min(Math.max(Math.fround(Math.fround(value * factor) + shift), 0), 255);
  return table;
}

/** Images from this size on are looked up two bytes at a time. */
const PAIRED_BYTES = 1 << 17;

/** Looks every byte up, in place. */
export function applyTable(image: Uint8Array, table: Uint8Array): void {
  let from = 0;
  if (image.length >= PAIRED_BYTES && image.byteOffset % 2 === 0) {
    const pairs = new Uint16Array(65536);
    for (let high = 0; high < 256; high++)
      for (let low = 0; low < 256; low++) pairs[(high << 8) | low] = (table[high] << 8) | table[low];
    const words = new Uint16Array(image.buffer, image.byteOffset, image.length >> 1);
    for (let i = 0; i < words.length; i++) words[i] = pairs[words[i]];
    from = words.length * 2;
  }
  for (let i = from; i < image.length; i++) image[i] = table[image[i]];
}

/** One table a channel, in place. */
export function applyTables(image: Uint8Array, tables: readonly [Uint8Array, Uint8Array, Uint8Array]): void {
  const [first, second, third] = tables;
  for (let i = 0; i < image.length; i += 3) {
    image[i] = first[image[i]];
    image[i + 1] = second[image[i + 1]];
    image[i + 2] = third[image[i + 2]];
  }
}

/** Weights of red, green and blue in grey as OpenCV's 8-bit conversion has them, of 32768. */
const GREY = [9798, 19235, 3735] as const;

/** Grey of one RGB pixel, rounded. */
export function greyOf(red: number, green: number, blue: number): number {
  return (red * GREY[0] + green * GREY[1] + blue * GREY[2] + 16384) >> 15;
}

/** Mean grey level of an RGB image. */
export function meanGrey(image: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < image.length; i += 3) sum += greyOf(image[i], image[i + 1], image[i + 2]);
  return (3 * sum) / image.length;
}

/** Mean of all bytes. */
export function meanLevel(image: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += image[i];
  return sum / image.length;
}

/** Drawn parameters of `ColorJitter`; `order` tells which comes first (0 brightness … 3 hue). */
export interface JitterParameters {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Share of the circle, -0.5..0.5. */
  readonly hue: number;
  readonly order: readonly number[];
}

/** Draws them from the ranges of Albumentations 2.0.8. */
export function jitterParameters(transform: ColorJitter, rng: Rng): JitterParameters {
  const {
    brightness = [0.8, 1.2],
    contrast = [0.8, 1.2],
    saturation = [0.8, 1.2],
    hue = [-0.5, 0.5],
  } = transform;
  return {
    brightness: rng.uniform(...brightness),
    contrast: rng.uniform(...contrast),
    saturation: rng.uniform(...saturation),
    hue: rng.uniform(...hue),
    order: rng.shuffle([0, 1, 2, 3]),
  };
}

/** The four adjustments in their order, in place. RGB order is assumed. */
export function jitterColours(image: Uint8Array, parameters: JitterParameters): void {
  const { brightness, contrast, saturation, hue, order } = parameters;
  for (const which of order) {
    if (which === 0 && brightness !== 1) applyTable(image, linearTable(brightness, 0));
    else if (which === 1 && contrast !== 1)
      applyTable(image, linearTable(contrast, meanGrey(image) * (1 - contrast)));
    else if (which === 2 && saturation !== 1) saturate(image, saturation);
    else if (which === 3 && hue !== 0) turnHue(image, hue);
  }
}

/** Added to a float32 under 2^22, it leaves no bit behind the point: rounding to even, as OpenCV rounds. */
const ROUNDER = 12582912;

/** Away from (over 1) or towards grey, in the single precision of OpenCV's `addWeighted`. */
function saturate(image: Uint8Array, factor: number): void {
  const own = Math.fround(factor);
  const rest = Math.fround(1 - factor);
  for (let i = 0; i < image.length; i += 3) {
    const grey = Math.fround(rest * greyOf(image[i], image[i + 1], image[i + 2]));
    for (let c = i; c < i + 3; c++) {
      const value = Math.fround(Math.fround(image[c] * own + grey) + ROUNDER) - ROUNDER;
      image[c] = Math.min(Math.max(value, 0), 255);
    }
  }
}

/** OpenCV's tables for 8-bit hue (0..180) and saturation, 12 bits behind the point. */
const SATURATION_DIVISOR = Int32Array.from({ length: 256 }, (_, i) =>
  i === 0 ? 0 : Math.round((255 * 4096) / i),
);
const HUE_DIVISOR = Int32Array.from({ length: 256 }, (_, i) =>
  i === 0 ? 0 : Math.round((180 * 4096) / (6 * i)),
);

/** Turns the hue by a share of the circle, through 8-bit HSV as OpenCV does. */
export function turnHue(image: Uint8Array, share: number): void {
  const hues = Uint8Array.from({ length: 256 }, (_, hue) => (((hue + 180 * share) % 180) + 180) % 180);
  for (let i = 0; i < image.length; i += 3) {
    const red = image[i];
    const green = image[i + 1];
    const blue = image[i + 2];
    const value = red > green ? Math.max(red, blue) : Math.max(green, blue);
    const least = red < green ? Math.min(red, blue) : Math.min(green, blue);
    const range = value - least;
    if (range === 0) {
      // Grey has hue 0, which turns too, but no saturation: it stays.
      continue;
    }
    const saturation = (range * SATURATION_DIVISOR[value] + 2048) >> 12;
    let hue =
      value === red ? green - blue : value === green ? blue - red + 2 * range : red - green + 4 * range;
    hue = (hue * HUE_DIVISOR[range] + 2048) >> 12;
    writeRgb(image, i, hues[hue < 0 ? hue + 180 : hue], saturation, value);
  }
}

/** 0..255 as 0..1, and hue 0..179 as sextants, in single precision. */
const UNIT = Float32Array.from({ length: 256 }, (_, value) => value * Math.fround(1 / 255));
const SEXTANT = Float32Array.from({ length: 180 }, (_, hue) => hue * Math.fround(6 / 180));

/** HSV (hue 0..179, saturation 0..255, value 0..255) to RGB, cut to whole numbers as OpenCV's wide code does. */
function writeRgb(image: Uint8Array, at: number, hue: number, saturation: number, value: number): void {
  const { fround } = Math;
  const sector = Math.floor(SEXTANT[hue]);
  const fraction = fround(SEXTANT[hue] - sector);
  const share = UNIT[saturation];
  const unit = UNIT[value];
  const low = fround(fround(unit * fround(1 - share)) * 255);
  const falling = fround(fround(unit * fround(1 - share * fraction)) * 255);
  const rising = fround(fround(unit * fround(1 - share * fround(1 - fraction))) * 255);
  if (sector === 0) setPixel(image, at, value, rising, low);
  else if (sector === 1) setPixel(image, at, falling, value, low);
  else if (sector === 2) setPixel(image, at, low, value, rising);
  else if (sector === 3) setPixel(image, at, low, falling, value);
  else if (sector === 4) setPixel(image, at, rising, low, value);
  else setPixel(image, at, value, low, falling);
}

function setPixel(image: Uint8Array, at: number, red: number, green: number, blue: number): void {
  image[at] = red;
  image[at + 1] = green;
  image[at + 2] = blue;
}

/** Adds normal noise, in place; one value a pixel for all channels unless `perChannel`. */
export function addNoise(image: Uint8Array, transform: GaussNoise, rng: Rng): void {
  const { stdRange = [0.2, 0.44], meanRange = [0, 0], perChannel = true } = transform;
  const std = rng.uniform(...stdRange) * 255;
  const mean = rng.uniform(...meanRange) * 255;
  let noise = 0;
  for (let i = 0; i < image.length; i++) {
    if (perChannel || i % 3 === 0) noise = rng.normal(mean, std);
    const value = image[i] + noise + 0.5;
    image[i] = value < 0 ? 0 : Math.min(value, 255);
  }
}
