import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { readJson } from '../../core/files';
import { type CocoSegmentation, segmentationToRle } from '../../geometry/polygon';
import { type Rle, rleArea, rleToCropMask, rleToString } from '../../geometry/rle';
import type { ChannelOrder, DatasetInfo } from '../dataset_info';
import { readImage } from '../formats/image';
import type { ForeignDataset, ImportNotes } from './import_dataset';
import { paintShapes, polygonMask, type Shape, type Size } from './shapes';

interface Annotation {
  readonly id?: number;
  readonly image_id: number;
  readonly category_id: number;
  readonly segmentation: CocoSegmentation;
  readonly iscrowd?: number;
}

interface ImageEntry {
  readonly id: number;
  readonly file_name: string;
  readonly width?: number;
  readonly height?: number;
}

interface Document {
  readonly info?: { readonly dataset?: DatasetInfo };
  readonly images: readonly ImageEntry[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly Annotation[];
}

/**
 * COCO annotations (polygons, run-length codes as lists or strings) with their folder of images. Classes are the
 * categories by rising id; crowd annotations become ignored regions. What `exportCoco` noted beside is taken back.
 */
export function openCoco(
  annotationFile: string,
  imageDir: string,
  channelOrder: ChannelOrder | undefined,
): ForeignDataset {
  const document = readDocument(annotationFile);
  const categories = [...document.categories].sort((a, b) => a.id - b.id);
  const labels = new Map(categories.map(({ id }, i) => [id, i + 1]));
  const images = nameImages(document.images, annotationFile);
  const byImage = new Map<number, Annotation[]>();
  for (const annotation of document.annotations) {
    const own = byImage.get(annotation.image_id);
    if (own) own.push(annotation);
    else byImage.set(annotation.image_id, [annotation]);
  }
  const { pixelSize, groups, channelOrder: noted } = document.info?.dataset ?? {};
  return {
    ids: [...images.keys()].sort((a, b) => (a < b ? -1 : 1)),
    classes: categories.map(({ name }) => name),
    channelOrder: channelOrder ?? noted ?? 'rgb',
    load: async (id, notes) => {
      const entry = images.get(id) as ImageEntry;
      const file = findFile(imageDir, entry.file_name);
      const { data: image, width, height } = await readImage(file);
      const size = { width, height };
      if ((entry.width ?? width) !== width || (entry.height ?? height) !== height)
        throw new DataError(
          `is ${width} x ${height}, its entry in ${path.basename(annotationFile)} says ${entry.width} x ${entry.height}`,
          { where: file },
        );
      const own = byImage.get(entry.id) ?? [];
      const shapes = [...cellShapes(own, labels, size, id, notes), ...crowdShapes(own, size, id, notes)];
      return { id, ...size, image, ...paintShapes(shapes, categories.length, size, notes) };
    },
    info: () => ({ ...(pixelSize ? { pixelSize } : {}), ...(groups ? { groups } : {}) }),
  };
}

function readDocument(file: string): Document {
  const document = readJson<Partial<Document>>(file);
  for (const key of ['images', 'categories', 'annotations'] as const)
    if (!Array.isArray(document?.[key]))
      throw new DataError(`${key}: expected a list`, {
        where: file,
        fix: 'COCO annotations have images, categories and annotations.',
      });
  const whole = document as Document;
  const imageIds = new Set(whole.images.map(({ id }) => id));
  const categoryIds = new Set(whole.categories.map(({ id }) => id));
  whole.annotations.forEach(({ id, image_id, category_id }, i) => {
    const name = `annotations[${i}]${id === undefined ? '' : ` (id ${id})`}`;
    if (!imageIds.has(image_id))
      throw new DataError(`${name}: there is no image ${image_id}`, { where: file });
    if (!categoryIds.has(category_id))
      throw new DataError(`${name}: there is no category ${category_id}`, { where: file });
  });
  return whole;
}

/** Ids of our own: the name of the file, the folder for files all called `image`, the whole path where two are alike. */
function nameImages(entries: readonly ImageEntry[], file: string): Map<string, ImageEntry> {
  const names = entries.map(({ id, file_name }) => {
    if (typeof file_name !== 'string' || file_name === '')
      throw new DataError(`image ${id} has no file_name`, { where: file });
    const { dir, name } = path.posix.parse(file_name.replaceAll('\\', '/'));
    return {
      whole: [...dir.split('/').filter((part) => part && part !== '.'), name].join('_'),
      short: name === 'image' && dir ? path.posix.basename(dir) : name,
    };
  });
  const images = new Map<string, ImageEntry>();
  names.forEach(({ whole, short }, i) => {
    const alone = names.filter((other) => other.short === short).length === 1;
    const id = alone ? short : whole;
    if (images.has(id))
      throw new DataError(`two images are called "${entries[i].file_name}"`, { where: file });
    images.set(id, entries[i]);
  });
  return images;
}

/** The file where the entry says, or of that name directly in the folder. */
function findFile(dir: string, name: string): string {
  const inside = path.join(dir, name);
  if (fs.existsSync(inside)) return inside;
  const flat = path.join(dir, path.basename(name));
  if (fs.existsSync(flat)) return flat;
  throw new DataError('no such image', {
    where: inside,
    fix: `The annotations name it; give the folder that holds "${name}".`,
  });
}

function cellShapes(
  annotations: readonly Annotation[],
  labels: ReadonlyMap<number, number>,
  size: Size,
  id: string,
  notes: ImportNotes,
): Shape[] {
  const shapes: Shape[] = [];
  for (const annotation of annotations) {
    if (annotation.iscrowd) continue;
    const name = `${id}, annotation ${annotation.id ?? '?'}`;
    const mask = isPolygons(annotation.segmentation)
      ? polygonMask(
          annotation.segmentation.map((ring) => [ring]),
          size,
          name,
          notes,
        )
      : codeMask(codeOf(annotation, size, name), name, notes);
    if (mask) shapes.push({ label: labels.get(annotation.category_id) as number, mask, name });
  }
  return shapes;
}

/** Crowd regions once each: the same region stands there for every category. */
function crowdShapes(
  annotations: readonly Annotation[],
  size: Size,
  id: string,
  notes: ImportNotes,
): Shape[] {
  const shapes = new Map<string, Shape>();
  for (const annotation of annotations) {
    if (!annotation.iscrowd) continue;
    const name = `${id}, crowd annotation ${annotation.id ?? '?'}`;
    const code = codeOf(annotation, size, name);
    const mask = codeMask(code, name, notes);
    const key = rleToString(code);
    if (mask && !shapes.has(key)) shapes.set(key, { label: 0, mask, name });
  }
  return [...shapes.values()];
}

function isPolygons(segmentation: CocoSegmentation): segmentation is readonly (readonly number[])[] {
  return (
    Array.isArray(segmentation) &&
    segmentation.every((ring) => Array.isArray(ring) && ring.length >= 2 && ring.length % 2 === 0)
  );
}

function codeOf({ segmentation }: Annotation, { width, height }: Size, name: string): Rle {
  try {
    return segmentationToRle(segmentation, height, width);
  } catch (error) {
    throw new DataError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

function codeMask(code: Rle, name: string, notes: ImportNotes): ReturnType<typeof rleToCropMask> | undefined {
  if (rleArea(code) > 0) return rleToCropMask(code);
  notes.add('empty mask: left out', name);
  return undefined;
}
