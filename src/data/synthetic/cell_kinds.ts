import type { Rng } from '../../core/rng';
import { ramp } from './noise';

/** Amounts of haematoxylin and eosin at a point of a cell. */
export interface Stain {
  haematoxylin: number;
  eosin: number;
}

/** Random fields of the image that give cells their texture, 0..1 at one pixel. */
export interface Grain {
  readonly fine: number;
  readonly coarse: number;
}

/**
 * Paints one cell. (u, v) are its own coordinates, 1 at the rim along the long and the short axis; `depth` is 0 in the
 * middle and 1 on the outline.
 */
export type CellPainter = (u: number, v: number, depth: number, grain: Grain, out: Stain) => void;

/** What makes a class: how often, how large, how round, and how it is painted. */
export interface CellKind {
  readonly name: string;
  readonly share: number;
  /** Mean radius in pixels: mean, standard deviation, least, most. */
  readonly radius: readonly [number, number, number, number];
  /** Long over short axis: least, most. */
  readonly elongation: readonly [number, number];
  /** Depth of the waves of the outline, as a share of the radius. */
  readonly waviness: number;
  readonly paint: (rng: Rng) => CellPainter;
}

/**
 * The four classes. Size, shape, colour and texture differ, and each alone overlaps: what tells them apart for sure is
 * the arrangement inside (a pale body with rim and nucleoli; a dense clod; lobes in pink; foam beside a small nucleus).
 */
export const CELL_KINDS: readonly CellKind[] = [
  {
    name: 'epithelial',
    share: 0.29,
    radius: [12, 1.5, 8, 16],
    elongation: [1.15, 1.6],
    waviness: 0.03,
    paint: paintEpithelial,
  },
  {
    name: 'lymphocyte',
    share: 0.29,
    radius: [8, 1.1, 6, 11],
    elongation: [1, 1.18],
    waviness: 0.03,
    paint: paintLymphocyte,
  },
  {
    name: 'neutrophil',
    share: 0.21,
    radius: [10, 1.2, 7, 13],
    elongation: [1, 1.3],
    waviness: 0.05,
    paint: paintNeutrophil,
  },
  {
    name: 'macrophage',
    share: 0.21,
    radius: [14, 1.9, 9, 17.5],
    elongation: [1.05, 1.4],
    waviness: 0.1,
    paint: paintMacrophage,
  },
];

/** Vesicular: dark rim, pale interior, one to three nucleoli. */
function paintEpithelial(rng: Rng): CellPainter {
  const tone = rng.uniform(0.6, 1.3);
  const pink = rng.uniform(0.08, 0.22);
  const spots = scatter(rng, rng.integer(1, 4), 0.55, [0.14, 0.24]);
  return (u, v, depth, { coarse, fine }, out) => {
    const rim = ramp(0.66, 0.88, depth);
    const spot = nearestSpot(spots, u, v);
    out.haematoxylin = tone * (0.36 + 0.5 * rim + 0.2 * (coarse - 0.5) + 0.12 * (fine - 0.5) + 0.75 * spot);
    out.eosin = pink;
  };
}

/** Dense and round, chromatin in clods. */
function paintLymphocyte(rng: Rng): CellPainter {
  const tone = rng.uniform(0.65, 1.25);
  const pink = rng.uniform(0.04, 0.16);
  const clods = rng.uniform(0.35, 0.6);
  return (_u, _v, depth, { coarse, fine }, out) => {
    const clod = ramp(0.42, 0.62, 0.65 * coarse + 0.35 * fine);
    out.haematoxylin = tone * (0.62 + clods * (clod - 0.4) + 0.1 * ramp(0.7, 0.95, depth));
    out.eosin = pink;
  };
}

/** Two to four dark lobes on an arc, in granular pink cytoplasm. */
function paintNeutrophil(rng: Rng): CellPainter {
  const tone = rng.uniform(0.75, 1.4);
  const pink = rng.uniform(0.2, 0.36);
  const count = rng.integer(2, 5);
  const start = rng.uniform(0, 2 * Math.PI);
  const lobes = Array.from({ length: count }, (_, i) => {
    const angle = start + (i * rng.uniform(3.6, 4.8)) / count;
    const distance = rng.uniform(0.38, 0.52);
    return { x: distance * Math.cos(angle), y: distance * Math.sin(angle), radius: rng.uniform(0.3, 0.42) };
  });
  return (u, v, _depth, { fine }, out) => {
    const lobe = nearestSpot(lobes, u, v);
    out.haematoxylin = tone * (0.14 + 0.95 * lobe) + 0.1 * (fine - 0.5);
    out.eosin = pink * (1 - 0.6 * lobe) + 0.2 * (fine - 0.4);
  };
}

/** Pale foam of vacuoles and a small nucleus to one side. */
function paintMacrophage(rng: Rng): CellPainter {
  const tone = rng.uniform(0.7, 1.4);
  const pink = rng.uniform(0.1, 0.26);
  const bubbles = scatter(rng, rng.integer(6, 11), 0.72, [0.16, 0.28]);
  const angle = rng.uniform(0, 2 * Math.PI);
  const nucleus = [{ x: 0.45 * Math.cos(angle), y: 0.45 * Math.sin(angle), radius: rng.uniform(0.3, 0.42) }];
  return (u, v, depth, { fine, coarse }, out) => {
    const core = nearestSpot(nucleus, u, v);
    const bubble = nearestSpot(bubbles, u, v) * (1 - core);
    const body = 0.34 + 0.16 * ramp(0.75, 0.92, depth) + 0.18 * (fine - 0.5) - 0.24 * bubble;
    out.haematoxylin = tone * (body + core * (0.42 + 0.3 * (coarse - 0.5)));
    out.eosin = pink * (1 - 0.7 * bubble);
  };
}

interface Spot {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

function scatter(rng: Rng, count: number, reach: number, radius: readonly [number, number]): Spot[] {
  return Array.from({ length: count }, () => {
    const angle = rng.uniform(0, 2 * Math.PI);
    const distance = reach * Math.sqrt(rng.next());
    return { x: distance * Math.cos(angle), y: distance * Math.sin(angle), radius: rng.uniform(...radius) };
  });
}

/** 1 inside any of the spots, 0 outside, with a soft edge. */
function nearestSpot(spots: readonly Spot[], u: number, v: number): number {
  let most = 0;
  for (const { x, y, radius } of spots) {
    const distance = Math.sqrt((u - x) * (u - x) + (v - y) * (v - y));
    most = Math.max(most, ramp(1.2 * radius, 0.8 * radius, distance));
  }
  return most;
}
