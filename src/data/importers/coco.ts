import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { type CocoSegmentation, segmentationToRle } from '../../geometry/polygon';
import { type Rle, rleArea, rleToString } from '../../geometry/rle';
import type { DatasetInfo } from '../dataset_info';
import { foldName, safeName } from '../safe_name';
import { readForeignJson } from './foreign_json';
import type { ForeignDataset, ImportNotes } from './import_dataset';
import { type Importer, type ImportSettings, requireSameSize, SourceImages } from './importer';
import { paintShapes, polygonMask, type Shape, type Size } from './shapes';

interface Annotation {
  readonly id?: unknown;
  readonly image_id: unknown;
  readonly category_id: unknown;
  readonly segmentation?: unknown;
  readonly iscrowd?: unknown;
}

interface ImageEntry {
  readonly id: unknown;
  readonly file_name: string;
  readonly width?: unknown;
  readonly height?: unknown;
}

interface Category {
  readonly id: unknown;
  readonly name: string;
  readonly supercategory?: unknown;
}

interface Document {
  readonly info?: { readonly dataset?: DatasetInfo };
  readonly images: readonly ImageEntry[];
  readonly categories: readonly Category[];
  readonly annotations: readonly Annotation[];
}

/** COCO annotations with their folder of images. */
export const coco: Importer = {
  name: 'coco',
  reads: 'COCO annotations: polygons and run-length codes',
  sources: ['annotations', 'images'],
  settings: [],
  open: ([annotations, images], settings, notes) => openCoco(annotations, images, settings, notes),
};

/**
 * COCO annotations (polygons, run-length codes as lists or strings) with their folder of images. Classes are the
 * categories by rising id; crowd annotations become ignored regions. What `exportCoco` noted beside is taken back. An
 * annotation that cannot be used is left out and noted by its id.
 */
export function openCoco(
  annotationFile: string,
  imageDir: string,
  settings: ImportSettings,
  notes: ImportNotes,
): ForeignDataset {
  const document = readDocument(annotationFile);
  const categories = usedCategories(document, annotationFile, notes);
  const labels = new Map(categories.map(({ id }, i) => [String(id), i + 1]));
  const images = nameImages(document.images, annotationFile);
  const byImage = groupAnnotations(document, labels, annotationFile, notes);
  const folder = new ImageFolder(imageDir);
  const files = new Map([...images].map(([id, { file_name }]) => [id, folder.find(file_name)]));
  const source = new SourceImages([...files.values()], settings);
  const { pixelSize, groups, channelOrder: noted } = document.info?.dataset ?? {};
  return {
    ids: [...images.keys()].sort((a, b) => (a < b ? -1 : 1)),
    classes: categories.map(({ name }) => name),
    channelOrder: settings.channelOrder ?? noted ?? 'rgb',
    load: async (id, own) => {
      const entry = images.get(id) as ImageEntry;
      const { data: image, width, height } = await source.load(files.get(id) as string, id, own);
      const size = { width, height };
      requireSameSize(
        `${path.basename(annotationFile)}: image ${entry.id}`,
        { width: Number(entry.width ?? width), height: Number(entry.height ?? height) },
        size,
      );
      const annotations = byImage.get(String(entry.id)) ?? [];
      const shapes = [
        ...cellShapes(annotations, labels, size, id, own),
        ...crowdShapes(annotations, size, id, own),
      ];
      return { id, ...size, image, ...paintShapes(shapes, categories.length, size, own) };
    },
    info: async (own) => ({ ...(await source.finish(own, pixelSize)), ...(groups ? { groups } : {}) }),
  };
}

function readDocument(file: string): Document {
  const document = readForeignJson(file) as Partial<Document> | null;
  for (const key of ['images', 'categories', 'annotations'] as const)
    if (!Array.isArray(document?.[key]))
      throw new DataError(`${key}: expected a list`, {
        where: file,
        fix: 'COCO annotations have images, categories and annotations.',
      });
  const whole = document as Document;
  requireDistinct('image', whole.images, file);
  requireDistinct('category', whole.categories, file);
  for (const { id, name } of whole.categories)
    if (typeof name !== 'string' || name.trim() === '')
      throw new DataError(`category ${String(id)} has no name`, { where: file });
  return whole;
}

function requireDistinct(kind: string, entries: readonly { readonly id: unknown }[], file: string): void {
  const seen = new Set<string>();
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null || entry.id === undefined || entry.id === null)
      throw new DataError(`${kind} ${seen.size + 1} has no id`, { where: file });
    const id = String(entry.id);
    if (seen.has(id))
      throw new DataError(`two ${kind === 'image' ? 'images' : 'categories'} have the id ${id}`, {
        where: file,
        fix: 'Give each its own id: annotations cannot tell them apart.',
      });
    seen.add(id);
  }
}

/** Categories by rising id, without the root that Roboflow puts over the others. */
function usedCategories({ categories, annotations }: Document, file: string, notes: ImportNotes): Category[] {
  const used = new Set(annotations.map((annotation) => String(annotation?.category_id)));
  const root = categories.find(
    ({ id, name }) =>
      !used.has(String(id)) &&
      categories.length > 1 &&
      categories.every((other) => other.supercategory === name || String(other.id) === String(id)),
  );
  if (root) notes.add(`category "${root.name}" is over all others and has no cell: left out`, file);
  const kept = categories
    .filter((category) => category !== root)
    .sort((a, b) => Number(a.id) - Number(b.id) || (String(a.id) < String(b.id) ? -1 : 1));
  const names = kept.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new DataError(`two categories are called "${twice}"`, { where: file, fix: 'Rename one of them.' });
  return kept;
}

/** Annotations by the id of their image, as text: one side often has numbers, the other text. */
function groupAnnotations(
  { images, annotations }: Document,
  labels: ReadonlyMap<string, number>,
  file: string,
  notes: ImportNotes,
): Map<string, Annotation[]> {
  const known = new Set(images.map(({ id }) => String(id)));
  const byImage = new Map<string, Annotation[]>();
  let [kept, crowds] = [0, 0];
  let first = '';
  annotations.forEach((annotation, i) => {
    const name = `annotations[${i}]${annotation?.id === undefined ? '' : ` (id ${String(annotation.id)})`}`;
    const fault =
      typeof annotation !== 'object' || annotation === null
        ? 'no annotation'
        : !known.has(String(annotation.image_id))
          ? `there is no image ${String(annotation.image_id)}`
          : !labels.has(String(annotation.category_id))
            ? `there is no category ${String(annotation.category_id)}`
            : undefined;
    if (fault) {
      first ||= `${name}: ${fault}`;
      notes.add(`annotation left out: ${fault}`, name);
      return;
    }
    kept++;
    if (annotation.iscrowd) crowds++;
    const key = String(annotation.image_id);
    const own = byImage.get(key);
    if (own) own.push(annotation);
    else byImage.set(key, [annotation]);
  });
  if (kept === 0 && annotations.length > 0)
    throw new DataError(`none of its ${annotations.length} annotations can be used; ${first}`, {
      where: file,
    });
  if (kept > 0 && crowds === kept)
    notes.add('every annotation is a crowd: regions to ignore, and no cell at all', file);
  return byImage;
}

/** Ids of our own: the name of the file, the folder for files all called `image`, the whole path where two are alike. */
function nameImages(entries: readonly ImageEntry[], file: string): Map<string, ImageEntry> {
  const levels: ((parts: readonly string[], stem: string, ext: string) => string)[] = [
    (parts, stem) => (stem === 'image' && parts.length > 0 ? parts[parts.length - 1] : stem),
    (parts, stem) => [...parts, stem].join('_'),
    (parts, stem, ext) => [...parts, `${stem}${ext}`].join('_'),
  ];
  const names = entries.map(({ id, file_name }) => {
    if (typeof file_name !== 'string' || file_name === '')
      throw new DataError(`image ${String(id)} has no file_name`, { where: file });
    const { dir, name, ext } = path.posix.parse(file_name.replaceAll('\\', '/'));
    const parts = dir.split('/').filter((part) => part && part !== '.' && part !== '..');
    return levels.map((level) => safeName(level(parts, name, ext)));
  });
  const images = new Map<string, ImageEntry>();
  let open = entries.map((_, i) => i);
  for (let level = 0; level < levels.length; level++) {
    const counts = new Map<string, number>();
    for (const i of open) counts.set(names[i][level], (counts.get(names[i][level]) ?? 0) + 1);
    const rest: number[] = [];
    for (const i of open) {
      const id = names[i][level];
      if (counts.get(id) === 1 && !images.has(id)) images.set(id, entries[i]);
      else rest.push(i);
    }
    open = rest;
  }
  if (open.length > 0)
    throw new DataError(`two images are called "${entries[open[0]].file_name}"`, { where: file });
  return images;
}

/** The images of a folder by the names that annotations give them. */
class ImageFolder {
  private readonly listed = new Map<string, ReadonlyMap<string, string>>();

  constructor(private readonly dir: string) {}

  /** The file where the entry says, or of that name directly in the folder; letter case and Unicode form may differ. */
  find(name: string): string {
    const slashed = name.replaceAll('\\', '/');
    for (const candidate of [name, slashed, path.posix.basename(slashed)]) {
      const inside = path.resolve(this.dir, candidate);
      if (!isBelow(inside, this.dir)) continue;
      const found = this.existing(inside);
      if (found) return found;
    }
    throw new DataError('no such image', {
      where: path.join(this.dir, path.posix.basename(slashed)),
      fix: `The annotations name it; give the folder that holds "${name}".`,
    });
  }

  private existing(file: string): string | undefined {
    if (fs.existsSync(file)) return file;
    const folder = path.dirname(file);
    let names = this.listed.get(folder);
    if (!names) {
      const found = fs.existsSync(folder) && fs.statSync(folder).isDirectory() ? fs.readdirSync(folder) : [];
      names = new Map(found.map((name) => [foldName(name), name]));
      this.listed.set(folder, names);
    }
    const name = names.get(foldName(path.basename(file)));
    return name === undefined ? undefined : path.join(folder, name);
  }
}

function isBelow(file: string, dir: string): boolean {
  const relative = path.relative(path.resolve(dir), file);
  return (
    relative !== '' &&
    relative !== '..' &&
    !relative.startsWith(`..${path.sep}`) &&
    !path.isAbsolute(relative)
  );
}

function cellShapes(
  annotations: readonly Annotation[],
  labels: ReadonlyMap<string, number>,
  size: Size,
  id: string,
  notes: ImportNotes,
): Shape[] {
  const shapes: Shape[] = [];
  for (const annotation of annotations) {
    if (annotation.iscrowd) continue;
    const name = `${id}, annotation ${String(annotation.id ?? '?')}`;
    const code = codeOf(annotation, size, name, notes);
    if (code) shapes.push({ label: labels.get(String(annotation.category_id)) as number, code, name });
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
    const name = `${id}, crowd annotation ${String(annotation.id ?? '?')}`;
    const code = codeOf(annotation, size, name, notes);
    if (!code) continue;
    const key = rleToString(code);
    if (!shapes.has(key)) shapes.set(key, { label: 0, code, name });
  }
  return [...shapes.values()];
}

/** The mask of an annotation; undefined, and noted, where it has none that can be used. */
function codeOf(annotation: Annotation, size: Size, name: string, notes: ImportNotes): Rle | undefined {
  const { segmentation } = annotation;
  const empty =
    segmentation === undefined ||
    segmentation === null ||
    (Array.isArray(segmentation) &&
      segmentation.every((part) => part === null || (Array.isArray(part) && part.length === 0)));
  if (empty) {
    notes.add('annotation without a mask (a box alone): left out', name);
    return undefined;
  }
  const rings = polygonsOf(segmentation);
  if (rings)
    return polygonMask(
      rings.map((ring) => [ring]),
      size,
      name,
      notes,
    );
  try {
    const code = segmentationToRle(segmentation as CocoSegmentation, size.height, size.width);
    if (rleArea(code) > 0) return code;
    notes.add('empty mask: left out', name);
  } catch (error) {
    notes.add(`${(error as Error).message}: left out`, name);
  }
  return undefined;
}

/** Polygons as flat lists of numbers; lists of [x, y] points, one level deeper, and a single list are taken too. */
function polygonsOf(segmentation: unknown): number[][] | undefined {
  if (!Array.isArray(segmentation)) return undefined;
  // A list of four numbers is a box, as in pycocotools.
  if (segmentation.length >= 6 && isRing(segmentation)) return [segmentation as number[]];
  const rings: number[][] = [];
  for (const part of segmentation as unknown[]) {
    if (!Array.isArray(part)) return undefined;
    if (part.length === 0) continue;
    const flat: unknown[] =
      Array.isArray(part[0]) && part.every((point) => Array.isArray(point) && point.length === 2)
        ? (part as unknown[][]).flat()
        : part;
    if (!isRing(flat)) return undefined;
    rings.push(flat as number[]);
  }
  return rings;
}

function isRing(values: readonly unknown[]): boolean {
  return (
    values.length >= 2 &&
    values.length % 2 === 0 &&
    values.every((value) => typeof value === 'number' && Number.isFinite(value))
  );
}
