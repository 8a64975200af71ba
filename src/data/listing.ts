import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import { fileError } from '../core/files';
import { isImageName } from './formats/detect';

/** The files of one image, found by name alone. */
export interface EntryFiles {
  readonly id: string;
  /** The folder that holds them (for an unlabelled image: the folder it is in). */
  readonly folder: string;
  /** Every file called `image.*`, or the unlabelled image itself; more than one is a fault. */
  readonly images: readonly string[];
  /** Class number and file, in the order of the numbers; a number twice is a fault. */
  readonly classes: readonly { readonly number: number; readonly file: string }[];
  readonly ignore: readonly string[];
  /** Files that look like class files but are none. */
  readonly strange: readonly string[];
  /** Images of other names in the folder of an entry: not used. */
  readonly other?: readonly string[];
}

/** What a folder holds: a data set, or unlabelled images. */
export interface Listing {
  readonly labelled: boolean;
  /** In code-unit order of the ids. */
  readonly entries: readonly EntryFiles[];
  /** Files that look like images or masks and are not used, and why. */
  readonly unused: readonly { readonly file: string; readonly why: string }[];
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Lists a data set folder (`DIR/<id>/image.tif` …), a folder of image files, or the folder of one image. A folder of
 * loose images without `image.*` in sub-folders is unlabelled.
 */
export function listFolder(dir: string): Listing {
  const names = readNames(dir);
  if (names.some(({ name, folder }) => !folder && /^image\.\w+$/i.test(name) && isImageName(name)))
    return labelledListing(
      [listEntry(path.dirname(path.resolve(dir)), path.basename(path.resolve(dir)))],
      [],
    );
  const folders = names.filter(({ folder }) => folder);
  const entries = folders.map(({ name }) => listEntry(dir, name));
  const files = names.filter(({ name, folder }) => !folder && isImageName(name));
  const holdsLabels = entries.some(({ images, classes }) => images.length > 0 || classes.length > 0);
  if (files.length > 0 && !holdsLabels)
    return {
      labelled: false,
      entries: looseImages(
        dir,
        files.map(({ name }) => name),
      ),
      unused: looseMasks(
        dir,
        files.map(({ name }) => name),
      ),
    };
  return labelledListing(
    entries,
    files.map(({ name }) => path.join(dir, name)),
  );
}

function labelledListing(entries: readonly EntryFiles[], loose: readonly string[]): Listing {
  const other = entries.flatMap((entry) => entry.other ?? []);
  const inFolder =
    'is not used: only image.*, class<K>.* and ignore.* are; name it so, or use data import labels';
  return {
    labelled: true,
    entries,
    unused: [
      ...other.map((file) => ({ file, why: inFolder })),
      ...loose.map((file) => ({
        file,
        why: 'is not used: the images of a data set are in folders of their own',
      })),
    ],
  };
}

/** Masks beside loose images, which a folder of images does not use. */
function looseMasks(dir: string, names: readonly string[]): { file: string; why: string }[] {
  const stems = new Set(names.map((name) => path.parse(name).name));
  return names
    .filter((name) => {
      const match = /^(.+)_(labels?|masks?|cp_masks)$/i.exec(path.parse(name).name);
      return match !== null && (stems.has(match[1]) || stems.has(`${match[1]}_img`));
    })
    .map((name) => ({
      file: path.join(dir, name),
      why: 'looks like the label image of another: use data import labels',
    }));
}

/** The id of a loose image is its name without extension; with it, where two would be the same. */
function looseImages(dir: string, names: readonly string[]): EntryFiles[] {
  const stems = names.map((name) => path.parse(name).name);
  return names
    .map((name, i) => ({
      id: stems.indexOf(stems[i]) === stems.lastIndexOf(stems[i]) ? stems[i] : name,
      name,
    }))
    .sort((a, b) => byCodeUnit(a.id, b.id))
    .map(({ id, name }) => ({
      id,
      folder: dir,
      images: [path.join(dir, name)],
      classes: [],
      ignore: [],
      strange: [],
    }));
}

function listEntry(dir: string, id: string): EntryFiles {
  const folder = path.join(dir, id);
  const images: string[] = [];
  const classes: { number: number; file: string }[] = [];
  const ignore: string[] = [];
  const strange: string[] = [];
  const other: string[] = [];
  for (const { name, folder: isFolder } of readNames(folder)) {
    const file = path.join(folder, name);
    const { name: stem, ext } = path.parse(name.toLowerCase());
    if (!isImageName(name) || ext === '.svs') {
      if (/^(class\d*|image|ignore)$/.test(stem)) strange.push(file);
    } else if (stem === 'image') images.push(file);
    else if (stem === 'ignore') ignore.push(file);
    else if (/^class(0|[1-9]\d*)$/.test(stem)) classes.push({ number: Number(stem.slice(5)), file });
    else if (stem.startsWith('class')) strange.push(file);
    else if (!isFolder) other.push(file);
  }
  classes.sort((a, b) => a.number - b.number);
  return { id, folder, images, classes, ignore, strange, other };
}

function readNames(dir: string): { name: string; folder: boolean }[] {
  let found: fs.Dirent[];
  try {
    found = fs.readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    throw fileError(error, dir, 'read');
  }
  return found
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => ({ name: entry.name, folder: isFolder(entry, dir) }))
    .sort((a, b) => byCodeUnit(a.name, b.name));
}

function isFolder(entry: fs.Dirent, dir: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return fs.statSync(path.join(dir, entry.name)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * The number of classes: as many as `dataset.json` names, else the highest number met. Without names, numbers over 4
 * must follow each other without a gap, so that a slip (`class44`) does not become a class.
 */
export function countClasses(
  entries: readonly EntryFiles[],
  names?: readonly string[],
): { count: number; stray: number[] } {
  const met = new Set(entries.flatMap(({ classes }) => classes.map(({ number }) => number)));
  const sorted = [...met].sort((a, b) => a - b);
  if (names)
    return { count: names.length, stray: sorted.filter((number) => number < 1 || number > names.length) };
  let count = 0;
  const stray: number[] = [];
  for (const number of sorted) {
    if (number >= 1 && (number <= 4 || number === count + 1)) count = number;
    else stray.push(number);
  }
  return { count, stray };
}

/** The one file of a list, or an error that says there is none, or more than one. */
export function onlyFile(files: readonly string[], where: string, what: string): string {
  if (files.length === 1) return files[0];
  if (files.length === 0)
    throw new DataError(`has no ${what}`, {
      where,
      fix: 'Put image.tif (or .png, .jpg) into the folder; if it holds images of other names, give this folder itself.',
    });
  throw new DataError(
    `has ${files.length} files for ${what}: ${files.map((file) => path.basename(file)).join(', ')}`,
    {
      where,
      fix: 'Keep one.',
    },
  );
}
