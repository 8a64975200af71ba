import type { Rng } from '../../core/rng';
import type { ChannelOrder } from '../dataset_info';

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

/** Pixels of less density than this in every channel are glass (beta of the paper). */
const GLASS = 0.15;
/** The extreme angles are taken at this share from both ends (alpha of the paper). */
const EXTREME = 0.01;
const MIN_PIXELS = 100;
/** Cosines: a stain found further than 20 degrees from the reference is ink, blood or a mixture; under 6 they are one. */
const NEAR = Math.cos(Math.PI / 9);
const APART = Math.cos(Math.PI / 30);

/** The two stains of one image and their 99th percentile amounts. */
export interface ImageStains {
  readonly basis: StainBasis;
  readonly maximum: readonly [number, number];
}

/**
 * Macenko et al. 2009: the plane of the two largest principal components of the optical densities holds both stains;
 * they are its extreme directions. Where these cannot be the stains, the reference's are taken. Undefined where fewer
 * than 100 pixels are stained.
 */
export function macenkoStains(
  image: Uint8Array,
  [r, g, b]: readonly [number, number, number],
  density: Float64Array,
  reference: StainBasis,
): ImageStains | undefined {
  const points: number[] = [];
  for (let i = 0; i < image.length; i += 3) {
    const red = density[image[i + r]];
    const green = density[image[i + g]];
    const blue = density[image[i + b]];
    if (red >= GLASS && green >= GLASS && blue >= GLASS) points.push(red, green, blue);
  }
  const count = points.length / 3;
  if (count < MIN_PIXELS) return undefined;
  const [first, second] = principalPlane(points);
  const angles = new Float64Array(count);
  for (let i = 0; i < count; i++)
    angles[i] = Math.atan2(dot(points, 3 * i, second), dot(points, 3 * i, first));
  angles.sort();
  const low = direction(angles[Math.floor(EXTREME * (count - 1))], first, second);
  const high = direction(angles[Math.floor((1 - EXTREME) * (count - 1))], first, second);
  // Haematoxylin absorbs more red.
  const [haematoxylin, eosin] = low[0] > high[0] ? [low, high] : [high, low];
  const sound = dot(haematoxylin, 0, reference.haematoxylin) > NEAR && dot(eosin, 0, reference.eosin) > NEAR;
  const apart = dot(haematoxylin, 0, eosin) < APART;
  const basis = sound && apart ? { haematoxylin, eosin } : reference;
  return { basis, maximum: percentiles(points, basis.haematoxylin, basis.eosin) };
}

type Vector = readonly [number, number, number];

function dot(points: ArrayLike<number>, at: number, v: Vector): number {
  return points[at] * v[0] + points[at + 1] * v[1] + points[at + 2] * v[2];
}

function direction(angle: number, first: Vector, second: Vector): [number, number, number] {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [0, 1, 2].map((c) => cos * first[c] + sin * second[c]) as [number, number, number];
}

/**
 * The plane through the origin that holds the densities best: the two largest eigenvectors of their second moments (the
 * singular vectors of the paper; moments about the mean lose the direction of the mean, which both stains share).
 */
function principalPlane(points: readonly number[]): [Vector, Vector] {
  const moments = new Float64Array(9);
  for (let i = 0; i < points.length; i += 3)
    for (let k = 0; k < 9; k++) moments[k] += points[i + Math.floor(k / 3)] * points[i + (k % 3)];
  const first = largest(moments, [0.5, 0.7, 0.4]);
  const weight = dot(multiply(moments, first), 0, first);
  for (let k = 0; k < 9; k++) moments[k] -= weight * first[Math.floor(k / 3)] * first[k % 3];
  return [first, largest(moments, [0.7, -0.6, 0.1])];
}

function multiply(matrix: Float64Array, v: Vector): [number, number, number] {
  return [dot(matrix, 0, v), dot(matrix, 3, v), dot(matrix, 6, v)];
}

function largest(matrix: Float64Array, start: Vector): Vector {
  let v = start;
  for (let step = 0; step < 200; step++) {
    const next = multiply(matrix, v);
    const length = Math.hypot(...next) || 1;
    v = [next[0] / length, next[1] / length, next[2] / length];
  }
  return v;
}

/** 99th percentiles of the amounts of both stains, by least squares. */
function percentiles(points: readonly number[], h: Vector, e: Vector): [number, number] {
  const hh = dot(h, 0, h);
  const ee = dot(e, 0, e);
  const he = dot(h, 0, e);
  const determinant = hh * ee - he * he;
  const count = points.length / 3;
  const hAmount = new Float64Array(count);
  const eAmount = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const ph = dot(points, 3 * i, h);
    const pe = dot(points, 3 * i, e);
    hAmount[i] = (ee * ph - he * pe) / determinant;
    eAmount[i] = (hh * pe - he * ph) / determinant;
  }
  const at = Math.floor(0.99 * (count - 1));
  return [Math.max(1e-3, hAmount.sort()[at]), Math.max(1e-3, eAmount.sort()[at])];
}

// Reinhard et al. 2001: means and standard standard deviations in the decorrelated space l-alpha-beta of log cone responses.

const TO_LMS = [0.3811, 0.5783, 0.0402, 0.1967, 0.7244, 0.0782, 0.0241, 0.1288, 0.8444];
const FROM_LMS = [4.4679, -3.5873, 0.1193, -1.2186, 2.3809, -0.1624, 0.0497, -0.2439, 1.2045];
const R3 = Math.sqrt(3);
const R6 = Math.sqrt(6);
const R2 = Math.sqrt(2);

/** Means and standard deviations of a typical haematoxylin-eosin image: the mean over the CoNSeP training images. */
const TARGET = { mean: [13.14, -0.141, 0.0276], std: [0.513, 0.118, 0.0169] } as const;

/** Brings mean and standard deviation of the three channels of l-alpha-beta to the target's. In place. */
export function normalizeReinhard(image: Uint8Array, order: ChannelOrder): void {
  const lab = toLab(image, order);
  const { mean, std } = labStatistics(lab);
  for (let i = 0; i < lab.length; i++) {
    const c = i % 3;
    lab[i] = ((lab[i] - mean[c]) / Math.max(std[c], 1e-6)) * TARGET.std[c] + TARGET.mean[c];
  }
  fromLab(lab, image, order);
}

/** Mean and standard deviation of each channel of l-alpha-beta. */
export function labStatistics(lab: Float64Array): { mean: number[]; std: number[] } {
  const count = lab.length / 3;
  const sum = [0, 0, 0];
  const squares = [0, 0, 0];
  for (let i = 0; i < lab.length; i++) {
    sum[i % 3] += lab[i];
    squares[i % 3] += lab[i] * lab[i];
  }
  const mean = sum.map((value) => value / count);
  return {
    mean,
    std: squares.map((value, c) => Math.sqrt(Math.max(0, value / count - mean[c] * mean[c]))),
  };
}

/** RGB bytes to l-alpha-beta (logarithms to base 2 of cone responses to 1..256). */
export function toLab(image: Uint8Array, order: ChannelOrder): Float64Array {
  const [r, g, b] = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const out = new Float64Array(image.length);
  for (let i = 0; i < image.length; i += 3) {
    const red = image[i + r] + 1;
    const green = image[i + g] + 1;
    const blue = image[i + b] + 1;
    const l = Math.log2(TO_LMS[0] * red + TO_LMS[1] * green + TO_LMS[2] * blue);
    const m = Math.log2(TO_LMS[3] * red + TO_LMS[4] * green + TO_LMS[5] * blue);
    const s = Math.log2(TO_LMS[6] * red + TO_LMS[7] * green + TO_LMS[8] * blue);
    out[i] = (l + m + s) / R3;
    out[i + 1] = (l + m - 2 * s) / R6;
    out[i + 2] = (l - m) / R2;
  }
  return out;
}

function fromLab(lab: Float64Array, image: Uint8Array, order: ChannelOrder): void {
  const at = order === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  for (let i = 0; i < lab.length; i += 3) {
    const common = lab[i] / R3 + lab[i + 1] / R6;
    const l = 2 ** (common + lab[i + 2] / R2);
    const m = 2 ** (common - lab[i + 2] / R2);
    const s = 2 ** (lab[i] / R3 - (2 * lab[i + 1]) / R6);
    for (let c = 0; c < 3; c++) {
      const value = FROM_LMS[3 * c] * l + FROM_LMS[3 * c + 1] * m + FROM_LMS[3 * c + 2] * s - 0.5;
      image[i + at[c]] = value < 0 ? 0 : Math.min(value, 255);
    }
  }
}
