import type { Rng } from '../../core/rng';
import type { Stain } from './cell_kinds';
import { ramp, smoothNoise } from './noise';
import { cellBounds, cellCoordinates, type PlacedCell } from './place_cells';

/**
 * Optical densities of red, green and blue for a unit of each stain: between the pure dyes of Ruifrok and Johnston
 * (2001) and the mixtures Macenko et al. (2009) find in slides.
 */
const HAEMATOXYLIN = [0.63, 0.71, 0.32];
const EOSIN = [0.12, 0.9, 0.38];

/** How one slide was stained and scanned: shared by its images. */
export interface SlideLook {
  readonly haematoxylin: number;
  readonly eosin: number;
  /** Change of each channel's density, about 1. */
  readonly tint: readonly [number, number, number];
  /** Brightness of empty glass. */
  readonly white: number;
}

/** Draws the look of a slide. */
export function slideLook(rng: Rng): SlideLook {
  const tint = (): number => rng.uniform(0.93, 1.07);
  return {
    haematoxylin: rng.uniform(0.85, 1.15),
    eosin: rng.uniform(0.75, 1.25),
    tint: [tint(), tint(), tint()],
    white: rng.uniform(236, 248),
  };
}

/**
 * Paints tissue with its cells: fibrous eosin ground with gaps, cells in their own pixels, a little blur, grain of the
 * camera. Returns [height * width * 3] RGB.
 */
export function paintTissue(
  width: number,
  height: number,
  cells: readonly PlacedCell[],
  owner: Uint16Array,
  look: SlideLook,
  rng: Rng,
): Uint8Array {
  const pixels = width * height;
  const haematoxylin = new Float32Array(pixels);
  const eosin = new Float32Array(pixels);
  paintGround(width, height, haematoxylin, eosin, rng.fork('ground'));
  const fine = smoothNoise(width, height, { spacing: 1.7 }, rng.fork('fine'));
  const coarse = smoothNoise(width, height, { spacing: 3.6 }, rng.fork('coarse'));
  cells.forEach((cell, i) => {
    paintCell(cell, i + 1, width, height, owner, fine, coarse, haematoxylin, eosin);
  });
  soften(haematoxylin, width, height);
  soften(eosin, width, height);
  return develop(haematoxylin, eosin, look, rng.fork('camera'));
}

function paintGround(
  width: number,
  height: number,
  haematoxylin: Float32Array,
  eosin: Float32Array,
  rng: Rng,
): void {
  const angle = rng.uniform(0, Math.PI);
  const field = (spacing: number, stretch = 1): Float32Array =>
    smoothNoise(width, height, { spacing, stretch, angle }, rng);
  const clouds = field(56);
  const patches = field(19);
  const along = field(5, rng.uniform(2.5, 6));
  const hairs = field(2.2, rng.uniform(4, 8));
  const grain = field(1.3);
  const gapAt = rng.uniform(0.68, 0.85);
  const base = rng.uniform(0.12, 0.26);
  for (let p = 0; p < eosin.length; p++) {
    const fibres =
      base +
      0.22 * (clouds[p] - 0.5) +
      0.14 * (patches[p] - 0.5) +
      0.16 * (along[p] - 0.5) +
      0.12 * (hairs[p] - 0.5);
    // Gaps of bare glass between the fibres.
    const gap = ramp(gapAt, gapAt + 0.07, 0.6 * clouds[p] + 0.4 * patches[p] + 0.12 * (along[p] - 0.5));
    eosin[p] = Math.max(0.02, fibres + 0.08 * (grain[p] - 0.5)) * (1 - 0.9 * gap);
    haematoxylin[p] = Math.max(0, 0.05 + 0.06 * (patches[p] - 0.5) + 0.04 * (grain[p] - 0.5)) * (1 - gap);
  }
}

function paintCell(
  cell: PlacedCell,
  number: number,
  width: number,
  height: number,
  owner: Uint16Array,
  fine: Float32Array,
  coarse: Float32Array,
  haematoxylin: Float32Array,
  eosin: Float32Array,
): void {
  const [x1, y1, x2, y2] = cellBounds(cell, width, height);
  const own = new Float64Array(3);
  const stain: Stain = { haematoxylin: 0, eosin: 0 };
  for (let y = y1; y < y2; y++)
    for (let x = x1; x < x2; x++) {
      const p = y * width + x;
      if (owner[p] !== number) continue;
      cellCoordinates(cell, x, y, own);
      cell.paint(own[0], own[1], own[2], { fine: fine[p], coarse: coarse[p] }, stain);
      // A thin membrane, so that two cells side by side show their border.
      const membrane = 0.16 * ramp(0.86, 0.97, own[2]);
      haematoxylin[p] = Math.max(0.02, stain.haematoxylin + membrane);
      eosin[p] = Math.max(0.02, stain.eosin + 0.25 * eosin[p]);
    }
}

/** A 3 x 3 binomial blur: the optics. */
function soften(field: Float32Array, width: number, height: number): void {
  const rows = new Float32Array(field.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const p = y * width + x;
      rows[p] = (field[x > 0 ? p - 1 : p] + 2 * field[p] + field[x < width - 1 ? p + 1 : p]) / 4;
    }
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const p = y * width + x;
      field[p] = (rows[y > 0 ? p - width : p] + 2 * rows[p] + rows[y < height - 1 ? p + width : p]) / 4;
    }
}

/** Beer-Lambert: light falls by a power of ten with the amount of stain. */
function develop(haematoxylin: Float32Array, eosin: Float32Array, look: SlideLook, rng: Rng): Uint8Array {
  const out = new Uint8Array(haematoxylin.length * 3);
  for (let p = 0; p < haematoxylin.length; p++) {
    const h = haematoxylin[p] * look.haematoxylin;
    const e = eosin[p] * look.eosin;
    for (let c = 0; c < 3; c++) {
      const density = (h * HAEMATOXYLIN[c] + e * EOSIN[c]) * look.tint[c];
      const value = look.white * Math.exp(-Math.LN10 * density) + 5 * (rng.next() + rng.next() - 1);
      out[3 * p + c] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
    }
  }
  return out;
}
