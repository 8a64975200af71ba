import * as path from 'node:path';
import { foldName } from '../safe_name';
import { listFiles } from './list_files';

/**
 * Files that belong to an image by their name: beside it, or in another folder of the same tree. Names are compared
 * without regard to letter case and Unicode form.
 */
export class Companions {
  private readonly byName = new Map<string, string[]>();
  /** Every file below the folder. */
  readonly files: readonly string[];

  constructor(root: string) {
    this.files = listFiles(root);
    for (const file of this.files) {
      const key = foldName(path.basename(file));
      const known = this.byName.get(key);
      if (known) known.push(file);
      else this.byName.set(key, [file]);
    }
  }

  /** Files of that name, the nearest to the image first: those that share most of its folders. */
  named(image: string, name: string): string[] {
    const found = (this.byName.get(foldName(name)) ?? []).filter((file) => file !== image);
    return found.length < 2 ? found : found.sort((a, b) => sharedParts(image, b) - sharedParts(image, a));
  }

  /** The nearest of the first name that occurs at all. */
  nearest(image: string, names: readonly string[]): string | undefined {
    for (const name of names) {
      const [found] = this.named(image, name);
      if (found) return found;
    }
    return undefined;
  }
}

/** Folders that two paths have in common, from the root. */
export function sharedParts(a: string, b: string): number {
  const [first, second] = [path.dirname(a).split(path.sep), path.dirname(b).split(path.sep)];
  let n = 0;
  while (n < first.length && first[n] === second[n]) n++;
  // Of two in equally near folders the shallower.
  return n - second.length / 1000;
}

/** The names an image goes by, without extension: also without the `.ome` of `a.ome.tif`. */
export function stemsOf(file: string): string[] {
  const { name } = path.parse(file);
  return /\.ome$/i.test(name) ? [name, name.slice(0, -4)] : [name];
}
