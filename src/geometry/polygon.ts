import { DataError } from '../core/errors';
import { type Rle, rleFromCounts, rleFromString } from './rle';
import { unionRle } from './rle_operations';

/** A segmentation as COCO files hold it: polygons, boxes, an uncompressed code or a string code. */
export type CocoSegmentation =
  | readonly (readonly number[])[]
  | readonly number[]
  | { readonly size: readonly number[]; readonly counts: string | readonly number[] };

/** Coordinates beyond this are a mistake, and would take for ever to walk along. */
const FARTHEST = 1e6;

/** Steps a pixel along the boundary. Source: pycocotools maskApi.c, rleFrPoly. */
const SCALE = 5;

/**
 * The mask of a polygon x0, y0, x1, y1, … in pixels, pixel for pixel as pycocotools rasterises it: the boundary is
 * walked in fifths of a pixel, and a column changes where the walk crosses its centre.
 * Source: pycocotools maskApi.c, rleFrPoly. Throws DataError for coordinates that are not numbers.
 */
export function polygonToRle(xy: ArrayLike<number>, height: number, width: number): Rle {
  return ringsToRle([xy], height, width);
}

/** Several rings as one mask: a pixel is in where an odd number of them holds it. Linear in points and pixels crossed. */
export function ringsToRle(rings: readonly ArrayLike<number>[], height: number, width: number): Rle {
  const crossings: number[] = [];
  for (const ring of rings) addCrossings(ring, height, width, crossings);
  return fromCrossings(Float64Array.from(crossings), height, width);
}

function addCrossings(xy: ArrayLike<number>, height: number, width: number, crossings: number[]): void {
  const n = xy.length >> 1;
  const xs = new Int32Array(n + 1);
  const ys = new Int32Array(n + 1);
  for (let i = 0; i < n; i++) {
    if (!(Math.abs(xy[2 * i]) <= FARTHEST && Math.abs(xy[2 * i + 1]) <= FARTHEST))
      throw new DataError(`polygon: expected pixel coordinates, got ${xy[2 * i]}, ${xy[2 * i + 1]}`);
    xs[i] = Math.trunc(SCALE * xy[2 * i] + 0.5);
    ys[i] = Math.trunc(SCALE * xy[2 * i + 1] + 0.5);
  }
  xs[n] = xs[0];
  ys[n] = ys[0];
  for (let i = 0; i < n; i++) walk(xs[i], ys[i], xs[i + 1], ys[i + 1], height, width, crossings);
}

/** The mask of a box x, y, width, height; a polygon of four corners. */
export function boxToRle(box: ArrayLike<number>, height: number, width: number): Rle {
  const [x0, y0, x1, y1] = [box[0], box[1], box[0] + box[2], box[1] + box[3]];
  return polygonToRle([x0, y0, x0, y1, x1, y1, x1, y0], height, width);
}

/**
 * Any COCO segmentation of an image [height, width] as one code: polygons are united, a list of four numbers is a box
 * (as in pycocotools, frPyObjects). Throws DataError for anything else and for codes of another size.
 */
export function segmentationToRle(segmentation: CocoSegmentation, height: number, width: number): Rle {
  if (Array.isArray(segmentation)) {
    const parts = (Array.isArray(segmentation[0]) ? segmentation : [segmentation]) as number[][];
    const boxes = parts[0]?.length === 4;
    if (parts.length === 0 || parts.some((part) => !isPolygon(part, boxes)))
      throw new DataError('segmentation: expected polygons of at least three points');
    return unionRle(
      parts.map((part) => (boxes ? boxToRle(part, height, width) : polygonToRle(part, height, width))),
    );
  }
  const { size, counts } = (segmentation ?? {}) as { size?: unknown; counts?: unknown };
  if (!Array.isArray(size) || size.length !== 2 || counts === undefined)
    throw new DataError('segmentation: expected polygons or a run-length code {size, counts}');
  if (size[0] !== height || size[1] !== width)
    throw new DataError(`segmentation: expected a mask of ${height} x ${width}, got ${size.join(' x ')}`);
  if (typeof counts === 'string') return rleFromString(counts, [height, width]);
  if (Array.isArray(counts)) return rleFromCounts(counts as number[], [height, width]);
  throw new DataError('segmentation: counts are neither a string nor a list');
}

function isPolygon(part: unknown, box: boolean): boolean {
  return (
    Array.isArray(part) &&
    (box ? part.length === 4 : part.length >= 6 && part.length % 2 === 0) &&
    part.every((value) => typeof value === 'number')
  );
}

/** Walks along one side and adds the places (column * height + row) at which it crosses a column's centre. */
function walk(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  height: number,
  width: number,
  crossings: number[],
): void {
  const dx = Math.abs(x1 - x0);
  const dy = Math.abs(y1 - y0);
  // No column changes on a side that is a point or upright.
  if (dx === 0) return;
  const flat = dx >= dy;
  const flip = flat ? x0 > x1 : y0 > y1;
  const [xs, ys, xe, ye] = flip ? [x1, y1, x0, y0] : [x0, y0, x1, y1];
  const slope = flat ? (ye - ys) / dx : (xe - xs) / dy;
  const steps = flat ? dx : dy;
  let u = x0;
  let v = y0;
  for (let d = 0; d <= steps; d++) {
    const t = flip ? steps - d : d;
    const nextU = flat ? t + xs : Math.trunc(xs + slope * t + 0.5);
    const nextV = flat ? Math.trunc(ys + slope * t + 0.5) : t + ys;
    if (d > 0 && nextU !== u) {
      const x = ((nextU < u ? nextU : nextU - 1) + 0.5) / SCALE - 0.5;
      if (Number.isInteger(x) && x >= 0 && x <= width - 1) {
        const y = (Math.min(nextV, v) + 0.5) / SCALE - 0.5;
        crossings.push(x * height + Math.ceil(Math.min(Math.max(y, 0), height)));
      }
    }
    u = nextU;
    v = nextV;
  }
}

function fromCrossings(places: Float64Array, height: number, width: number): Rle {
  const sorted = new Float64Array(places.length + 1);
  sorted.set(places);
  sorted[places.length] = height * width;
  sorted.sort();
  // Runs between neighbouring places; a run of nothing joins the two beside it.
  const counts = new Uint32Array(sorted.length);
  counts[0] = sorted[0];
  let n = 1;
  for (let i = 1; i < sorted.length; ) {
    const length = sorted[i] - sorted[i - 1];
    i++;
    if (length > 0) counts[n++] = length;
    else if (i < sorted.length) {
      counts[n - 1] += sorted[i] - sorted[i - 1];
      i++;
    }
  }
  return { size: [height, width], counts: counts.slice(0, n) };
}
