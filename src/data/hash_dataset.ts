import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Dataset } from './dataset';
import { infoFile } from './dataset_info';

/** What images and masks are, by their bytes. */
export interface DataHashes {
  /** SHA-256 of every file of the images used, by its path in the folder; empty for data made in memory. */
  readonly files: Readonly<Record<string, string>>;
  /** One hash over all of them. */
  readonly hash: string;
}

/** Hashes the files of the images `ids`, and `dataset.json`, which says how they are read. */
export function hashDataset(dataset: Dataset, ids: readonly string[]): DataHashes {
  const files = dataset.source?.kind === 'folder' ? hashFiles(dataset, ids) : {};
  return { files, hash: createHash('sha256').update(JSON.stringify(files)).digest('hex') };
}

/** SHA-256 of a file, as hexadecimal digits. */
export function hashFile(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

function hashFiles(dataset: Dataset, ids: readonly string[]): Record<string, string> {
  const root = path.resolve(dataset.dir);
  const info = infoFile(root);
  const hashes: Record<string, string> = {};
  if (fs.existsSync(info)) hashes[path.relative(root, info)] = hashFile(info);
  for (const id of [...new Set(ids)].sort()) {
    const folder = path.dirname(path.resolve(dataset.imageFile(id)));
    for (const name of fs.readdirSync(folder).sort()) {
      const file = path.join(folder, name);
      if (fs.statSync(file).isFile()) hashes[path.relative(root, file)] = hashFile(file);
    }
  }
  return hashes;
}

/** The images whose files differ between two readings, by what happened to them. */
export function changedImages(
  before: DataHashes['files'],
  now: DataHashes['files'],
): { readonly changed: string[]; readonly added: string[]; readonly removed: string[] } {
  const imageOf = (file: string): string => (path.dirname(file) === '.' ? file : path.dirname(file));
  const images = (files: DataHashes['files']): Set<string> => new Set(Object.keys(files).map(imageOf));
  const [old, fresh] = [images(before), images(now)];
  const differing = new Set(
    [...Object.keys(before), ...Object.keys(now)].filter((file) => before[file] !== now[file]).map(imageOf),
  );
  return {
    changed: [...differing].filter((image) => old.has(image) && fresh.has(image)).sort(),
    added: [...fresh].filter((image) => !old.has(image)).sort(),
    removed: [...old].filter((image) => !fresh.has(image)).sort(),
  };
}
