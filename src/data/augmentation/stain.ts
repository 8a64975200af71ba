import type { Rng } from '../../core/rng';
import type { ChannelOrder } from '../dataset_info';
import { macenkoStains } from './macenko';

/** Optical densities of red, green, blue for a unit of haematoxylin and of eosin, each of length 1. */
export interface StainBasis {
  readonly haematoxylin: readonly [number, number, number];
  readonly eosin: readonly [number, number, number];
}

/** Ruifrok and Johnston 2001, normalised. */
export const RUIFROK: StainBasis = { haematoxylin: [0.651, 0.701, 0.29], eosin: [0.07, 0.991, 0.11] };

/** The reference of Macenko et al. 2009 as published implementations use it, and its 99th percentiles. */
const MACENKO: StainBasis = { haematoxylin: [0.5626, 0.7201, 0.4062], eosin: [0.2159, 0.8012, 0.5581] };
const MACENKO_MAXIMUM = [1.9705, 1.0308] as const;

/** -ln((value + 1) / 256): nothing is 0, black is finite. */
const DENSITY = Float64Array.from({ length: 256 }, (_, value) => -Math.log((value + 1) / 256));

/** Positions of red, green and blue in a pixel. */
function channels(order: ChannelOrder): readonly [number, number, number] {
  return order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
}

/** Amounts of both stains and what neither explains: the inverse of [h, e, h x e]. */
function unmixing({ haematoxylin: h, eosin: e }: StainBasis): { inverse: number[]; rest: readonly number[] } {
  const cross = [h[1] * e[2] - h[2] * e[1], h[2] * e[0] - h[0] * e[2], h[0] * e[1] - h[1] * e[0]];
  const length = Math.hypot(...cross);
  const r = cross.map((value) => value / length);
  const minor = (a: readonly number[], b: readonly number[]): number[] => [
    a[1] * b[2] - a[2] * b[1],
    a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0],
  ];
  const er = minor(e, r);
  const determinant = h[0] * er[0] + h[1] * er[1] + h[2] * er[2];
  return { inverse: [...er, ...minor(r, h), ...minor(h, e)].map((value) => value / determinant), rest: r };
}

/**
 * Haematoxylin and eosin by other amounts (Tellez et al. 2018): a -> a * scale + shift for each, the rest as it is;
 * bare glass keeps its colour through the scale. In place.
 */
export function restain(
  image: Uint8Array,
  order: ChannelOrder,
  scale: readonly [number, number],
  shift: readonly [number, number],
  basis: StainBasis = RUIFROK,
): void {
  const [r, g, b] = channels(order);
  const { inverse: m } = unmixing(basis);
  const { haematoxylin: h, eosin: e } = basis;
  for (let i = 0; i < image.length; i += 3) {
    const red = DENSITY[image[i + r]];
    const green = DENSITY[image[i + g]];
    const blue = DENSITY[image[i + b]];
    const hAmount = m[0] * red + m[1] * green + m[2] * blue;
    const eAmount = m[3] * red + m[4] * green + m[5] * blue;
    const hChange = hAmount * (scale[0] - 1) + shift[0];
    const eChange = eAmount * (scale[1] - 1) + shift[1];
    image[i + r] = intensity(red + hChange * h[0] + eChange * e[0]);
    image[i + g] = intensity(green + hChange * h[1] + eChange * e[1]);
    image[i + b] = intensity(blue + hChange * h[2] + eChange * e[2]);
  }
}

function intensity(density: number): number {
  const value = 256 * Math.exp(-density) - 0.5;
  return value < 0 ? 0 : Math.min(value, 255);
}

/** Draws and applies `StainAugmentation`. */
export function augmentStain(
  image: Uint8Array,
  order: ChannelOrder,
  sigma1: number,
  sigma2: number,
  rng: Rng,
): void {
  const scale: [number, number] = [rng.uniform(1 - sigma1, 1 + sigma1), rng.uniform(1 - sigma1, 1 + sigma1)];
  const shift: [number, number] = [rng.uniform(-sigma2, sigma2), rng.uniform(-sigma2, sigma2)];
  restain(image, order, scale, shift);
}

/**
 * Macenko et al. 2009: finds the two stains of the image itself, and paints the same amounts with the reference's. In
 * place; an image with too little stain to tell stays as it is.
 */
export function normalizeMacenko(image: Uint8Array, order: ChannelOrder): void {
  const [r, g, b] = channels(order);
  const own = macenkoStains(image, [r, g, b], DENSITY, MACENKO);
  if (!own) return;
  const { inverse: m } = unmixing(own.basis);
  const { haematoxylin: h, eosin: e } = MACENKO;
  // An image of one stain alone would have the traces of the other blown up.
  const bounded = (scale: number): number => Math.min(Math.max(scale, 0.4), 2.5);
  const hScale = bounded(MACENKO_MAXIMUM[0] / own.maximum[0]);
  const eScale = bounded(MACENKO_MAXIMUM[1] / own.maximum[1]);
  for (let i = 0; i < image.length; i += 3) {
    const red = DENSITY[image[i + r]];
    const green = DENSITY[image[i + g]];
    const blue = DENSITY[image[i + b]];
    const hAmount = hScale * Math.max(0, m[0] * red + m[1] * green + m[2] * blue);
    const eAmount = eScale * Math.max(0, m[3] * red + m[4] * green + m[5] * blue);
    image[i + r] = intensity(hAmount * h[0] + eAmount * e[0]);
    image[i + g] = intensity(hAmount * h[1] + eAmount * e[1]);
    image[i + b] = intensity(hAmount * h[2] + eAmount * e[2]);
  }
}
