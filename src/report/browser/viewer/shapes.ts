import type { PackedRing, ViewedShape } from '../../viewer/viewer_data';

/** A shape ready to be drawn and pointed at. */
export interface Shape {
  readonly path: Path2D;
  /** left, top, right, bottom in pixels of the image. */
  readonly box: readonly [number, number, number, number];
  readonly corners: readonly Float32Array[];
}

/** Corners x, y of a packed ring. */
export function unpackRing(ring: PackedRing): Float32Array {
  const corners = new Float32Array(2 * (ring.length - 1));
  let [x, y] = ring;
  corners.set([x, y]);
  for (let i = 2; i < ring.length; i++) {
    if (i % 2 === 0) y += ring[i];
    else x += ring[i];
    corners.set([x, y], 2 * (i - 1));
  }
  return corners;
}

export function makeShape({ rings }: ViewedShape): Shape {
  const path = new Path2D();
  const corners = rings.map(unpackRing);
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (const line of corners) {
    for (let i = 0; i < line.length; i += 2) {
      const [x, y] = [line[i], line[i + 1]];
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x);
      bottom = Math.max(bottom, y);
    }
    path.closePath();
  }
  return { path, corners, box: [left, top, right, bottom] };
}

/** Whether the point (x, y) of the image is in the shape (even-odd rule; edges are upright or level). */
export function holds({ box, corners }: Shape, x: number, y: number): boolean {
  if (x < box[0] || y < box[1] || x >= box[2] || y >= box[3]) return false;
  let inside = false;
  for (const line of corners)
    for (let i = 0; i < line.length; i += 2) {
      const j = (i + 2) % line.length;
      if (line[i + 1] > y !== line[j + 1] > y && line[i] > x) inside = !inside;
    }
  return inside;
}
