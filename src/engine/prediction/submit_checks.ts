import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError, nearestName } from '../../core/errors';
import { readJson } from '../../core/files';
import { isImageName } from '../../data/format';
import { readImageSize } from '../../data/image';
import { rleFromString } from '../../structures/rle';

/** One entry of the id list. */
export interface SubmissionImage {
  readonly file_name: string;
  readonly id: number;
  readonly height: number;
  readonly width: number;
}

const KEYS = ['file_name', 'id', 'height', 'width'] as const;

/** Reads `IDS.json`. A fault is one line that names the entry and the key; of several, the first and their number. */
export function readIdList(file: string): SubmissionImage[] {
  const value = readJson<unknown>(file);
  if (!Array.isArray(value))
    throw new DataError('expected a list of {file_name, id, height, width}', { where: file });
  if (value.length === 0) throw new DataError('lists no image', { where: file });
  const faults: string[] = [];
  const seen = { id: new Map<unknown, number>(), file_name: new Map<unknown, number>() };
  value.forEach((entry: unknown, i) => {
    const fault = entryFault(entry);
    if (fault) {
      faults.push(`entry ${i + 1}: ${fault}`);
      return;
    }
    for (const key of ['id', 'file_name'] as const) {
      const own = (entry as SubmissionImage)[key];
      const first = seen[key].get(own);
      if (first !== undefined)
        faults.push(`entry ${i + 1}: ${key} ${JSON.stringify(own)} is that of entry ${first}`);
      else seen[key].set(own, i + 1);
    }
  });
  refuse(faults, file);
  return value as SubmissionImage[];
}

function entryFault(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return `expected {file_name, id, height, width}, got ${JSON.stringify(entry)}`;
  const record = entry as Record<string, unknown>;
  const missing = KEYS.find((key) => !(key in record));
  const unknown = Object.keys(record).find((key) => !(KEYS as readonly string[]).includes(key));
  if (unknown !== undefined) {
    const near = nearestName(unknown, KEYS);
    return `unknown key "${unknown}"${near ? `, did you mean "${near}"?` : ''}`;
  }
  if (missing !== undefined) return `has no ${missing}`;
  const { file_name: name, id, height, width } = record;
  if (typeof name !== 'string' || name === '')
    return `file_name: expected the name of a file, got ${JSON.stringify(name)}`;
  if (path.isAbsolute(name) || name.split(/[\\/]/).includes('..'))
    return `file_name: "${name}" leads out of the folder of images`;
  if (!Number.isSafeInteger(id) || (id as number) < 0)
    return `id: expected a whole number, got ${JSON.stringify(id)}`;
  for (const [key, side] of Object.entries({ height, width }))
    if (!Number.isSafeInteger(side) || (side as number) < 1)
      return `${key}: expected a number of pixels, got ${JSON.stringify(side)}`;
  return undefined;
}

/** Every listed image is there, can be opened, and has the listed size. Returns the images that nobody asked for. */
export async function checkImages(dir: string, list: readonly SubmissionImage[]): Promise<string[]> {
  if (!fs.existsSync(dir) || !fs.statSync(dir).isDirectory())
    throw new DataError('no such folder', {
      where: dir,
      fix: 'Name the folder of test images with --images.',
    });
  const present = fs.readdirSync(dir).filter(isImageName);
  const faults: string[] = [];
  for (const { file_name: name, height, width } of list) {
    const file = path.join(dir, name);
    if (!fs.existsSync(file)) {
      const near = nearestName(name, present);
      faults.push(`has no image "${name}"${near ? `; did you mean "${near}"?` : ''}`);
      continue;
    }
    try {
      const size = await readImageSize(file);
      if (size.height !== height || size.width !== width)
        faults.push(
          `${name} is ${size.width} x ${size.height} pixels, the id list says ${width} x ${height} (width x height)`,
        );
    } catch (error) {
      faults.push(`${name}: ${(error as Error).message}`);
    }
  }
  refuse(faults, dir);
  const listed = new Set(list.map(({ file_name: name }) => name));
  return present.filter((name) => !listed.has(name)).sort();
}

/** Looks at finished results as a stranger would: ids, classes, finite numbers, codes that fill their image. */
export function checkResults(
  results: readonly unknown[],
  list: readonly SubmissionImage[],
  classes: number,
): void {
  const images = new Map(list.map((image) => [image.id, image]));
  const faults: string[] = [];
  results.forEach((result, i) => {
    const fault = resultFault(result, images, classes);
    if (fault) faults.push(`result ${i + 1}: ${fault}`);
  });
  refuse(faults, 'submission');
}

function resultFault(
  result: unknown,
  images: ReadonlyMap<number, SubmissionImage>,
  classes: number,
): string | undefined {
  const { image_id, bbox, score, category_id, segmentation } = (result ?? {}) as Record<string, unknown>;
  const image = images.get(image_id as number);
  if (!image) return `image_id ${JSON.stringify(image_id)} is not in the id list`;
  const where = `${image.file_name}: `;
  if (!(Number.isInteger(category_id) && (category_id as number) >= 1 && (category_id as number) <= classes))
    return `${where}category_id: expected 1..${classes}, got ${JSON.stringify(category_id)}`;
  if (typeof score !== 'number' || !(score >= 0 && score <= 1))
    return `${where}score: expected a number from 0 to 1, got ${String(score)}`;
  if (!Array.isArray(bbox) || bbox.length !== 4 || !bbox.every((value) => Number.isFinite(value)))
    return `${where}bbox: expected four numbers, got ${String(bbox)}`;
  const { size, counts } = (segmentation ?? {}) as { size?: unknown; counts?: unknown };
  if (!Array.isArray(size) || size[0] !== image.height || size[1] !== image.width)
    return `${where}segmentation: expected a mask of ${image.height} x ${image.width} (rows x columns), got ${String(size)}`;
  try {
    rleFromString(String(counts), [image.height, image.width]);
  } catch (error) {
    return `${where}${(error as Error).message}`;
  }
  return undefined;
}

/** One line: the first fault, and how many more there are. */
function refuse(faults: readonly string[], where: string): void {
  if (faults.length === 0) return;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  throw new DataError(`${faults[0]}${more}`, { where });
}
