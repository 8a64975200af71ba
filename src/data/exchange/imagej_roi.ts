import { DataError } from '../../core/errors';
import type { Rings } from './shapes';

// The format of ij.io.RoiDecoder (ImageJ 1.54): big-endian, "Iout", header of 64 bytes, coordinates, second header.

/** A region of ImageJ. */
export interface ImageJRoi {
  readonly name: string;
  /** 0 none; 1..255 the group number a person gave it. */
  readonly group: number;
  /** Polygons with their holes; empty for what is no region (lines, points), which `kind` then names. */
  readonly parts: readonly Rings[];
  readonly kind: string;
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
  };
  const shapeSize = view.getInt32(FLAG_SHAPE_SIZE);
  if (shapeSize > 0) return { ...common, parts: [readShape(view, shapeSize)] };
  const subPixel = (view.getInt16(50) & SUB_PIXEL) !== 0 && view.getInt16(4) >= 222;
  if (kind === 'rectangle' || kind === 'oval') {
    const exact = subPixel
      ? [18, 22, 26, 30].map((at) => view.getFloat32(at))
      : [left, top, right - left, bottom - top];
    return { ...common, parts: [[kind === 'oval' ? oval(exact) : rectangle(exact)]] };
  }
  if (kind !== 'polygon' && kind !== 'freehand' && kind !== 'traced') return { ...common, parts: [] };
  const count = view.getUint16(16);
  const points: number[] = [];
  for (let i = 0; i < count; i++) {
    if (subPixel) {
      const floats = 64 + 4 * count;
      points.push(view.getFloat32(floats + 4 * i), view.getFloat32(floats + 4 * count + 4 * i));
    } else points.push(left + view.getInt16(64 + 2 * i), top + view.getInt16(64 + 2 * count + 2 * i));
  }
  return { ...common, parts: [[points]] };
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
