import { DataError } from '../../core/errors';

// The format of ij.io.RoiDecoder (ImageJ 1.54): big-endian, "Iout", header of 64 bytes, coordinates, second header.

/** A region of ImageJ. */
export interface ImageJRoi {
  readonly name: string;
  /** 0 none; 1..255 the group number a person gave it. */
  readonly group: number;
  /** Lines x0, y0, x1, y1 …: a pixel is in where an odd number of them holds it. None for lines and points. */
  readonly rings: readonly (readonly number[])[];
  readonly kind: string;
  /** Where in a stack it was drawn, from 1; 0: anywhere. `position` counts images of a plain stack. */
  readonly position: number;
  readonly channel: number;
  readonly slice: number;
  readonly frame: number;
}

const KINDS = [
  'polygon',
  'rectangle',
  'oval',
  'line',
  'freeline',
  'polyline',
  'noRoi',
  'freehand',
  'traced',
  'angle',
  'point',
];
const SUB_PIXEL = 128;
const FLAG_SHAPE_SIZE = 36;
/** Corners of the polygon that stands for an oval. */
const OVAL_CORNERS = 72;

/** Decodes one .roi file. Errors name it: no ROI, cut off. */
export function decodeRoi(bytes: Uint8Array, where: string): ImageJRoi {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 64 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'Iout')
    throw new DataError('is no ImageJ ROI', { where });
  try {
    return decode(view, where);
  } catch (error) {
    if (error instanceof RangeError) throw new DataError('is cut off', { where, cause: error });
    throw error;
  }
}

function decode(view: DataView, where: string): ImageJRoi {
  const kind = KINDS[view.getUint8(6)] ?? `type ${view.getUint8(6)}`;
  const [top, left, bottom, right] = [8, 10, 12, 14].map((at) => view.getInt16(at));
  const second = view.getInt32(60);
  const common = {
    name: readName(view, second) || where,
    group: second > 0 && second + 31 <= view.byteLength ? view.getUint8(second + 30) : 0,
    kind,
    position: Math.max(0, view.getInt32(56)),
    ...placeOf(view, second),
  };
  const shapeSize = view.getInt32(FLAG_SHAPE_SIZE);
  if (shapeSize > 0) return { ...common, rings: readShape(view, shapeSize) };
  const subPixel = (view.getInt16(50) & SUB_PIXEL) !== 0 && view.getInt16(4) >= 222;
  if (kind === 'rectangle' || kind === 'oval') {
    const exact = subPixel
      ? [18, 22, 26, 30].map((at) => view.getFloat32(at))
      : [left, top, right - left, bottom - top];
    return { ...common, rings: [kind === 'oval' ? oval(exact) : rectangle(exact)] };
  }
  if (kind !== 'polygon' && kind !== 'freehand' && kind !== 'traced') return { ...common, rings: [] };
  const count = view.getUint16(16);
  const points: number[] = [];
  for (let i = 0; i < count; i++) {
    if (subPixel) {
      const floats = 64 + 4 * count;
      points.push(view.getFloat32(floats + 4 * i), view.getFloat32(floats + 4 * count + 4 * i));
    } else points.push(left + view.getInt16(64 + 2 * i), top + view.getInt16(64 + 2 * count + 2 * i));
  }
  return { ...common, rings: [points] };
}

/** Channel, slice and frame of a hyperstack. */
function placeOf(view: DataView, second: number): { channel: number; slice: number; frame: number } {
  if (second <= 0 || second + 16 > view.byteLength) return { channel: 0, slice: 0, frame: 0 };
  const [channel, slice, frame] = [4, 8, 12].map((at) => Math.max(0, view.getInt32(second + at)));
  return { channel, slice, frame };
}

function rectangle([x, y, width, height]: readonly number[]): number[] {
  return [x, y, x + width, y, x + width, y + height, x, y + height];
}

function oval([x, y, width, height]: readonly number[]): number[] {
  return Array.from({ length: OVAL_CORNERS }, (_, i) => {
    const angle = (2 * Math.PI * i) / OVAL_CORNERS;
    return [x + (width / 2) * (1 + Math.cos(angle)), y + (height / 2) * (1 + Math.sin(angle))];
  }).flat();
}

/** A composite: a path of floats; rings after the first are holes or further parts, told apart by the even-odd rule. */
function readShape(view: DataView, length: number): number[][] {
  const rings: number[][] = [];
  let ring: number[] = [];
  for (let i = 0, at = 64; i < length; ) {
    const step = view.getFloat32(at);
    const values = step === 4 ? 0 : step <= 1 ? 2 : step === 2 ? 4 : 6;
    if (step === 0) {
      ring = [];
      rings.push(ring);
    }
    // Of a curve its end: ImageJ writes regions made of pixels as straight lines.
    if (values > 0) ring.push(view.getFloat32(at + 4 * (values - 1)), view.getFloat32(at + 4 * values));
    i += 1 + values;
    at += 4 * (1 + values);
  }
  return rings.filter((points) => points.length >= 6);
}

function readName(view: DataView, second: number): string {
  if (second <= 0 || second + 24 > view.byteLength) return '';
  const at = view.getInt32(second + 16);
  const length = view.getInt32(second + 20);
  if (at <= 0 || length <= 0 || at + 2 * length > view.byteLength) return '';
  return Array.from({ length }, (_, i) => String.fromCharCode(view.getUint16(at + 2 * i))).join('');
}

/** A region to write: lines along pixel edges, its name and group. */
export interface RoiToWrite {
  readonly name: string;
  /** Outer lines and holes, corners x0, y0, x1, y1 … in whole pixels. */
  readonly rings: readonly ArrayLike<number>[];
  /** 1..255: ImageJ shows each group in a colour of its own. */
  readonly group: number;
}

const [VERSION, TRACED, RECTANGLE] = [227, 8, 1];
const [HEADER, HEADER2] = [64, 64];
/** Steps of a path: `java.awt.geom.PathIterator`. */
const [MOVE, LINE, CLOSE] = [0, 1, 4];

/**
 * The bytes of a .roi file: one line as a traced polygon, several (holes, parts) as a composite. Coordinates of a
 * traced polygon are 16-bit numbers; what is farther out is written as a composite too, whose numbers are floats.
 */
export function encodeRoi({ name, rings, group }: RoiToWrite): Uint8Array {
  const { left, top, right, bottom } = extent(rings);
  const simple = rings.length === 1 && right < 32_768 && bottom < 32_768 && rings[0].length < 65_536;
  const path = simple ? 0 : rings.reduce((sum, ring) => sum + 1.5 * ring.length + 1, 0);
  const second = HEADER + (simple ? 2 * rings[0].length : 4 * path);
  const bytes = Buffer.alloc(second + HEADER2 + 2 * name.length);
  bytes.write('Iout', 0, 'latin1');
  bytes.writeInt16BE(VERSION, 4);
  bytes.writeUInt8(simple ? TRACED : RECTANGLE, 6);
  for (const [i, value] of [top, left, bottom, right].entries())
    bytes.writeInt16BE(Math.min(value, 32_767), 8 + 2 * i);
  bytes.writeInt32BE(second, 60);
  if (simple) {
    const [ring] = rings;
    const count = ring.length / 2;
    bytes.writeUInt16BE(count, 16);
    for (let i = 0; i < count; i++) {
      bytes.writeInt16BE(ring[2 * i] - left, HEADER + 2 * i);
      bytes.writeInt16BE(ring[2 * i + 1] - top, HEADER + 2 * (count + i));
    }
  } else {
    bytes.writeInt32BE(path, FLAG_SHAPE_SIZE);
    let at = HEADER;
    const put = (value: number): void => {
      at = bytes.writeFloatBE(value, at);
    };
    for (const ring of rings) {
      for (let i = 0; i < ring.length; i += 2) {
        put(i === 0 ? MOVE : LINE);
        put(ring[i]);
        put(ring[i + 1]);
      }
      put(CLOSE);
    }
  }
  bytes.writeInt32BE(second + HEADER2, second + 16);
  bytes.writeInt32BE(name.length, second + 20);
  bytes.writeUInt8(group & 255, second + 30);
  for (let i = 0; i < name.length; i++) bytes.writeUInt16BE(name.charCodeAt(i), second + HEADER2 + 2 * i);
  return bytes;
}

function extent(rings: readonly ArrayLike<number>[]): {
  left: number;
  top: number;
  right: number;
  bottom: number;
} {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (const ring of rings)
    for (let i = 0; i < ring.length; i += 2) {
      left = Math.min(left, ring[i]);
      right = Math.max(right, ring[i]);
      top = Math.min(top, ring[i + 1]);
      bottom = Math.max(bottom, ring[i + 1]);
    }
  return { left, top, right, bottom };
}
