import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { readBytes } from '../../core/files';
import { encodeMask } from '../../geometry/rle';
import { isImageName } from '../formats/detect';
import { doubtOfMap, type LabelMap, type ReadLabels, readLabelMap } from '../formats/label_map';
import { foldName } from '../safe_name';
import { Companions, sharedParts, stemsOf } from './companions';
import { readForeignJson } from './foreign_json';
import {
  type ForeignDataset,
  type ImageFile,
  type ImportNotes,
  nameImageFiles,
  requireSome,
} from './import_dataset';
import { classOf, type Importer, type ImportSettings, requireSameSize, SourceImages } from './importer';
import { listFiles } from './list_files';
import { paintShapes, type Shape } from './shapes';

/** What label images are called beside their images: `name_masks.tif` and so on; or the same name in such a folder. */
export interface Naming {
  readonly suffixes: readonly string[];
  readonly folders: readonly string[];
  /** What the name of an image may end in, where that of its label image does not. */
  readonly imageSuffixes: readonly string[];
}

const LABELS: Naming = {
  suffixes: ['_labels', '_label', '_masks', '_mask', '_cp_masks', '_gt'],
  folders: [
    'labels',
    'label',
    'masks',
    'mask',
    'label masks',
    'label_masks',
    'instances',
    'gt',
    'ground_truth',
  ],
  imageSuffixes: ['_img', '_image'],
};

/** Label images. */
export const labels: Importer = {
  name: 'labels',
  reads:
    'one label image per image: name_labels.png beside it, or masks/name.png; or one mask per cell in masks/; one class, or name_classes.csv',
  sources: ['src'],
  settings: ['className', 'components', 'byColour'],
  open: ([src], settings, notes) => openLabelImages(src, settings, notes),
};

/** An image with its label image, or with a mask for each of its cells. */
export interface Pair extends ImageFile {
  readonly labels: readonly string[];
  readonly oneEach?: boolean;
}

/**
 * One label image an image, or a folder of masks, one a cell. All cells are of one class, or a list beside the label
 * image tells the class of each number: `name_classes.json` ({"1": "tumour", …}) or `name_classes.csv` (lines
 * `number,class`).
 */
export function openLabelImages(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const className = classOf(settings);
  const pairs = requireSome(
    pairUp(dir, LABELS, notes),
    dir,
    'image with a label image (name_labels.tif beside it, or labels/name.tif)',
  );
  const lists = new Map(
    pairs.map(({ id, labels: own, file, oneEach }) => [
      id,
      oneEach ? undefined : readClassList(own[0], file),
    ]),
  );
  const named = [...new Set([...lists.values()].flatMap((list) => (list ? [...list.values()] : [])))].sort();
  const classes = named.length > 0 ? named : [className];
  return openPairs(pairs, classes, settings, (id, value) => {
    const list = lists.get(id);
    if (!list) return named.length > 0 ? classes.indexOf(className) + 1 : 1;
    return classes.indexOf(list.get(value) ?? '') + 1;
  });
}

/** Pairs of images and label images as a data set. */
export function openPairs(
  pairs: readonly Pair[],
  classes: readonly string[],
  settings: ImportSettings,
  labelOf: (id: string, value: number) => number,
  readLabels: (pair: Pair, settings: ImportSettings) => Promise<ReadLabels> = readPair,
): ForeignDataset {
  const byId = new Map(pairs.map((pair) => [pair.id, pair]));
  const source = new SourceImages(
    pairs.map(({ file }) => file),
    settings,
  );
  return {
    ids: pairs.map(({ id }) => id),
    classes,
    channelOrder: settings.channelOrder ?? 'rgb',
    load: async (id, notes) => {
      const pair = byId.get(id) as Pair;
      const { data: image, width, height } = await source.load(pair.file, id, notes);
      if (pair.oneEach && !(await isLabelImage(pair))) {
        const shapes = await cellMasks(pair, { width, height }, notes);
        return { id, width, height, image, ...paintShapes(shapes, classes.length, { width, height }, notes) };
      }
      const { data, notes: told, ...size } = await readLabels(pair, settings);
      for (const note of told) notes.add(`label image ${note}`, id);
      requireSameSize(pair.labels[0], size, { width, height });
      const doubt = settings.components || settings.byColour ? undefined : doubtOfMap(data, height, width);
      if (doubt) notes.add(doubt, path.basename(pair.labels[0]));
      const labelMaps = divide(data, classes.length, (value) => labelOf(id, value), id, notes);
      return { id, width, height, image, labelMaps, ignore: null };
    },
    info: (notes) => source.finish(notes),
  };
}

async function readPair(pair: Pair, { components, byColour, plane }: ImportSettings): Promise<ReadLabels> {
  return await readLabelMap(pair.labels[0], {
    allowEmpty: true,
    colours: byColour || components ? 'by-colour' : 'grey',
    components,
    plane,
  });
}

/** A single file that holds several numbers is no mask of one cell. */
async function isLabelImage({ labels: files }: Pair): Promise<boolean> {
  if (files.length !== 1) return false;
  const { data } = await readLabelMap(files[0], { allowEmpty: true, colours: 'grey' });
  return new Set(data).size > 2;
}

/** One mask a cell: what is not 0 is the cell. */
async function cellMasks(
  { id, labels: files }: Pair,
  size: { width: number; height: number },
  notes: ImportNotes,
): Promise<Shape[]> {
  const shapes: Shape[] = [];
  for (const file of files) {
    const { data, ...own } = await readLabelMap(file, { allowEmpty: true, colours: 'grey' });
    requireSameSize(file, own, size);
    const mask = Uint8Array.from(data, (value) => (value === 0 ? 0 : 1));
    if (!mask.includes(1)) {
      notes.add('empty mask: left out', `${id}, ${path.basename(file)}`);
      continue;
    }
    if (new Set(data).size > 2)
      notes.add(
        'several numbers in the mask of one cell: all are taken as that cell',
        `${id}, ${path.basename(file)}`,
      );
    const code = encodeMask(mask, size.height, size.width);
    shapes.push({ label: 1, code, name: `${id}, ${path.basename(file)}` });
  }
  return shapes;
}

/** One map a class; numbers are kept. Numbers without a class are noted and left out. */
function divide(
  data: LabelMap,
  count: number,
  labelOf: (value: number) => number,
  id: string,
  notes: ImportNotes,
): (LabelMap | null)[] {
  const maps: (LabelMap | null)[] = new Array<LabelMap | null>(count).fill(null);
  const known = new Map<number, number>();
  for (let p = 0; p < data.length; p++) {
    const value = data[p];
    if (value === 0) continue;
    let label = known.get(value);
    if (label === undefined) {
      label = labelOf(value);
      known.set(value, label);
      if (label === 0) notes.add('cell without a class in the list: left out', `${id}, number ${value}`);
    }
    if (label === 0) continue;
    const map =
      maps[label - 1] ??
      (data instanceof Uint16Array ? new Uint16Array(data.length) : new Int32Array(data.length));
    maps[label - 1] = map;
    map[p] = value;
  }
  return maps;
}

const isMaskName = (file: string): boolean => /\.(tiff?|png)$/i.test(file);

/** Images with what belongs to them. Images and label images that stay alone are noted. */
export function pairUp(dir: string, naming: Naming, notes: ImportNotes): Pair[] {
  const companions = new Companions(dir);
  const folders = new Set(naming.folders);
  const inLabelFolder = (file: string): boolean =>
    path
      .relative(dir, path.dirname(file))
      .split(path.sep)
      .some((part) => folders.has(part.toLowerCase()));
  const hasSuffix = (file: string): boolean => {
    const stem = foldName(path.parse(file).name);
    return naming.suffixes.some((suffix) => stem.endsWith(suffix));
  };
  const images = companions.files.filter(
    (file) => isImageName(file) && !inLabelFolder(file) && !hasSuffix(file),
  );
  const used = new Set<string>();
  const found: { file: string; labels: readonly string[]; oneEach?: boolean }[] = [];
  const alone: string[] = [];
  for (const file of images) {
    const own =
      labelImageOf(file, companions, naming, inLabelFolder) ??
      ownMaskFolder(file, companions, inLabelFolder) ??
      cellMaskFiles(file, images, folders);
    if (!own) {
      alone.push(file);
      continue;
    }
    for (const label of own.labels) used.add(label);
    found.push({ file, ...own });
  }
  for (const file of alone) notes.add('image without a label image: left out', path.relative(dir, file));
  for (const file of companions.files)
    if (isMaskName(file) && !used.has(file) && (inLabelFolder(file) || hasSuffix(file)) && found.length > 0)
      notes.add('label image without an image: left out', path.relative(dir, file));
  const named = nameImageFiles(
    dir,
    found.map(({ file }) => file),
    (file) => imageStem(file, naming),
  );
  return found.map((pair, i) => ({ ...pair, id: named[i].id }));
}

function imageStem(file: string, { imageSuffixes }: Naming): string {
  const { name } = path.parse(file);
  const suffix = imageSuffixes.find((each) => foldName(name).endsWith(each));
  return suffix && name.length > suffix.length ? name.slice(0, -suffix.length) : name;
}

/** The nearest label image: beside the image with a suffix, or in a folder for them with the name or a suffix. */
function labelImageOf(
  file: string,
  companions: Companions,
  naming: Naming,
  inLabelFolder: (file: string) => boolean,
): { labels: readonly string[] } | undefined {
  const stems = [...new Set([...stemsOf(file), imageStem(file, naming)])];
  const extensions = ['.tif', '.tiff', '.png'];
  const names = stems.flatMap((stem) => [
    ...naming.suffixes.flatMap((suffix) => extensions.map((extension) => `${stem}${suffix}${extension}`)),
    ...extensions.map((extension) => `${stem}${extension}`),
  ]);
  let best: string | undefined;
  for (const name of names)
    for (const candidate of companions.named(file, name)) {
      const beside = path.dirname(candidate) === path.dirname(file);
      if (!inLabelFolder(candidate) && !(beside && path.parse(candidate).name !== path.parse(file).name))
        continue;
      if (best === undefined || sharedParts(file, candidate) > sharedParts(file, best) + 0.5)
        best = candidate;
    }
  return best === undefined ? undefined : { labels: [best] };
}

/** `masks/NAME/`, one file a cell. */
function ownMaskFolder(
  file: string,
  companions: Companions,
  inLabelFolder: (file: string) => boolean,
): { labels: readonly string[]; oneEach: true } | undefined {
  const stems = new Set(stemsOf(file).map(foldName));
  const masks = companions.files.filter(
    (other) =>
      isMaskName(other) &&
      inLabelFolder(other) &&
      stems.has(foldName(path.basename(path.dirname(other)))) &&
      path.dirname(other) !== path.dirname(file),
  );
  const nearest = masks.reduce<string | undefined>(
    (best, mask) => (best === undefined || sharedParts(file, mask) > sharedParts(file, best) ? mask : best),
    undefined,
  );
  const labels = masks.filter((mask) => path.dirname(mask) === path.dirname(nearest ?? ''));
  return labels.length > 0 ? { labels, oneEach: true } : undefined;
}

/** `ID/images/NAME.png` with `ID/masks/`, one file a cell, as in the 2018 Data Science Bowl. */
function cellMaskFiles(
  file: string,
  images: readonly string[],
  folders: ReadonlySet<string>,
): { labels: readonly string[]; oneEach: true } | undefined {
  const parent = path.dirname(path.dirname(file));
  if (images.some((other) => other !== file && path.dirname(other) === path.dirname(file))) return undefined;
  const folder = fs
    .readdirSync(parent, { withFileTypes: true })
    .find((entry) => entry.isDirectory() && folders.has(entry.name.toLowerCase()));
  if (!folder) return undefined;
  const masks = listFiles(path.join(parent, folder.name)).filter(isMaskName);
  return masks.length > 0 ? { labels: masks, oneEach: true } : undefined;
}

/** Number to class, or undefined where there is no list. */
function readClassList(labelFile: string, file: string): Map<number, string> | undefined {
  const stems = [labelFile, file].map((each) =>
    each.replace(/\.[^.]+$/, '').replace(/_(labels?|masks?)$/, ''),
  );
  for (const stem of stems) {
    const json = `${stem}_classes.json`;
    const csv = `${stem}_classes.csv`;
    if (fs.existsSync(json))
      return checkList(Object.entries((readForeignJson(json) ?? {}) as Record<string, unknown>), json);
    if (fs.existsSync(csv)) {
      const lines = readBytes(csv)
        .toString('utf8')
        .replace(/^\ufeff/, '')
        .split(/\r?\n/)
        .filter((line) => line.trim() !== '');
      const rows = lines.map((line) =>
        line.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1')),
      );
      // A first line of words names the columns.
      return checkList(rows.filter((row, i) => i > 0 || /^\d+$/.test(row[0])) as [string, unknown][], csv);
    }
  }
  return undefined;
}

function checkList(rows: readonly (readonly [string, unknown])[], where: string): Map<number, string> {
  return new Map(
    rows.map(([key, name]) => {
      if (!/^\d+$/.test(key) || typeof name !== 'string' || name === '')
        throw new DataError(`expected a number and a class, got ${JSON.stringify([key, name])}`, { where });
      return [Number(key), name];
    }),
  );
}
