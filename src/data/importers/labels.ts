import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { readJson } from '../../core/files';
import { requireSize } from '../dataset';
import type { ChannelOrder } from '../dataset_info';
import { readImage } from '../formats/image';
import { type LabelMap, readLabelMap } from '../formats/label_map';
import {
  type ForeignDataset,
  findImages,
  type ImageFile,
  type ImportNotes,
  listFiles,
  requireSome,
} from './import_dataset';

/** What label images are called beside their images: `name_masks.tif` and so on; or the same name in such a folder. */
const LABELS = {
  suffixes: ['_labels', '_label', '_masks', '_mask'],
  folders: ['labels', 'label', 'masks', 'mask'],
};
const CELLPOSE = { suffixes: ['_cp_masks', '_masks'], folders: [] as string[] };

interface Naming {
  readonly suffixes: readonly string[];
  readonly folders: readonly string[];
}

/** A image with its label image. */
interface Pair extends ImageFile {
  readonly labels: string;
}

/**
 * One label image an image. All cells are of one class (`className`), or a list beside the label image tells the class
 * of each number: `name_classes.json` ({"1": "tumour", …}) or `name_classes.csv` (lines `number,class`).
 */
export function openLabelImages(
  dir: string,
  className: string,
  channelOrder: ChannelOrder,
  notes: ImportNotes,
): ForeignDataset {
  const pairs = requireSome(
    pairUp(dir, LABELS, notes),
    dir,
    'image with a label image (name_labels.tif beside it, or labels/name.tif)',
  );
  const lists = new Map(pairs.map(({ id, labels, file }) => [id, readClassList(labels, file)]));
  const named = [...new Set([...lists.values()].flatMap((list) => (list ? [...list.values()] : [])))].sort();
  const classes = named.length > 0 ? named : [className];
  return openPairs(pairs, classes, channelOrder, (id, value) => {
    const list = lists.get(id);
    if (!list) return named.length > 0 ? classes.indexOf(className) + 1 : 1;
    return classes.indexOf(list.get(value) ?? '') + 1;
  });
}

/** What Cellpose saves beside an image: `name_masks.tif`, `name_cp_masks.png`; one class. Its `_seg.npy` is refused. */
export function openCellpose(
  dir: string,
  className: string,
  channelOrder: ChannelOrder,
  notes: ImportNotes,
): ForeignDataset {
  const pairs = pairUp(dir, CELLPOSE, notes);
  const pickles = listFiles(dir).filter((file) => file.endsWith('_seg.npy'));
  const orphan = pickles.find((file) => !pairs.some(({ id }) => path.basename(file) === `${id}_seg.npy`));
  if (orphan)
    throw new DataError('is a Python pickle, which can run code when it is read, and is refused', {
      where: orphan,
      fix: 'In Cellpose choose "Save masks as PNG/tif" (or run it with --save_tif), and import that.',
    });
  return openPairs(
    requireSome(pairs, dir, 'image with a _masks.tif or _cp_masks.png beside it'),
    [className],
    channelOrder,
    () => 1,
  );
}

function openPairs(
  pairs: readonly Pair[],
  classes: readonly string[],
  channelOrder: ChannelOrder,
  labelOf: (id: string, value: number) => number,
): ForeignDataset {
  const byId = new Map(pairs.map((pair) => [pair.id, pair]));
  return {
    ids: pairs.map(({ id }) => id),
    classes,
    channelOrder,
    load: async (id, notes) => {
      const { file, labels } = byId.get(id) as Pair;
      const { data: image, width, height } = await readImage(file);
      const { data, ...size } = await readLabelMap(labels, { allowEmpty: true });
      requireSize(labels, size, { width, height });
      const labelMaps = divide(data, classes.length, (value) => labelOf(id, value), id, notes);
      return { id, width, height, image, labelMaps, ignore: null };
    },
  };
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

function pairUp(dir: string, naming: Naming, notes: ImportNotes): Pair[] {
  const images = findImages(
    dir,
    (name) => !naming.suffixes.some((suffix) => path.parse(name).name.endsWith(suffix)),
  );
  const inLabelFolder = (file: string): boolean =>
    naming.folders.includes(path.basename(path.dirname(file)).toLowerCase());
  const files = listFiles(dir);
  const pairs: Pair[] = [];
  for (const { file } of images) {
    if (inLabelFolder(file)) continue;
    const { name } = path.parse(file);
    const labels = files.find((other) => other !== file && isLabelOf(other, file, name, naming));
    if (labels) pairs.push({ id: name, file, labels });
    else notes.add('image without a label image: left out', path.relative(dir, file));
  }
  const twice = pairs.find(({ id }, i) => pairs.findIndex((other) => other.id === id) !== i);
  if (twice) throw new DataError(`two images are called "${twice.id}"`, { where: twice.file });
  return pairs;
}

function isLabelOf(other: string, file: string, name: string, { suffixes, folders }: Naming): boolean {
  const { name: stem, ext, dir } = path.parse(other);
  if (!/^\.(tiff?|png)$/i.test(ext)) return false;
  if (dir === path.dirname(file)) return suffixes.some((suffix) => stem === name + suffix);
  if (!folders.includes(path.basename(dir).toLowerCase())) return false;
  return stem === name || suffixes.some((suffix) => stem === name + suffix);
}

/** Number to class, or undefined where there is no list. */
function readClassList(labels: string, file: string): Map<number, string> | undefined {
  const stems = [labels, file].map((each) => each.replace(/\.[^.]+$/, '').replace(/_(labels?|masks?)$/, ''));
  for (const stem of stems) {
    const json = `${stem}_classes.json`;
    const csv = `${stem}_classes.csv`;
    if (fs.existsSync(json)) return checkList(Object.entries(readJson<Record<string, unknown>>(json)), json);
    if (fs.existsSync(csv)) {
      const lines = fs
        .readFileSync(csv, 'utf8')
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
