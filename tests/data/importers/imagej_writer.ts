import { zipSync } from 'fflate';
import type { ContourPolygon } from '../../../src/geometry/contour';

/** A region as ImageJ has it: rings along pixel edges, and its group. */
export interface WrittenRoi {
  readonly name: string;
  readonly polygons: readonly ContourPolygon[];
  readonly group: number;
}

const [POLYGON_VERSION, TRACED, RECTANGLE] = [227, 8, 1];
const [HEADER, HEADER2] = [64, 64];
/** Steps of a path: `java.awt.geom.PathIterator`. */
const [MOVE, LINE, CLOSE] = [0, 1, 4];

/** A set as the ROI manager saves it, byte by byte after the layout in the source of ImageJ's `ij.io.RoiEncoder`. */
export function roiSet(rois: readonly WrittenRoi[]): Uint8Array {
  return zipSync(Object.fromEntries(rois.map((roi) => [`${roi.name}.roi`, roiBytes(roi)])));
}

/** One ring is a traced polygon of whole numbers from its corner; several are a composite: a path of floats. */
function roiBytes({ name, polygons, group }: WrittenRoi): Uint8Array {
  const rings = polygons.flatMap(({ outer, holes }) => [outer, ...holes]).map(({ points }) => points);
  const xs = rings.flatMap((ring) => [...ring].filter((_, i) => i % 2 === 0));
  const ys = rings.flatMap((ring) => [...ring].filter((_, i) => i % 2 === 1));
  const [left, top, right, bottom] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const simple = rings.length === 1;
  const path = simple ? [] : rings.flatMap(pathOf);
  const second = HEADER + (simple ? 4 * xs.length : 4 * path.length);
  const bytes = Buffer.alloc(second + HEADER2 + 2 * name.length);
  bytes.write('Iout', 0, 'latin1');
  bytes.writeInt16BE(POLYGON_VERSION, 4);
  bytes.writeUInt8(simple ? TRACED : RECTANGLE, 6);
  [top, left, bottom, right].forEach((value, i) => {
    bytes.writeInt16BE(value, 8 + 2 * i);
  });
  bytes.writeInt32BE(second, 60);
  if (simple) {
    bytes.writeUInt16BE(xs.length, 16);
    xs.forEach((x, i) => {
      bytes.writeInt16BE(x - left, HEADER + 2 * i);
      bytes.writeInt16BE(ys[i] - top, HEADER + 2 * (xs.length + i));
    });
  } else {
    bytes.writeInt32BE(path.length, 36);
    path.forEach((value, i) => {
      bytes.writeFloatBE(value, HEADER + 4 * i);
    });
  }
  bytes.writeInt32BE(second + HEADER2, second + 16);
  bytes.writeInt32BE(name.length, second + 20);
  bytes.writeUInt8(group, second + 30);
  [...name].forEach((letter, i) => {
    bytes.writeUInt16BE(letter.charCodeAt(0), second + HEADER2 + 2 * i);
  });
  return bytes;
}

function pathOf(ring: ArrayLike<number>): number[] {
  const out: number[] = [];
  for (let i = 0; i < ring.length; i += 2) out.push(i === 0 ? MOVE : LINE, ring[i], ring[i + 1]);
  return [...out, CLOSE];
}
