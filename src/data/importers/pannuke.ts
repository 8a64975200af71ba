import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { checkedLabels, type LabelMap } from '../formats/label_map';
import { type NpyFile, openNpy } from '../formats/npy';
import { safeName } from '../safe_name';
import { type ForeignDataset, type ImportNotes, requireSome } from './import_dataset';
import type { Importer, ImportSettings } from './importer';
import { listFiles } from './list_files';

const CLASSES = ['neoplastic', 'inflammatory', 'connective', 'dead', 'epithelial'];

/** PanNuke as published. */
export const pannuke: Importer = {
  name: 'pannuke',
  reads: 'PanNuke as published: images.npy and masks.npy of each fold',
  sources: ['src'],
  settings: [],
  open: ([src], settings, notes) => openPanNuke(src, settings, notes),
};

interface Fold {
  readonly name: string;
  readonly images: string;
  readonly masks: string;
}

/**
 * `images.npy` [n, h, w, 3] with 0..255 and `masks.npy` [n, h, w, 6]: the instances of five classes, one channel each,
 * and the background, which is passed over. One image at a time is read.
 */
export function openPanNuke(dir: string, settings: ImportSettings, notes: ImportNotes): ForeignDataset {
  const folds = requireSome(findFolds(dir, notes), dir, 'images.npy with its masks.npy');
  const entries = new Map<string, { fold: Fold; index: number }>();
  for (const fold of folds) {
    const [images] = shapesOf(fold);
    for (let index = 0; index < images[0]; index++)
      entries.set(safeName(`${fold.name}_${String(index + 1).padStart(5, '0')}`), { fold, index });
  }
  return {
    ids: [...entries.keys()],
    classes: CLASSES,
    channelOrder: settings.channelOrder ?? 'rgb',
    load: async (id) => {
      const { fold, index } = entries.get(id) as { fold: Fold; index: number };
      const [[, height, width]] = shapesOf(fold);
      const pixels = readItem(fold.images, index, height * width * 3);
      const image = Uint8Array.from(pixels, (value) => Math.min(255, Math.max(0, Math.round(value))));
      const masks = readItem(fold.masks, index, height * width * 6);
      const labelMaps = CLASSES.map((_, c): LabelMap | null => {
        const data = Float64Array.from({ length: height * width }, (_, p) => masks[p * 6 + c]);
        const map = checkedLabels(fold.masks, { data, width, bits: 64, kind: 'float' });
        return map.some((value) => value !== 0) ? map : null;
      });
      return { id, width, height, image, labelMaps, ignore: null };
    },
  };
}

function readItem(file: string, index: number, count: number): ArrayLike<number> & Iterable<number> {
  const array = openNpy(file);
  try {
    return array.read(index * count, (index + 1) * count);
  } finally {
    array.close();
  }
}

function shapesOf({ images, masks }: Fold): [readonly number[], readonly number[]] {
  const [first, second] = [images, masks].map((file) => {
    const array = openNpy(file);
    array.close();
    return array;
  });
  requireShape(first, 3);
  requireShape(second, 6);
  if ([0, 1, 2].some((axis) => first.shape[axis] !== second.shape[axis]))
    throw new DataError(`holds [${second.shape}], its images [${first.shape}]`, { where: masks });
  return [first.shape, second.shape];
}

function requireShape({ file, shape, fortran }: NpyFile, channels: number): void {
  const pixels = (shape[1] ?? 0) * (shape[2] ?? 0);
  if (shape.length !== 4 || shape[3] !== channels || fortran || pixels > 50e6)
    throw new DataError(`expected an array [n, height, width, ${channels}] in C order, got [${shape}]`, {
      where: file,
    });
}

/** Pairs of arrays: `masks` stands where `images` does in the path. */
function findFolds(dir: string, notes: ImportNotes): Fold[] {
  const files = listFiles(dir).filter((file) => file.toLowerCase().endsWith('.npy'));
  const known = new Set(files);
  return files.flatMap((file) => {
    const relative = path.relative(dir, file);
    if (!/images[^/\\]*\.npy$/i.test(relative)) return [];
    const masks = path.join(dir, relative.replace(/images/g, 'masks').replace(/Images/g, 'Masks'));
    if (!known.has(masks)) {
      notes.add('images.npy without masks.npy: left out', relative);
      return [];
    }
    const parts = path.dirname(relative).split(path.sep);
    const name = parts.filter((part) => part !== '.' && !/^images$/i.test(part)).pop() ?? 'pannuke';
    return [{ name, images: file, masks }];
  });
}
