import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';
import { type ChannelOrder, type DatasetInfo, writeDatasetInfo } from '../dataset_info';
import { isImageName } from '../formats/detect';
import type { DatasetRecord } from '../record';
import { requireNewFolder, writeRecord } from '../write_dataset';

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
  info?(): Pick<DatasetInfo, 'pixelSize' | 'groups'>;
}

/** Converts a foreign data set into a new folder of the layout; returns what was noted on the way. */
export async function importDataset(
  out: string,
  open: (notes: ImportNotes) => ForeignDataset | Promise<ForeignDataset>,
  onImage?: (done: number, total: number, id: string) => void,
): Promise<ImportNotes> {
  requireNewFolder(out);
  const notes = new ImportNotes();
  const source = await open(notes);
  for (const [i, id] of source.ids.entries()) {
    writeRecord(out, await source.load(id, notes));
    onImage?.(i + 1, source.ids.length, id);
  }
  const { classes, channelOrder } = source;
  writeDatasetInfo(out, { classes, channelOrder, ...source.info?.() });
  return notes;
}

/** An image file and the id it gets. */
export interface ImageFile {
  readonly id: string;
  readonly file: string;
}

/** Every image below a folder, by code-unit order of the path; ids are names, with their folder where two are alike. */
export function findImages(dir: string, accept: (name: string) => boolean = () => true): ImageFile[] {
  const files = listFiles(dir).filter((file) => isImageName(file) && accept(path.basename(file)));
  const stems = files.map((file) => path.parse(file).name);
  const counts = new Map<string, number>();
  for (const stem of stems) counts.set(stem, (counts.get(stem) ?? 0) + 1);
  return files.map((file, i) => {
    const full = path
      .relative(dir, file)
      .replace(/\.[^.]+$/, '')
      .split(path.sep)
      .join('_');
    return { id: counts.get(stems[i]) === 1 ? stems[i] : full, file };
  });
}

/** Every file below a folder, sorted. Hidden ones are passed over. */
export function listFiles(dir: string): string[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    throw fileError(error, dir, 'read');
  }
  return entries
    .filter(({ name }) => !name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(dir, entry.name);
      return entry.isDirectory() ? listFiles(file) : [file];
    });
}

/** The list, or an error that says what was looked for. */
export function requireSome<T>(found: readonly T[], dir: string, what: string): readonly T[] {
  if (found.length === 0) throw new DataError(`holds no ${what}`, { where: dir });
  return found;
}
