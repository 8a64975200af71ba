import { DataError } from '../core/errors';
import { readJson } from '../core/files';
import { type Dataset, openDataset } from '../data/dataset';
import { syntheticDataset } from '../data/synth/synthesize';
import type { ExperimentConfig } from './config/types';

/** Ids on either side, and how they were divided, in words. */
export interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
  readonly note: string;
}

/** The data of a configuration: its folder, or synthetic tissue made in memory. */
export async function openTrainingData({ data }: ExperimentConfig): Promise<Dataset> {
  if (data.dir === null) return syntheticDataset(data.synthetic);
  const dataset = await openDataset(data.dir);
  if (!dataset.labelled)
    throw new DataError('holds images without labels', {
      where: data.dir,
      fix: 'Training needs DIR/<id>/class1.tif … beside each image.tif.',
    });
  return dataset;
}

/** Reads a split file and checks it against the data set. */
export function readSplit(file: string, dataset: Dataset): Split {
  const { train, val } = readJson<{ train?: unknown; val?: unknown }>(file);
  const known = new Set(dataset.ids);
  const list = (value: unknown, key: string): string[] => {
    if (!Array.isArray(value) || !value.every((id) => typeof id === 'string'))
      throw new DataError(`${key}: expected a list of image ids`, { where: file });
    const missing = value.find((id) => !known.has(id));
    if (missing !== undefined)
      throw new DataError(`${key}: the data set has no image "${missing}"`, { where: file });
    return value;
  };
  const split = { train: list(train, 'train'), val: list(val, 'val'), note: `as ${file} says` };
  const both = split.val.find((id) => split.train.includes(id));
  if (both !== undefined) throw new DataError(`"${both}" stands in train and in val`, { where: file });
  return split;
}
