import type { CropMask } from '../../geometry/masks';
import { polygonToRle, ringsToRle } from '../../geometry/polygon';
import { encodeCropMask, type Rle, rleArea } from '../../geometry/rle';
import { subtractRle, unionRle } from '../../geometry/rle_operations';
import type { LabelMap } from '../formats/label_map';
import type { ImportNotes } from './import_dataset';

/** An annotated region on its way into a label map. Runs, not pixels: hundreds as large as the image cost little. */
export interface Shape {
  /** Class 1..K; 0 is a region to ignore. */
  readonly label: number;
  readonly code: Rle;
  /** For notes: `image, region 12`. */
  readonly name: string;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Outer line and holes, each x0, y0, x1, y1 … in pixels; (0, 0) is the corner of the first pixel. */
export type Rings = readonly (readonly number[])[];

/** Coordinates beyond this are a mistake. */
const FARTHEST = 1e6;

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
): Rle | undefined {
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
  if (Math.max(-box.x1, -box.y1, box.x2, box.y2) > FARTHEST) {
    notes.add('coordinates beyond a million pixels: left out', name);
    return undefined;
  }
  const code = coordinates === 'pixels' ? pixelPolygonCode(rings[0], size) : cornerPolygonCode(parts, size);
  if (code) return code;
  notes.add('smaller than a pixel: drawn as the pixels of its corners', name);
  return encodeCropMask(cornerPixels(rings, width, height), height, width);
}

/** From so many holes on they are filled together, by the even-odd rule. */
const MANY_HOLES = 8;

function cornerPolygonCode(parts: readonly Rings[], { width, height }: Size): Rle | undefined {
  const codes = parts.map((rings) => {
    const [outer, ...holes] = rings;
    if (holes.length > MANY_HOLES) return ringsToRle(rings, height, width);
    let code = polygonToRle(outer, height, width);
    for (const hole of holes) code = subtractRle(code, polygonToRle(hole, height, width));
    return code;
  });
  const code = unionRle(codes);
  return rleArea(code) > 0 ? code : undefined;
}

function pixelPolygonCode(points: readonly number[], size: Size): Rle | undefined {
  const mask = pixelPolygonMask(points, size);
  return mask && encodeCropMask(mask, size.height, size.width);
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
  const clamp = (value: number, most: number): number => Math.min(Math.max(Math.floor(value), 0), most);
  const { x1, y1, x2, y2 } = boundsOf(rings) ?? { x1: 0, y1: 0, x2: 0, y2: 0 };
  const [x, y] = [clamp(x1, width - 1), clamp(y1, height - 1)];
  const crop = { x, y, width: clamp(x2, width - 1) - x + 1, height: clamp(y2, height - 1) - y + 1 };
  const data = new Uint8Array(crop.width * crop.height);
  for (const ring of rings)
    for (let i = 0; i + 1 < ring.length; i += 2)
      data[(clamp(ring[i + 1], height - 1) - y) * crop.width + clamp(ring[i], width - 1) - x] = 1;
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

/** Pixels that are looked at twice to say which cells overlap; past this only the first of a row of them is. */
const MOST_LOOKS = 5e7;

function paintClass(shapes: readonly Shape[], width: number, height: number, notes: ImportNotes): LabelMap {
  const areas = shapes.map(({ code }) => rleArea(code));
  // The smallest first: what it takes nobody takes again, and every pixel is painted once.
  const order = shapes.map((_, i) => i).sort((a, b) => areas[a] - areas[b] || b - a);
  const painting = new Painting(width * height, shapes.length);
  for (const i of order) painting.add(i, shapes[i].code.counts);
  const { owner, taken, overlaps } = painting;
  const numbers = new Int32Array(shapes.length + 1);
  let next = 0;
  shapes.forEach(({ name }, i) => {
    if (overlaps[i]) notes.add('overlaps another of its class: the smaller keeps the shared pixels', name);
    if (taken[i] > 0) numbers[i + 1] = ++next;
    else notes.add('wholly covered by others of its class: left out', name);
  });
  const map = next <= 65535 ? new Uint16Array(owner.length) : new Int32Array(owner.length);
  // Run-length codes go down the columns, label maps along the rows.
  for (let x = 0, at = 0; x < width; x++)
    for (let p = x; p < map.length; p += width) map[p] = numbers[owner[at++]];
  return map;
}

/** Who owns each pixel, column by column. */
class Painting {
  /** The place of the shape in the list plus one; 0 is nobody. */
  readonly owner: Int32Array;
  /** Pixels that each shape has got. */
  readonly taken: Int32Array;
  /** Whether a larger one wanted pixels of this. */
  readonly overlaps: Uint8Array;
  /** At the first pixel of a row of owned ones: where it ends, or a step towards that. */
  private readonly skip: Int32Array;
  private looks = 0;

  constructor(pixels: number, shapes: number) {
    this.owner = new Int32Array(pixels);
    this.skip = new Int32Array(pixels + 1);
    this.taken = new Int32Array(shapes);
    this.overlaps = new Uint8Array(shapes);
  }

  add(i: number, counts: ArrayLike<number>): void {
    for (let r = 1, at = counts[0]; r < counts.length; r += 2) {
      const end = at + counts[r];
      for (let p = at; p < end; ) {
        if (this.owner[p] === 0) {
          this.owner[p] = i + 1;
          this.skip[p] = p + 1;
          this.taken[i]++;
          p++;
          continue;
        }
        const free = Math.min(end, this.freeFrom(p));
        const look = this.looks < MOST_LOOKS ? free : p + 1;
        this.looks += look - p;
        for (let q = p; q < look; q++) this.overlaps[this.owner[q] - 1] = 1;
        p = free;
      }
      at = end + (counts[r + 1] ?? 0);
    }
  }

  /** The first pixel from p on that nobody owns; the way there is shortened for the next time. */
  private freeFrom(p: number): number {
    let free = p;
    while (free < this.owner.length && this.owner[free] !== 0) free = this.skip[free];
    for (let q = p; q < free; ) {
      const next = this.skip[q];
      this.skip[q] = free;
      q = next;
    }
    return free;
  }
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
  const bounds = boundsOf([points]);
  if (!bounds) return undefined;
  const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
  const x = clamp(Math.floor(bounds.x1), width - 1);
  const y = clamp(Math.floor(bounds.y1), height - 1);
  const right = clamp(Math.ceil(bounds.x2), width - 1);
  const bottom = clamp(Math.ceil(bounds.y2), height - 1);
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
  const crossings: number[][] = Array.from({ length: crop.height }, () => []);
  for (let i = 0; i < n; i++) {
    const j = (i + 1) % n;
    const [xi, yi, xj, yj] = [points[2 * i], points[2 * i + 1], points[2 * j], points[2 * j + 1]];
    // Half-open, so that a corner between two sides counts once: rows from the upper end on, the lower one left out.
    const end = Math.min(bottom + 1, Math.ceil(Math.max(yi, yj)));
    for (let row = Math.max(y, Math.ceil(Math.min(yi, yj))); row < end; row++)
      crossings[row - y].push(xi + ((row - yi) * (xj - xi)) / (yj - yi));
    // What the half-open rule leaves out of the line itself: corners and level sides.
    if (!Number.isInteger(yi)) continue;
    fill(yi, xi, xi);
    if (yi === yj) fill(yi, Math.min(xi, xj), Math.max(xi, xj));
  }
  crossings.forEach((row, k) => {
    row.sort((a, b) => a - b);
    for (let i = 0; i + 1 < row.length; i += 2) fill(y + k, row[i], row[i + 1]);
  });
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

/** Pairs of sides looked at before a line is taken as sound: only a line made to cost time has so many. */
const MOST_PAIRS = 2e7;

/** Whether two sides that are not neighbours cross (touching is allowed). Sides are met from left to right. */
export function crossesItself(ring: Ring): boolean {
  const points = distinctPoints(ring);
  const n = points.length >> 1;
  if (n < 4) return false;
  const left = new Float64Array(n);
  const right = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const [a, b] = [points[2 * i], points[(2 * i + 2) % (2 * n)]];
    left[i] = Math.min(a, b);
    right[i] = Math.max(a, b);
  }
  const order = Int32Array.from({ length: n }, (_, i) => i).sort((a, b) => left[a] - left[b]);
  let pairs = 0;
  for (let k = 0; k < n; k++) {
    const i = order[k];
    for (let m = k + 1; m < n && left[order[m]] <= right[i]; m++) {
      if (++pairs > MOST_PAIRS) return false;
      if (sidesCross(points, n, i, order[m])) return true;
    }
  }
  return false;
}

function sidesCross(points: readonly number[], n: number, i: number, j: number): boolean {
  const apart = Math.abs(i - j);
  if (apart === 1 || apart === n - 1) return false;
  const [ax, ay, bx, by] = sideOf(points, n, i);
  const [cx, cy, dx, dy] = sideOf(points, n, j);
  if (Math.max(ay, by) < Math.min(cy, dy) || Math.max(cy, dy) < Math.min(ay, by)) return false;
  if (side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy) >= 0) return false;
  return side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) < 0;
}

function sideOf(points: readonly number[], n: number, i: number): [number, number, number, number] {
  const j = (2 * i + 2) % (2 * n);
  return [points[2 * i], points[2 * i + 1], points[j], points[j + 1]];
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
