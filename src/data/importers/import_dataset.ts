import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';
import { type ChannelOrder, type DatasetInfo, writeDatasetInfo } from '../dataset_info';
import { isImageName } from '../formats/detect';
import type { DatasetRecord } from '../record';
import { safeName } from '../safe_name';
import { requireNewFolder, writeRecord } from '../write_dataset';
import { listFiles } from './list_files';

/** What an import met and how it dealt with it: the kind, how often, and where first. */
export interface ImportNote {
  readonly note: string;
  readonly count: number;
  /** The first few places by name. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 5;

/** Collects notes by kind. */
export class ImportNotes {
  private readonly kinds = new Map<string, { count: number; examples: string[] }>();

  add(note: string, where: string): void {
    const kind = this.kinds.get(note) ?? { count: 0, examples: [] };
    this.kinds.set(note, kind);
    kind.count++;
    if (kind.examples.length < MAX_EXAMPLES) kind.examples.push(where);
  }

  list(): ImportNote[] {
    return [...this.kinds].map(([note, { count, examples }]) => ({ note, count, examples }));
  }
}

/** A foreign data set: what it is called there, and how each image becomes a record. */
export interface ForeignDataset {
  readonly ids: readonly string[];
  readonly classes: readonly string[];
  readonly channelOrder: ChannelOrder;
  /** Faults are noted; only what makes the image unusable is thrown. */
  load(id: string, notes: ImportNotes): Promise<DatasetRecord>;
  /** Asked for after every image has been loaded. */
  info?(
    notes: ImportNotes,
  ): Pick<DatasetInfo, 'pixelSize' | 'groups'> | Promise<Pick<DatasetInfo, 'pixelSize' | 'groups'>>;
}

/**
 * Converts a foreign data set into a new folder of the layout; returns what was noted on the way. The folder gets its
 * name when all is there: an import that is ended before leaves `OUT.importing-…`, or nothing where it fails by itself.
 */
export async function importDataset(
  out: string,
  open: (notes: ImportNotes) => ForeignDataset | Promise<ForeignDataset>,
  onImage?: (done: number, total: number, id: string) => void,
): Promise<ImportNotes> {
  requireNewFolder(out);
  const whole = path.resolve(out);
  const work = `${whole}.importing-${randomBytes(4).toString('hex')}`;
  const notes = new ImportNotes();
  try {
    const source = await open(notes);
    for (const [i, id] of source.ids.entries()) {
      writeRecord(work, await source.load(id, notes));
      onImage?.(i + 1, source.ids.length, id);
    }
    const { channelOrder } = source;
    const classes = usableNames(source.classes, notes);
    writeDatasetInfo(work, { classes, channelOrder, ...(await source.info?.(notes)) });
    // An empty folder may wait there.
    if (fs.existsSync(whole)) fs.rmdirSync(whole);
    fs.renameSync(work, whole);
  } catch (error) {
    fs.rmSync(work, { recursive: true, force: true });
    throw fileError(error, out, 'write');
  }
  return notes;
}

/** Names of classes as `dataset.json` takes them: none empty, none twice, no control characters. Changes are noted. */
function usableNames(names: readonly string[], notes: ImportNotes): string[] {
  const used = new Set<string>();
  return names.map((name, i) => {
    const plain = name.replace(/\p{Cc}/gu, '_').trim() || `class${i + 1}`;
    let free = plain;
    for (let n = 2; used.has(free); n++) free = `${plain} ${n}`;
    used.add(free);
    if (free !== name) notes.add('name of a class changed', `${JSON.stringify(name)} to "${free}"`);
    return free;
  });
}

/** An image file and the id it gets. */
export interface ImageFile {
  readonly id: string;
  readonly file: string;
}

/** Folder names that say no more than that images are in them. */
const IMAGE_FOLDERS = /^(images?|imgs?|tissue images)$/i;

/** Every image below a folder, by code-unit order of the path; ids as `nameImageFiles` gives them. */
export function findImages(dir: string, accept: (file: string) => boolean = () => true): ImageFile[] {
  return nameImageFiles(
    dir,
    listFiles(dir).filter((file) => isImageName(file) && accept(file)),
  );
}

/** Ids: the names, with their folders where two are alike, with their extensions where these are too. */
export function nameImageFiles(
  dir: string,
  files: readonly string[],
  stem: (file: string) => string = (file) => path.parse(file).name,
): ImageFile[] {
  const levels: ((file: string) => string)[] = [
    (file) => safeName(stem(file)),
    (file) => safeName([...foldersOf(dir, file), stem(file)].join('_')),
    (file) => safeName(path.relative(dir, file).split(path.sep).join('_')),
  ];
  let named = files.map((file) => ({ file, id: '' }));
  for (const level of levels) {
    const ids = named.map(({ file, id }) => (id === '' ? level(file) : id));
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id.toLowerCase(), (counts.get(id.toLowerCase()) ?? 0) + 1);
    named = named.map(({ file }, i) => ({ file, id: counts.get(ids[i].toLowerCase()) === 1 ? ids[i] : '' }));
    if (named.every(({ id }) => id !== '')) return named;
  }
  const twice = named.find(({ id }) => id === '');
  throw new DataError(`two images would be called "${safeName(stem(twice?.file ?? ''))}"`, {
    where: twice?.file,
    fix: 'Rename one of them.',
  });
}

function foldersOf(dir: string, file: string): string[] {
  return path
    .relative(dir, path.dirname(file))
    .split(path.sep)
    .filter((part) => part !== '' && part !== '..' && !IMAGE_FOLDERS.test(part));
}

/** The list, or an error that says what was looked for. */
export function requireSome<T>(found: readonly T[], dir: string, what: string): readonly T[] {
  if (found.length === 0) throw new DataError(`holds no ${what}`, { where: dir });
  return found;
}
