import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from './errors';
import { fileError } from './files';

/** The list, in the folder itself, of what was written there; its first line says whose it is. */
const LIST = '.cytobench-files';
const TITLE = 'Files that cytobench wrote here: they are replaced when the same is done again.';

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
    this.list = path.join(dir, LIST);
    if (fs.existsSync(dir) && !fs.statSync(dir).isDirectory())
      throw new DataError('is a file, not a folder', { where: dir, fix: 'Name another with --out.' });
    const listed = this.listed();
    const foreign = filesIn(dir).find((name) => name !== LIST && !listed.has(name));
    if (foreign !== undefined && !overwrite)
      throw new DataError(`holds "${foreign}", which was not written by this command: nothing was written`, {
        where: dir,
        fix: 'Name a new or an empty folder with --out, or give --overwrite.',
      });
    this.clear(listed);
    fs.mkdirSync(dir, { recursive: true });
    try {
      fs.writeFileSync(this.list, `${TITLE}\n`);
    } catch (error) {
      throw fileError(error, this.list, 'write');
    }
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

  private listed(): Set<string> {
    if (!fs.existsSync(this.list)) return new Set();
    const [, ...names] = fs.readFileSync(this.list, 'utf8').split('\n').filter(Boolean);
    return new Set(names);
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

/** Every file below a folder, by its path in it. */
function filesIn(dir: string): string[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
}
