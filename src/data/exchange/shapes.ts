import type { CropMask } from '../../structures/crop_mask';
import { polygonToRle } from '../../structures/polygon';
import { rleArea } from '../../structures/rle';
import { rleToCropMask } from '../../structures/rle_raster';
import { subtractRle, unionRle } from '../../structures/rle_sets';
import type { LabelMap } from '../label_map';
import type { ImportNotes } from './notes';
import { pixelPolygonMask } from './pixel_polygon';
import { crossesItself, isOpen } from './polygon_faults';

/** An annotated region on its way into a label map. */
export interface Shape {
  /** Class 1..K; 0 is a region to ignore. */
  readonly label: number;
  readonly mask: CropMask;
  /** For notes: `image, region 12`. */
  readonly name: string;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Outer line and holes, each x0, y0, x1, y1 … in pixels; (0, 0) is the corner of the first pixel. */
export type Rings = readonly (readonly number[])[];

/** What the numbers of a polygon mean: corners of pixels (0, 0 is the corner of the first), or pixels by number. */
export type Coordinates = 'corners' | 'pixels';

/**
 * A polygon, or several parts of one, as a mask. Notes open and self-crossing lines and what the edge of the image
 * cuts; undefined (noted) for what lies outside. A line too small to hold the centre of a pixel becomes the pixels of
 * its corners: nothing is dropped for its size.
 */
export function polygonMask(
  parts: readonly Rings[],
  size: Size,
  name: string,
  notes: ImportNotes,
  coordinates: Coordinates = 'corners',
): CropMask | undefined {
  const { width, height } = size;
  const rings = parts.flat();
  if (rings.some(isOpen)) notes.add('open polygon: closed by a straight line', name);
  if (rings.some(crossesItself)) notes.add('self-crossing polygon: filled by the even-odd rule', name);
  const box = boundsOf(rings);
  const [right, bottom] = coordinates === 'pixels' ? [width - 1, height - 1] : [width, height];
  if (!box || box.x2 < 0 || box.y2 < 0 || box.x1 > right || box.y1 > bottom) {
    notes.add('outside the image: left out', name);
    return undefined;
  }
  if (box.x1 < 0 || box.y1 < 0 || box.x2 > right || box.y2 > bottom)
    notes.add('reaches over the edge of the image: cut', name);
  const mask = coordinates === 'pixels' ? pixelPolygonMask(rings[0], size) : cornerPolygonMask(parts, size);
  if (mask) return mask;
  notes.add('smaller than a pixel: drawn as the pixels of its corners', name);
  return cornerPixels(rings, width, height);
}

function cornerPolygonMask(parts: readonly Rings[], { width, height }: Size): CropMask | undefined {
  const codes = parts.map(([outer, ...holes]) => {
    let code = polygonToRle(outer, height, width);
    for (const hole of holes) code = subtractRle(code, polygonToRle(hole, height, width));
    return code;
  });
  const code = codes.length === 1 ? codes[0] : unionRle(codes);
  return rleArea(code) > 0 ? rleToCropMask(code) : undefined;
}

function boundsOf(rings: Rings): { x1: number; y1: number; x2: number; y2: number } | undefined {
  let [x1, y1, x2, y2] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  for (const ring of rings)
    for (let i = 0; i + 1 < ring.length; i += 2) {
      x1 = Math.min(x1, ring[i]);
      x2 = Math.max(x2, ring[i]);
      y1 = Math.min(y1, ring[i + 1]);
      y2 = Math.max(y2, ring[i + 1]);
    }
  return x1 <= x2 ? { x1, y1, x2, y2 } : undefined;
}

function cornerPixels(rings: Rings, width: number, height: number): CropMask {
  const xs: number[] = [];
  const ys: number[] = [];
  for (const ring of rings)
    for (let i = 0; i + 1 < ring.length; i += 2) {
      xs.push(Math.min(Math.max(Math.floor(ring[i]), 0), width - 1));
      ys.push(Math.min(Math.max(Math.floor(ring[i + 1]), 0), height - 1));
    }
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  const crop = { x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 };
  const data = new Uint8Array(crop.width * crop.height);
  xs.forEach((column, i) => {
    data[(ys[i] - y) * crop.width + column - x] = 1;
  });
  return { ...crop, data };
}

/**
 * Paints shapes into one label map a class, numbered 1..n in their order, and one map of ignored regions. Where two of
 * a class overlap the smaller keeps the shared pixels; overlaps, and shapes wholly covered, are noted.
 */
export function paintShapes(
  shapes: readonly Shape[],
  classCount: number,
  { width, height }: Size,
  notes: ImportNotes,
): { labelMaps: (LabelMap | null)[]; ignore: LabelMap | null } {
  const maps = Array.from({ length: classCount + 1 }, (_, label) => {
    const own = shapes.filter((shape) => shape.label === label);
    return own.length > 0 ? paintClass(own, width, height, notes) : null;
  });
  const [ignore, ...labelMaps] = maps;
  return { labelMaps, ignore };
}

function paintClass(shapes: readonly Shape[], width: number, height: number, notes: ImportNotes): LabelMap {
  const areas = shapes.map(({ mask }) => mask.data.reduce((sum, value) => sum + value, 0));
  const order = shapes.map((_, i) => i).sort((a, b) => areas[b] - areas[a] || a - b);
  // The position in the list plus one; renumbered without gaps below.
  const owner = new Int32Array(width * height);
  const seen = new Int32Array(shapes.length);
  for (const i of order) {
    const { mask, name } = shapes[i];
    let overlaps = false;
    for (let k = 0; k < mask.data.length; k++) {
      if (!mask.data[k]) continue;
      const p = (mask.y + Math.floor(k / mask.width)) * width + mask.x + (k % mask.width);
      if (owner[p] !== 0) {
        seen[owner[p] - 1]--;
        overlaps = true;
      }
      owner[p] = i + 1;
      seen[i]++;
    }
    if (overlaps) notes.add('overlaps another of its class: the smaller keeps the shared pixels', name);
  }
  const numbers = new Int32Array(shapes.length + 1);
  let next = 0;
  shapes.forEach(({ name }, i) => {
    if (seen[i] > 0) numbers[i + 1] = ++next;
    else notes.add('wholly covered by others of its class: left out', name);
  });
  const map = next <= 65535 ? new Uint16Array(owner.length) : new Int32Array(owner.length);
  for (let p = 0; p < owner.length; p++) map[p] = numbers[owner[p]];
  return map;
}
