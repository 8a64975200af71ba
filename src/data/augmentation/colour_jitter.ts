import type { Rng } from '../../core/rng';
import { applyTable, greyOf, linearTable, meanGrey } from './tables';
import type { ColorJitter } from './transforms';

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
