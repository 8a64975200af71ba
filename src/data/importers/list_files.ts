import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';

/** Folders within folders: a link that leads in a circle ends here. */
const MOST_DEEP = 32;

/** Every file below a folder, sorted. Hidden ones are passed over; links to folders are not followed out of it. */
export function listFiles(dir: string, depth = 0): string[] {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(dir, { withFileTypes: true });
  } catch (error) {
    throw fileError(error, dir, 'read');
  }
  if (depth > MOST_DEEP)
    throw new DataError(`is more than ${MOST_DEEP} folders deep`, {
      where: dir,
      fix: 'Give a folder inside it.',
    });
  return entries
    .filter(({ name }) => !name.startsWith('.') && name !== '__MACOSX')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(dir, entry.name);
      return entry.isDirectory() ? listFiles(file, depth + 1) : [file];
    });
}
