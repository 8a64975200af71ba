import type { CropMask } from '../../geometry/masks';
import { polygonToRle } from '../../geometry/polygon';
import { rleArea, rleToCropMask } from '../../geometry/rle';
import { subtractRle, unionRle } from '../../geometry/rle_operations';
import type { LabelMap } from '../formats/label_map';
import type { ImportNotes } from './import_dataset';

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

/**
 * A polygon whose corners are pixel numbers: every pixel whose number lies inside (even-odd rule) or on the line, as
 * `skimage.draw.polygon` fills it, which the MoNuSAC organisers' own conversion uses. Undefined when none is in the
 * image.
 *
 * @param points x0, y0, x1, y1 …
 */
export function pixelPolygonMask(points: readonly number[], { width, height }: Size): CropMask | undefined {
  const n = points.length >> 1;
  const xs = Array.from({ length: n }, (_, i) => points[2 * i]);
  const ys = Array.from({ length: n }, (_, i) => points[2 * i + 1]);
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  const x = clamp(Math.floor(Math.min(...xs)), width - 1);
  const y = clamp(Math.floor(Math.min(...ys)), height - 1);
  const right = clamp(Math.ceil(Math.max(...xs)), width - 1);
  const bottom = clamp(Math.ceil(Math.max(...ys)), height - 1);
  const crop = {
    x,
    y,
    width: right - x + 1,
    height: bottom - y + 1,
    data: new Uint8Array((right - x + 1) * (bottom - y + 1)),
  };
  const fill = (row: number, from: number, to: number): void => {
    if (row < y || row > bottom) return;
    const start = Math.max(Math.ceil(from), x);
    const end = Math.min(Math.floor(to), right);
    if (start <= end)
      crop.data.fill(1, (row - y) * crop.width + start - x, (row - y) * crop.width + end - x + 1);
  };
  for (let row = y; row <= bottom; row++) {
    const crossings: number[] = [];
    for (let i = 0; i < n; i++) {
      const j = (i + 1) % n;
      // Half-open, so that a corner between two sides counts once.
      if (ys[i] <= row === ys[j] <= row) continue;
      crossings.push(xs[i] + ((row - ys[i]) * (xs[j] - xs[i])) / (ys[j] - ys[i]));
    }
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2) fill(row, crossings[k], crossings[k + 1]);
  }
  // What the half-open rule leaves out of the line itself: corners and horizontal sides.
  for (let i = 0; i < n; i++) {
    const j = (i + 1) % n;
    if (!Number.isInteger(ys[i])) continue;
    fill(ys[i], xs[i], xs[i]);
    if (ys[i] === ys[j]) fill(ys[i], Math.min(xs[i], xs[j]), Math.max(xs[i], xs[j]));
  }
  return crop.data.includes(1) ? crop : undefined;
}

/** A ring of points x0, y0, x1, y1 …; the last may repeat the first. */
type Ring = readonly number[];

/** Whether the line ends far from where it began: over 3 pixels, and over three times its longest step. */
export function isOpen(ring: Ring): boolean {
  const n = ring.length >> 1;
  if (n < 3) return n > 0;
  const gap = Math.hypot(ring[0] - ring[2 * n - 2], ring[1] - ring[2 * n - 1]);
  if (gap <= 3) return false;
  let longest = 0;
  for (let i = 0; i + 1 < n; i++)
    longest = Math.max(longest, Math.hypot(ring[2 * i + 2] - ring[2 * i], ring[2 * i + 3] - ring[2 * i + 1]));
  return gap > 3 * longest;
}

/** Whether two sides that are not neighbours cross (touching is allowed). */
export function crossesItself(ring: Ring): boolean {
  const points = distinctPoints(ring);
  const n = points.length >> 1;
  if (n < 4) return false;
  for (let i = 0; i < n; i++) {
    const ax = points[2 * i];
    const ay = points[2 * i + 1];
    const bx = points[(2 * i + 2) % (2 * n)];
    const by = points[(2 * i + 3) % (2 * n)];
    const [left, right] = ax < bx ? [ax, bx] : [bx, ax];
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue;
      const cx = points[2 * j];
      const dx = points[(2 * j + 2) % (2 * n)];
      if ((cx < left && dx < left) || (cx > right && dx > right)) continue;
      const cy = points[2 * j + 1];
      const dy = points[(2 * j + 3) % (2 * n)];
      const abc = side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy);
      if (abc < 0 && side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) < 0) return true;
    }
  }
  return false;
}

function side(ax: number, ay: number, bx: number, by: number, px: number, py: number): number {
  return Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax));
}

/** Without repeated neighbours, the closing point among them. */
function distinctPoints(ring: Ring): number[] {
  const out: number[] = [];
  for (let i = 0; i + 1 < ring.length; i += 2)
    if (out.length === 0 || ring[i] !== out[out.length - 2] || ring[i + 1] !== out[out.length - 1])
      out.push(ring[i], ring[i + 1]);
  if (out.length > 2 && out[0] === out[out.length - 2] && out[1] === out[out.length - 1]) out.splice(-2);
  return out;
}
