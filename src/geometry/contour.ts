import type { CropMask } from './masks';

/** A closed line along pixel edges: the last point joins the first. */
export interface Contour {
  /** [n * 2] x, y of the corners, pixels of the image; clockwise on the screen around pixels, the other way around a hole. */
  readonly points: Int32Array;
  readonly hole: boolean;
}

/** A connected piece of a mask: one outer line and the holes in it. */
export interface ContourPolygon {
  readonly outer: Contour;
  readonly holes: readonly Contour[];
}

// East, south, west, north: turning right adds 1.
const DX = [1, 0, -1, 0];
const DY = [0, 1, 0, -1];
// From a corner, the pixel ahead to the right and ahead to the left of each direction.
const RIGHT_X = [0, -1, -1, 0];
const RIGHT_Y = [0, 0, -1, -1];
const LEFT_X = [0, 0, -1, -1];
const LEFT_Y = [-1, 0, 0, -1];

/**
 * The lines around a mask, exactly along pixel edges, only corners kept. Pixels that touch at a corner only are
 * taken as apart, and so is background that does: no line comes to a corner twice, each is a valid ring of GeoJSON.
 */
export function traceContours(mask: CropMask): Contour[] {
  const { width, height, data } = mask;
  const set = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] !== 0;
  // Every line has a stretch going east, above a pixel whose upper neighbour is empty.
  const visited = new Uint8Array(width * height);
  const contours: Contour[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (visited[y * width + x] === 0 && set(x, y) && !set(x, y - 1))
        contours.push(...simpleRings(trace(mask, set, visited, x, y)));
  return contours;
}

/** The pieces of a mask with their holes, for GeoJSON and overlays. */
export function maskPolygons(mask: CropMask): ContourPolygon[] {
  const contours = traceContours(mask);
  const pieces = contours
    .filter((contour) => !contour.hole)
    .map((outer) => ({ outer, holes: [] as Contour[], area: Math.abs(signedArea(outer.points)) }))
    .sort((a, b) => a.area - b.area);
  for (const hole of contours) {
    if (!hole.hole) continue;
    // A point just inside the mask, beside the hole's first corner: the smallest piece around it owns the hole.
    const [x, y] = besideHole(hole);
    pieces.find(({ outer }) => contains(outer.points, x, y))?.holes.push(hole);
  }
  return pieces.map(({ outer, holes }) => ({ outer, holes }));
}

/** Area within a closed line, pixels; negative around a hole. */
export function signedArea(points: Int32Array): number {
  let twice = 0;
  const n = points.length;
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    twice += points[i] * points[j + 1] - points[j] * points[i + 1];
  }
  return twice / 2;
}

function trace(
  mask: CropMask,
  set: (x: number, y: number) => boolean,
  visited: Uint8Array,
  startX: number,
  startY: number,
): number[] {
  const points: number[] = [];
  let [x, y, direction] = [startX, startY, 0];
  do {
    if (direction === 0) visited[y * mask.width + x] = 1;
    x += DX[direction];
    y += DY[direction];
    let turned = direction;
    if (!set(x + RIGHT_X[direction], y + RIGHT_Y[direction])) turned = (direction + 1) & 3;
    else if (set(x + LEFT_X[direction], y + LEFT_Y[direction])) turned = (direction + 3) & 3;
    if (turned !== direction) points.push(x + mask.x, y + mask.y);
    direction = turned;
  } while (x !== startX || y !== startY || direction !== 0);
  return points;
}

/** Cuts a line at every corner that it comes to twice: what lies between is a ring of its own. */
function simpleRings(points: readonly number[]): Contour[] {
  const rings: Contour[] = [];
  const stack: number[] = [];
  // Where on the stack a corner is.
  const places = new Map<number, number>();
  const key = (x: number, y: number): number => y * 2 ** 26 + x;
  const add = (ring: readonly number[]): void => {
    const line = Int32Array.from(ring);
    rings.push({ points: line, hole: signedArea(line) < 0 });
  };
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [points[i], points[i + 1]];
    const place = places.get(key(x, y));
    if (place !== undefined) {
      const ring = stack.splice(place);
      for (let k = 2; k < ring.length; k += 2) places.delete(key(ring[k], ring[k + 1]));
      add(ring);
    } else places.set(key(x, y), stack.length);
    stack.push(x, y);
  }
  add(stack);
  return rings;
}

/** The centre of the mask's pixel under the hole's lowest edge: below its lowest, then leftmost corner. */
function besideHole({ points }: Contour): [number, number] {
  let best = 0;
  for (let i = 2; i < points.length; i += 2) {
    const lower = points[i + 1] - points[best + 1];
    if (lower > 0 || (lower === 0 && points[i] < points[best])) best = i;
  }
  return [points[best] + 0.5, points[best + 1] + 0.5];
}

/** Whether a point that lies on no edge is inside (even-odd rule). */
function contains(points: Int32Array, x: number, y: number): boolean {
  let inside = false;
  const n = points.length;
  for (let i = 0; i < n; i += 2) {
    const j = (i + 2) % n;
    const crosses = points[i + 1] > y !== points[j + 1] > y;
    // Edges are upright or level: only an upright one crosses, at its own x.
    if (crosses && points[i] > x) inside = !inside;
  }
  return inside;
}
