import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from './errors';
import { fileError } from './files';

/** The list, in the folder itself, of what was written there; its first line says whose it is. */
const LIST = '.cytobench-files';
/** Where parts of the work are kept that other processes do, until it is whole. */
export const PARTS = '.cytobench-parts';
const TITLE = 'Files that cytobench wrote here: they are replaced when the same is done again.';

/** Stands in the folder until the last file is there. */
const UNFINISHED_NOTE = 'UNFINISHED.txt';

/**
 * A folder that one command fills. What an earlier run of it left is taken away, file by file as it was listed, so that
 * nothing old stands beside the new; a folder that holds anything else is a user's, and is refused.
 */
export class OutputFolder {
  private readonly list: string;

  /** @param overwrite also into a folder that holds other files: they stay, unless one has the name of a new one. */
  constructor(
    readonly dir: string,
    overwrite = false,
  ) {
    requireOutputFolder(dir, overwrite);
    this.list = path.join(dir, LIST);
    this.clear(listedIn(dir));
    fs.mkdirSync(dir, { recursive: true });
    try {
      fs.writeFileSync(this.list, `${TITLE}\n${UNFINISHED_NOTE}\n`);
      fs.writeFileSync(
        path.join(dir, UNFINISHED_NOTE),
        'The command that fills this folder has not ended, or was ended before: run it again.\n',
      );
    } catch (error) {
      throw fileError(error, this.list, 'write');
    }
  }

  /** Says that all files are there. */
  finish(): void {
    fs.rmSync(path.join(this.dir, UNFINISHED_NOTE), { force: true });
  }

  /** The path of a file that is about to be written; it is listed first. */
  file(...parts: string[]): string {
    const relative = path.join(...parts);
    try {
      fs.appendFileSync(this.list, `${relative}\n`);
    } catch (error) {
      throw fileError(error, this.list, 'write');
    }
    return path.join(this.dir, relative);
  }

  /** Gives the files of another such folder a second name in this one; a copy where the file system has no links. */
  adopt(other: string): void {
    for (const name of listedIn(other)) {
      const from = path.join(other, name);
      if (name === UNFINISHED_NOTE || !fs.existsSync(from)) continue;
      const to = this.file(name);
      try {
        fs.mkdirSync(path.dirname(to), { recursive: true });
        fs.rmSync(to, { force: true });
        try {
          fs.linkSync(from, to);
        } catch {
          fs.copyFileSync(from, to);
        }
      } catch (error) {
        throw fileError(error, to, 'write');
      }
    }
  }

  /** Removes the listed files, and the folders that are empty then. */
  private clear(listed: ReadonlySet<string>): void {
    const root = path.resolve(this.dir);
    const folders = new Set<string>();
    for (const name of listed) {
      const file = path.resolve(root, name);
      if (!file.startsWith(root + path.sep)) continue;
      if (fs.existsSync(file) && fs.statSync(file).isFile()) fs.rmSync(file);
      for (let at = path.dirname(file); at !== root; at = path.dirname(at)) folders.add(at);
    }
    for (const folder of [...folders].sort((a, b) => b.length - a.length))
      if (fs.existsSync(folder) && fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
  }
}

/** Throws where a folder holds files that no command has listed there: they are a user's. */
export function requireOutputFolder(dir: string, overwrite = false): void {
  if (fs.existsSync(dir) && !fs.statSync(dir).isDirectory())
    throw new DataError('is a file, not a folder', { where: dir, fix: 'Name another with --out.' });
  const listed = listedIn(dir);
  const own = (name: string): boolean =>
    name === LIST || listed.has(name) || name.startsWith(PARTS + path.sep);
  const foreign = filesIn(dir).find((name) => !own(name));
  if (foreign !== undefined && !overwrite)
    throw new DataError(`holds "${foreign}", which was not written by this command: nothing was written`, {
      where: dir,
      fix: 'Name a new or an empty folder with --out, or give --overwrite.',
    });
}

function listedIn(dir: string): Set<string> {
  const list = path.join(dir, LIST);
  if (!fs.existsSync(list)) return new Set();
  const [, ...names] = fs.readFileSync(list, 'utf8').split('\n').filter(Boolean);
  return new Set(names);
}

/** Every file below a folder, by its path in it. */
function filesIn(dir: string): string[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
}
