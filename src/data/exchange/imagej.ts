import * as fs from 'node:fs';
import * as path from 'node:path';
import { unzipSync } from 'fflate';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';
import type { CropMask } from '../../structures/crop_mask';
import { encodeMask, rleToCropMask } from '../../structures/rle_raster';
import type { ChannelOrder } from '../dataset_info';
import { readImage } from '../image';
import { decodeRoi, type ImageJRoi } from './imagej_roi';
import { type ForeignDataset, findImages, requireSome } from './import_dataset';
import type { ImportNotes } from './notes';
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
