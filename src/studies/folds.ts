import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ExperimentConfig } from '../config/schema';
import { writeJson } from '../core/files';
import { makeFolds } from '../data/splits/folds';
import { groupIds } from '../data/splits/groups';
import { surveyDataset } from '../data/splits/survey';
import { runsFolder } from '../runs/run_folder';
import { groupByOf, openTrainingData } from '../training/data';

/** The folds of a data set: which model scores which image. */
export interface FoldFiles {
  /** [images] in the order of the data set. */
  readonly ids: readonly string[];
  /** [images] */
  readonly groups: readonly string[];
  /** [images] 0 to K - 1. */
  readonly foldOf: readonly number[];
  /** [K] split files: `val` are the images of the fold, `train` all others. */
  readonly files: readonly string[];
}

/** Seed of the folds: the same for all seeds of training, so that those tell training noise alone. */
const SEED = 0;

/** Divides the data of a configuration into folds by group, and writes their splits where runs find them. */
export async function prepareFolds(config: ExperimentConfig, folds: number): Promise<FoldFiles> {
  const dataset = await openTrainingData(config);
  const { limit, groupBy } = config.data;
  // Images that cannot be read are in no fold: a run leaves them out, or says so and ends.
  const { ids, counts } = await surveyDataset(
    dataset,
    limit === null ? dataset.ids : dataset.ids.slice(0, limit),
  );
  const groupOf = groupIds(dataset, ids, groupByOf(dataset, groupBy));
  const dealt = makeFolds({ groupOf, counts, folds, seed: SEED });
  const foldOf = ids.map((id) => dealt.get(id) as number);
  const name = createHash('sha256')
    .update(JSON.stringify([ids, foldOf]))
    .digest('hex')
    .slice(0, 8);
  const dir = path.join(runsFolder(), '.folds', name);
  const files = Array.from({ length: folds }, (_, fold) => {
    const file = path.join(dir, `fold-${fold + 1}-of-${folds}.json`);
    const side = (inside: boolean): string[] => ids.filter((_, i) => (foldOf[i] === fold) === inside);
    // Written once: another study may be reading it.
    if (!fs.existsSync(file)) writeJson(file, { train: side(false), val: side(true) });
    return file;
  });
  return { ids, groups: ids.map((id) => groupOf.get(id) as string), foldOf, files };
}
