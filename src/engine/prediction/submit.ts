import * as path from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { UsageError } from '../../core/errors';
import { writeFileAtomic } from '../../core/files';
import { createProgress } from '../../core/progress';
import { type CocoResultEntry, cocoResults, cocoResultsJson } from '../../data/exchange/coco_results_export';
import { readImage } from '../../data/image';
import { DEFAULT_VIEWS } from '../../postprocess/views';
import { type Instances, selectInstances } from '../../structures/instances';
import { sortByScore } from '../../structures/nms';
import { type LoadModelOptions, loadModel } from '../model/load_model';
import { Predictor } from './predict';
import { checkImages, checkResults, readIdList } from './submit_checks';

export interface SubmitOptions extends LoadModelOptions {
  /** Folder of the test images. */
  readonly images: string;
  /** The id list. */
  readonly ids: string;
  /** The zip to write. */
  readonly out: string;
  /** Detections kept per image and class, the best ones. Default 300. */
  readonly maxDets?: number;
  /** Whether each image is looked at in six ways, and what is found merged. */
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
  const how = { enlarge: about.enlarge, ...(tta && { views: DEFAULT_VIEWS }) };
  const results: CocoResultEntry[] = [];
  const empty: string[] = [];
  let cut = 0;
  const progress = createProgress({ label: 'predicting', total: list.length, unit: 'images' });
  try {
    for (const [i, { file_name: name, id }] of list.entries()) {
      progress.update(i, name);
      const { data: image, height, width } = await readImage(path.join(dir, name));
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
  return zipSync({ [SUBMISSION_FILE]: [strToU8(cocoResultsJson(results)), { mtime: new Date(2000, 0, 1) }] });
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
