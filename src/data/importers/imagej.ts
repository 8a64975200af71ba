import * as path from 'node:path';
import { unzipSync } from 'fflate';
import { DataError } from '../../core/errors';
import { readBytes } from '../../core/files';
import { ringsToRle } from '../../geometry/polygon';
import { type Rle, rleArea } from '../../geometry/rle';
import { isImageName } from '../formats/detect';
import { type ImageHeader, readImageHeader } from '../formats/image';
import { decodeRoi, type ImageJRoi } from '../formats/imagej_roi';
import { Companions, stemsOf } from './companions';
import { type ForeignDataset, findImages, type ImportNotes, requireSome } from './import_dataset';
import { classOf, type Importer, type ImportSettings, SourceImages } from './importer';
import { paintShapes, polygonMask, type Shape, type Size } from './shapes';

/** A zip may not unpack to more than this: ROI files have a few kilobytes. */
const MAX_UNPACKED = 256e6;

/** ROI sets of ImageJ, NuInsSeg's among them. */
export const imagej: Importer = {
  name: 'imagej',
  reads: 'ROI zips of ImageJ: name.zip, name_RoiSet.zip, name_rois.zip, or RoiSet.zip beside a single image',
  sources: ['src'],
  settings: ['className'],
  open: ([src], settings, notes) => openImageJ(src, settings, notes),
};

/**
 * ROI sets as ImageJ's ROI manager and Cellpose save them (or a single `name.roi`), beside an image of the same name or
 * in another folder of the tree, as NuInsSeg has them. The class of a region is its group number (`group1` …), without
 * one `className`. Of a stack the plane that is read takes its own ROIs.
 */
export function openImageJ(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const className = classOf(settings);
  const companions = new Companions(dir);
  const byId = new Map<string, { file: string; rois: ImageJRoi[] }>();
  for (const { id, file } of findImages(dir)) {
    const zip = roisOf(file, companions);
    if (zip) byId.set(id, { file, rois: readRois(zip, notes) });
    else notes.add('image without a ROI zip beside it: left out', id);
  }
  requireSome(
    [...byId.keys()],
    dir,
    'image with a ROI zip (name.zip, name_RoiSet.zip or name_rois.zip) beside it',
  );
  const groups = [...new Set([...byId.values()].flatMap(({ rois }) => rois.map(({ group }) => group)))].sort(
    (a, b) => a - b,
  );
  const source = new SourceImages(
    [...byId.values()].map(({ file }) => file),
    settings,
  );
  return {
    ids: [...byId.keys()],
    classes:
      groups.length > 0 ? groups.map((group) => (group === 0 ? className : `group${group}`)) : [className],
    channelOrder: settings.channelOrder ?? 'rgb',
    load: async (id, own) => {
      const { file, rois } = byId.get(id) as { file: string; rois: ImageJRoi[] };
      const { data: image, width, height } = await source.load(file, id, own);
      const header = await readImageHeader(file);
      const size = { width, height };
      const shapes: Shape[] = [];
      for (const roi of rois) {
        const told = `${id}, ROI ${roi.name}`;
        if (!isOnPlane(roi, header, settings.plane ?? 1)) {
          own.add('on another plane of the stack: left out', told);
          continue;
        }
        const code = maskOf(roi, size, told, own);
        if (code) shapes.push({ label: groups.indexOf(roi.group) + 1, code, name: told });
      }
      return { id, width, height, image, ...paintShapes(shapes, Math.max(1, groups.length), size, own) };
    },
    info: (own) => source.finish(own),
  };
}

/** Whether a ROI was drawn on the plane (from 1, depths fastest), or on none in particular. */
function isOnPlane(
  { position, slice, frame }: ImageJRoi,
  { planes, depths, stackChannels }: ImageHeader,
  plane: number,
): boolean {
  if (planes <= 1) return true;
  if (slice > 0 || frame > 0) {
    const [own, time] = [((plane - 1) % depths) + 1, Math.floor((plane - 1) / depths) + 1];
    return (slice === 0 || slice === own) && (frame === 0 || frame === time);
  }
  return position === 0 || Math.ceil(position / stackChannels) === plane;
}

function maskOf({ rings, kind }: ImageJRoi, size: Size, name: string, notes: ImportNotes): Rle | undefined {
  if (rings.length === 0) {
    notes.add(`${kind}: not a region, left out`, name);
    return undefined;
  }
  // What follows the edges of pixels has long sides and is never open.
  const [ring] = rings;
  const whole = kind === 'traced' && ring.every((value) => value >= 0 && Number.isInteger(value));
  if (rings.length === 1 && !whole) return polygonMask([rings], size, name, notes);
  const code = ringsToRle(rings, size.height, size.width);
  if (rleArea(code) > 0) return code;
  notes.add('outside the image: left out', name);
  return undefined;
}

function roisOf(file: string, companions: Companions): string | undefined {
  const names = stemsOf(file).flatMap((stem) =>
    ['.zip', '_RoiSet.zip', '_rois.zip', '-RoiSet.zip', '.roi'].map((ending) => `${stem}${ending}`),
  );
  const own = companions.nearest(file, names);
  if (own) return own;
  // RoiSet.zip is what ImageJ proposes: it belongs to the only image beside it.
  const beside = companions.files.filter((other) => path.dirname(other) === path.dirname(file));
  if (beside.filter(isImageName).length !== 1) return undefined;
  return beside.find((other) => /^roiset\.zip$/i.test(path.basename(other)));
}

function readRois(file: string, notes: ImportNotes): ImageJRoi[] {
  const bytes = readBytes(file);
  if (file.toLowerCase().endsWith('.roi')) return [decodeRoi(bytes, file)];
  let unpacked = 0;
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!name.toLowerCase().endsWith('.roi') || name.startsWith('__MACOSX')) return false;
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
  return Object.entries(entries).flatMap(([name, roi]) => {
    try {
      return [{ ...decodeRoi(roi, `${file}: ${name}`), name: path.parse(name).name }];
    } catch (error) {
      notes.add(
        `ROI that cannot be read (${(error as Error).message}): left out`,
        `${path.basename(file)}: ${name}`,
      );
      return [];
    }
  });
}
