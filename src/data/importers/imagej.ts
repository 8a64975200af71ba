import * as fs from 'node:fs';
import * as path from 'node:path';
import { unzipSync } from 'fflate';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';
import type { CropMask } from '../../geometry/masks';
import { encodeMask, rleToCropMask } from '../../geometry/rle';
import type { ChannelOrder } from '../dataset_info';
import { readImage } from '../formats/image';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { paintShapes, polygonMask, type Rings, type Shape, type Size } from './shapes';

/** A zip may not unpack to more than this: ROI files have a few kilobytes. */
const MAX_UNPACKED = 256e6;

/**
 * ROI sets as ImageJ's ROI manager saves them (`name.zip`, `name_RoiSet.zip`, or a single `name.roi`) beside an image
 * of the same name. The class of a region is its group number (`group1` …), without one `className`.
 */
export function openImageJ(
  dir: string,
  className: string,
  channelOrder: ChannelOrder,
  notes: ImportNotes,
): ForeignDataset {
  const files = findImages(dir).filter(({ id, file }) => {
    if (roisOf(file)) return true;
    notes.add('image without a ROI zip beside it: left out', id);
    return false;
  });
  requireSome(files, dir, 'image with a ROI zip (name.zip or name_RoiSet.zip) beside it');
  const byId = new Map(files.map(({ id, file }) => [id, { file, rois: readRois(roisOf(file) as string) }]));
  const groups = [...new Set([...byId.values()].flatMap(({ rois }) => rois.map(({ group }) => group)))].sort(
    (a, b) => a - b,
  );
  const classOf = (group: number): string => (group === 0 ? className : `group${group}`);
  return {
    ids: files.map(({ id }) => id),
    classes: groups.length > 0 ? groups.map(classOf) : [className],
    channelOrder,
    load: async (id, own) => {
      const { file, rois } = byId.get(id) as { file: string; rois: ImageJRoi[] };
      const { data: image, width, height } = await readImage(file);
      const size = { width, height };
      const shapes: Shape[] = [];
      for (const { name, group, parts, kind } of rois) {
        const told = `${id}, ROI ${name}`;
        const mask = maskOf(parts, kind, size, told, own);
        if (mask) shapes.push({ label: groups.indexOf(group) + 1, mask, name: told });
      }
      return { id, width, height, image, ...paintShapes(shapes, Math.max(1, groups.length), size, own) };
    },
  };
}

function maskOf(
  parts: readonly Rings[],
  kind: string,
  size: Size,
  name: string,
  notes: ImportNotes,
): CropMask | undefined {
  const [rings] = parts;
  if (!rings || rings.length === 0) {
    notes.add(`${kind}: not a region, left out`, name);
    return undefined;
  }
  if (rings.length === 1) return polygonMask(parts, size, name, notes);
  // Several rings: a pixel is in where an odd number of them holds it.
  const data = new Uint8Array(size.width * size.height);
  for (const ring of rings) {
    const mask = polygonMask([[ring]], size, name, notes);
    mask?.data.forEach((value, k) => {
      data[(mask.y + Math.floor(k / mask.width)) * size.width + mask.x + (k % mask.width)] ^= value;
    });
  }
  return data.includes(1) ? rleToCropMask(encodeMask(data, size.height, size.width)) : undefined;
}

function roisOf(file: string): string | undefined {
  const stem = file.replace(/\.[^.]+$/, '');
  return [`${stem}.zip`, `${stem}_RoiSet.zip`, `${stem}.roi`].find((candidate) => fs.existsSync(candidate));
}

function readRois(file: string): ImageJRoi[] {
  let bytes: Uint8Array;
  try {
    bytes = fs.readFileSync(file);
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  if (file.endsWith('.roi')) return [decodeRoi(bytes, file)];
  let unpacked = 0;
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!name.toLowerCase().endsWith('.roi')) return false;
        unpacked += originalSize;
        if (unpacked > MAX_UNPACKED) throw new Error(`unpacks to more than ${MAX_UNPACKED / 1e6} MB`);
        return true;
      },
    });
  } catch (error) {
    throw new DataError(`cannot be read as a zip: ${(error as Error).message}`, {
      where: file,
      cause: error,
    });
  }
  return Object.entries(entries).map(([name, roi]) => ({
    ...decodeRoi(roi, `${file}: ${name}`),
    name: path.parse(name).name,
  }));
}

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
