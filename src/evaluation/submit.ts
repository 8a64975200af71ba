import * as fs from 'node:fs';
import * as path from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { DataError, nearestName, UsageError } from '../core/errors';
import { MAKER, readJson, writeFileAtomic } from '../core/files';
import { createProgress } from '../core/progress';
import { type CocoResultEntry, cocoResults, cocoResultsJson } from '../data/exporters/coco';
import { isImageName } from '../data/formats/detect';
import { readImage, readImageSize, surveyRange } from '../data/formats/image';
import { type Instances, selectInstances } from '../geometry/instances';
import { sortByScore } from '../geometry/nms';
import { rleFromString } from '../geometry/rle';
import { Predictor } from '../inference/predictor';
import { DEFAULT_VIEWS } from '../inference/test_time_augmentation';
import { type LoadModelOptions, loadModel } from '../runs/load_model';

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

export interface SubmitOptions extends LoadModelOptions {
  /** Folder of the test images. */
  readonly images: string;
  /** The id list. */
  readonly ids: string;
  /** The zip to write. */
  readonly out: string;
  /** Detections kept per image and class, the best ones. Default 300. */
  readonly maxDets?: number;
  /** Test-time augmentation: six views of each image, merged. */
  readonly tta?: boolean;
}

/** What the zip holds. */
export interface Submission {
  readonly images: number;
  readonly instances: number;
  /** Instances of each class by its name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Images without a single instance. */
  readonly empty: readonly string[];
  /** Images of the folder that the id list does not name. */
  readonly unlisted: readonly string[];
  /** Detections over the limit that were left out. */
  readonly cut: number;
  readonly bytes: number;
  readonly source: string;
}

/** The one file in the zip. */
export const SUBMISSION_FILE = 'test-results.json';

/**
 * Predicts the listed images and writes the challenge's zip. The id list and all images are checked before the model
 * is loaded, the results before anything is written. All detections go in, down to the model's own score threshold:
 * AP ranks them. Images are read as they are, channels in the order of the training images.
 */
export async function submit(where: string, options: SubmitOptions): Promise<Submission> {
  const { images: dir, ids, out, maxDets = 300, tta = false } = options;
  if (path.extname(out).toLowerCase() !== '.zip')
    throw new UsageError(`--out: expected a file ending in .zip, got "${out}"`);
  const list = readIdList(ids);
  const unlisted = await checkImages(dir, list);
  const { model, about, source } = loadModel(where, options);
  const predictor = new Predictor(model);
  const how = { scale: about.scale, ...(tta && { views: DEFAULT_VIEWS }) };
  const results: CocoResultEntry[] = [];
  const empty: string[] = [];
  let cut = 0;
  const range = await surveyRange(list.map(({ file_name: name }) => path.join(dir, name)));
  const progress = createProgress({ label: 'predicting', total: list.length, unit: 'images' });
  try {
    for (const [i, { file_name: name, id }] of list.entries()) {
      progress.update(i, name);
      const { data: image, height, width } = await readImage(path.join(dir, name), { range });
      const { instances } = predictor.predict({ height, width, image }, how);
      const kept = limitDetections(instances, maxDets);
      cut += instances.labels.length - kept.labels.length;
      if (kept.labels.length === 0) empty.push(name);
      for (const result of cocoResults(id, kept)) results.push(result);
    }
  } finally {
    model.dispose();
  }
  progress.finish();
  checkResults(results, list, about.classes.length);
  const zip = zipResults(results);
  writeFileAtomic(out, zip);
  const count = (k: number): number => results.filter(({ category_id }) => category_id === k + 1).length;
  return {
    images: list.length,
    instances: results.length,
    counts: Object.fromEntries(about.classes.map((name, k) => [name, count(k)])),
    empty,
    unlisted,
    cut,
    bytes: zip.byteLength,
    source,
  };
}

/** The zip's bytes; the same results give the same bytes. */
export function zipResults(results: readonly CocoResultEntry[]): Uint8Array {
  return zipSync({
    [SUBMISSION_FILE]: [strToU8(cocoResultsJson(results)), { mtime: new Date(2000, 0, 1), comment: MAKER }],
  });
}

/** The best `limit` instances of each class. */
export function limitDetections(instances: Instances, limit: number): Instances {
  const counts = new Map<number, number>();
  const kept: number[] = [];
  for (const i of sortByScore(instances.scores)) {
    const n = counts.get(instances.labels[i]) ?? 0;
    counts.set(instances.labels[i], n + 1);
    if (n < limit) kept.push(i);
  }
  return selectInstances(instances, kept);
}
