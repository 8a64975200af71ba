import type { CropMask } from '../../geometry/masks';

/** Size and form of one cell, in pixels, as scikit-image's `regionprops` has them. */
export interface CellShape {
  readonly area: number;
  /** Centroid; the centre of the first pixel is 0, 0. */
  readonly x: number;
  readonly y: number;
  /** Length of the border through the centres of its pixels, diagonal steps counted as such (4-neighbourhood). */
  readonly perimeter: number;
  /** Of the ellipse of the same second moments: 0 for a circle, towards 1 for a line. */
  readonly eccentricity: number;
  /** Pixels over those of the convex hull. */
  readonly solidity: number;
}

/** Measures a mask; zeros for an empty one. Source: scikit-image 0.25, measure/_regionprops.py. */
export function measureCell(mask: CropMask): CellShape {
  const { width, height, data } = mask;
  let [area, sumX, sumY, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] === 0) continue;
      area++;
      sumX += x;
      sumY += y;
      xx += x * x;
      xy += x * y;
      yy += y * y;
    }
  if (area === 0) return { area, x: 0, y: 0, perimeter: 0, eccentricity: 0, solidity: 0 };
  const [cx, cy] = [sumX / area, sumY / area];
  const [a, b, c] = [xx / area - cx * cx, xy / area - cx * cy, yy / area - cy * cy];
  const spread = Math.sqrt(((a - c) / 2) ** 2 + b * b);
  const [most, least] = [(a + c) / 2 + spread, Math.max((a + c) / 2 - spread, 0)];
  return {
    area,
    x: mask.x + cx,
    y: mask.y + cy,
    perimeter: perimeterOf(mask),
    eccentricity: most <= 1e-12 ? 0 : Math.sqrt(1 - least / most),
    solidity: area / convexArea(mask),
  };
}

/** Weights of a border pixel by 1 + 2 (its border neighbours beside) + 10 (those across). Source: measure/_regionprops_utils.py. */
const WEIGHTS = new Float64Array(50);
for (const code of [5, 7, 15, 17, 25, 27]) WEIGHTS[code] = 1;
for (const code of [21, 33]) WEIGHTS[code] = Math.SQRT2;
for (const code of [13, 23]) WEIGHTS[code] = (1 + Math.SQRT2) / 2;

function perimeterOf({ width, height, data }: CropMask): number {
  const at = (from: Uint8Array, x: number, y: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? from[y * width + x] : 0;
  const border = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const inner = at(data, x - 1, y) & at(data, x + 1, y) & at(data, x, y - 1) & at(data, x, y + 1);
      border[y * width + x] = data[y * width + x] && !inner ? 1 : 0;
    }
  let total = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (border[y * width + x] === 0) continue;
      const beside =
        at(border, x - 1, y) + at(border, x + 1, y) + at(border, x, y - 1) + at(border, x, y + 1);
      const across =
        at(border, x - 1, y - 1) +
        at(border, x + 1, y - 1) +
        at(border, x - 1, y + 1) +
        at(border, x + 1, y + 1);
      total += WEIGHTS[1 + 2 * beside + 10 * across];
    }
  return total;
}

/** Pixels whose centre is in the convex hull of the middles of all pixel edges. Source: morphology/convex_hull.py. */
function convexArea({ width, height, data }: CropMask): number {
  const points: [number, number][] = [];
  for (let y = 0; y < height; y++) {
    const first = data.indexOf(1, y * width) - y * width;
    if (first < 0 || first >= width) continue;
    const last = data.lastIndexOf(1, (y + 1) * width - 1) - y * width;
    points.push([first - 0.5, y], [last + 0.5, y]);
    for (const x of [first, last]) points.push([x, y - 0.5], [x, y + 0.5]);
  }
  points.sort((p, q) => p[1] - q[1] || p[0] - q[0]);
  const left = chain(points, 1);
  const right = chain(points, -1);
  let count = 0;
  for (let y = 0; y < height; y++) {
    const from = Math.ceil(crossing(left, y, 1) - 1e-9);
    const to = Math.floor(crossing(right, y, -1) + 1e-9);
    count += Math.max(0, to - from + 1);
  }
  return count;
}

/** The left (side 1) or right (side -1) half of the hull of points ordered by y. Andrew 1979. */
function chain(points: readonly [number, number][], side: 1 | -1): [number, number][] {
  const hull: [number, number][] = [];
  for (const point of points) {
    while (hull.length >= 2) {
      const [a, b] = [hull[hull.length - 2], hull[hull.length - 1]];
      const turn = (b[1] - a[1]) * (point[0] - a[0]) - (b[0] - a[0]) * (point[1] - a[1]);
      if (side * turn > 0) break;
      hull.pop();
    }
    hull.push(point);
  }
  return hull;
}

/** Where a half of the hull meets row y: its outermost x. */
function crossing(hull: readonly [number, number][], y: number, side: 1 | -1): number {
  let best = side * Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < hull.length; i++) {
    const [[x1, y1], [x2, y2]] = [hull[i], hull[i + 1]];
    if (y < y1 || y > y2) continue;
    const xs = y1 === y2 ? [x1, x2] : [x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)];
    for (const x of xs) if (side * x < side * best) best = x;
  }
  return best;
}
