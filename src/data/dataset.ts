import * as path from 'node:path';
import { DataError, nearestName } from '../core/errors';
import { type ChannelOrder, type DatasetInfo, readDatasetInfo } from './dataset_info';
import { extractInstances } from './extract_instances';
import { readImage, surveyRange } from './formats/image';
import type { IntensityRange } from './formats/intensity';
import { type LabelMap, readLabelMap } from './formats/label_map';
import { countClasses, type EntryFiles, listFolder, onlyFile } from './listing';
import type { DatasetRecord } from './record';

/** Synthetic tissue, made in memory. */
export interface SynthesisOptions {
  readonly images: number;
  readonly width: number;
  readonly height: number;
  readonly seed: number;
}

/** How to open a data set again on another thread. */
export type DatasetSource =
  | {
      readonly kind: 'folder';
      readonly dir: string;
      readonly maxPixels?: number;
      readonly range?: IntensityRange;
    }
  | { readonly kind: 'synthetic'; readonly options: SynthesisOptions };

/** A folder of images, labelled or not. Opening it reads names only; `load` decodes one image. */
export interface Dataset {
  readonly dir: string;
  /** In code-unit order. */
  readonly ids: readonly string[];
  readonly labelled: boolean;
  /** Names of the classes 1..K (`class1` … where the folder gives none). */
  readonly classes: readonly string[];
  /** Micrometres a pixel, where known. */
  readonly pixelSize?: number;
  readonly channelOrder: ChannelOrder;
  /** Image id to group, as far as `dataset.json` tells. */
  readonly groups: Readonly<Record<string, string>>;
  /** How to open it again on another thread; data sets without it are loaded on the caller's. */
  readonly source?: DatasetSource;
  /** The file of the image itself. */
  imageFile(id: string): string;
  /** The image file relative to the folder, with forward slashes: what COCO calls `file_name`. */
  fileName(id: string): string;
  /** Decodes the image alone. */
  loadImage(id: string): Promise<{ image: Uint8Array; width: number; height: number }>;
  /** Decodes one image with its label maps. Errors name the file. */
  load(id: string): Promise<DatasetRecord>;
}

export interface OpenDatasetOptions {
  /** Refuse images of more pixels, before memory is taken. Default 50 million. */
  readonly maxPixels?: number;
  /** What becomes 0 and 255 in 16-bit and float images. Default: as dataset.json says, else found from all images. */
  readonly range?: IntensityRange;
}

/** Opens a data set folder, a folder of unlabelled images, or the folder of one labelled image. */
export async function openDataset(dir: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { labelled, entries } = listFolder(dir);
  if (entries.length === 0)
    throw new DataError('holds no image', {
      where: dir,
      fix: 'Expected DIR/<id>/image.tif with class1.tif …, or a folder of TIFF, PNG or JPEG images.',
    });
  const info = readDatasetInfo(dir);
  const { count, stray } = countClasses(entries, info.classes);
  if (stray.length > 0) throw strayClass(entries, stray[0], count);
  const classes = info.classes ?? Array.from({ length: count }, (_, c) => `class${c + 1}`);
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const ids = entries.map(({ id }) => id);
  const range =
    options.range ??
    info.intensityRange ??
    (await surveyRange(
      entries.flatMap(({ images }) => images.slice(0, 1)),
      options,
    ));
  const reading = { maxPixels: options.maxPixels, range };
  return {
    ...describe(dir, ids, labelled, classes, info),
    source: { kind: 'folder', dir: path.resolve(dir), ...reading },
    imageFile: (id) => {
      const { images, folder } = requireEntry(byId, ids, id, dir);
      return onlyFile(images, folder, 'image');
    },
    fileName: (id) => {
      const { images, folder } = requireEntry(byId, ids, id, dir);
      return path
        .relative(dir, onlyFile(images, folder, 'image'))
        .split(path.sep)
        .join('/');
    },
    loadImage: async (id) => {
      const { images, folder } = requireEntry(byId, ids, id, dir);
      const { data, width, height } = await readImage(onlyFile(images, folder, 'image'), reading);
      return { image: data, width, height };
    },
    load: async (id) => await loadEntry(requireEntry(byId, ids, id, dir), classes.length, reading),
  };
}

function describe(
  dir: string,
  ids: string[],
  labelled: boolean,
  classes: readonly string[],
  info: DatasetInfo,
): Omit<Dataset, 'load' | 'loadImage' | 'imageFile' | 'fileName' | 'source'> {
  return {
    dir,
    ids,
    labelled,
    classes,
    ...(info.pixelSize === undefined ? {} : { pixelSize: info.pixelSize }),
    channelOrder: info.channelOrder ?? 'rgb',
    groups: info.groups ?? {},
  };
}

function requireEntry(
  byId: Map<string, EntryFiles>,
  ids: readonly string[],
  id: string,
  dir: string,
): EntryFiles {
  const entry = byId.get(id);
  if (entry) return entry;
  const near = nearestName(id, ids);
  throw new DataError(`has no image "${id}"${near ? `, did you mean "${near}"?` : ''}`, { where: dir });
}

function strayClass(entries: readonly EntryFiles[], number: number, count: number): DataError {
  const entry = entries.find(({ classes }) => classes.some((known) => known.number === number));
  const file = entry?.classes.find((known) => known.number === number)?.file;
  return new DataError(`class number ${number} is out of range 1..${Math.max(1, count)}`, {
    where: file,
    fix: 'Rename the file, or name every class in dataset.json.',
  });
}

/** Decodes the files of one entry and checks that they belong together. */
export async function loadEntry(
  entry: EntryFiles,
  classCount: number,
  { maxPixels, range }: OpenDatasetOptions = {},
): Promise<DatasetRecord> {
  const {
    height,
    width,
    data: image,
  } = await readImage(onlyFile(entry.images, entry.folder, 'image'), { maxPixels, range });
  const read = async (file: string): Promise<LabelMap> => {
    const map = await readLabelMap(file, { maxPixels });
    requireSize(file, map, { width, height });
    return map.data;
  };
  const labelMaps: (LabelMap | null)[] = new Array<LabelMap | null>(classCount).fill(null);
  for (let c = 1; c <= classCount; c++) {
    const files = entry.classes.filter(({ number }) => number === c).map(({ file }) => file);
    if (files.length > 0) labelMaps[c - 1] = await read(onlyFile(files, entry.folder, `class ${c}`));
  }
  const ignore =
    entry.ignore.length > 0 ? await read(onlyFile(entry.ignore, entry.folder, 'the ignore mask')) : null;
  return { id: entry.id, height, width, image, labelMaps, ignore };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A mask must have the size of its image. */
export function requireSize(file: string, map: Size, image: Size): void {
  if (map.width !== image.width || map.height !== image.height)
    throw new DataError(`is ${map.width} x ${map.height}, its image ${image.width} x ${image.height}`, {
      where: file,
      fix: 'Export image and masks at the same size.',
    });
}

/** Areas in pixels of all labelled cells of some images, class by class: [K][n]. */
export async function cellAreas(dataset: Dataset, ids: readonly string[] = dataset.ids): Promise<number[][]> {
  const areas: number[][] = dataset.classes.map(() => []);
  for (const id of ids) {
    const { labelMaps, width, height } = await dataset.load(id);
    labelMaps.forEach((map, c) => {
      if (!map) return;
      for (const area of extractInstances(map, height, width, 1).areas) areas[c].push(area);
    });
  }
  return areas;
}
