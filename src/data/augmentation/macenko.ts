import type { StainBasis } from './stain';

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
