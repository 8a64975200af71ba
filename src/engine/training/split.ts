import { DataError } from '../../core/errors';
import { readJson } from '../../core/files';
import type { Dataset } from '../../data/dataset';
import { checkSplit } from '../../data/split/check_split';
import { defaultGroupBy, formatGroupBy, type GroupBy, parseGroupBy } from '../../data/split/groups';
import { makeSplit } from '../../data/split/make_split';
import type { ExperimentConfig } from '../config/types';

/** Ids on either side, how they were divided, and what the check for leaks found, in words. */
export interface RunSplit {
  readonly train: readonly string[];
  readonly val: readonly string[];
  readonly note: string;
}

/** Pieces of one image, cut into rows and columns: what CoNSeP's and many other tiles are named like. */
const PIECES = /^(.+)_r\d+c\d+$/;

/** What part of an id is its group: as configured, as dataset.json says, else the image that pieces were cut from. */
export function groupByOf(dataset: Dataset, config: ExperimentConfig): GroupBy {
  if (config.data.groupBy !== null) return parseGroupBy(config.data.groupBy);
  const known = defaultGroupBy(dataset);
  if (known.kind !== 'none') return known;
  return dataset.ids.every((id) => PIECES.test(id)) ? { kind: 'regex', pattern: PIECES.source } : known;
}

/** Divides by group, so that no group stands on both sides, or reads a split file; then looks for leaks. */
export async function splitRun(dataset: Dataset, config: ExperimentConfig, file?: string): Promise<RunSplit> {
  const groupBy = groupByOf(dataset, config);
  const { train, val } = file
    ? readSplit(file, dataset)
    : await makeSplit(dataset, { groupBy, seed: config.seed, val: config.data.validationShare });
  const check = await checkSplit(dataset, { train, val }, { groupBy });
  const pairs = check.nearIdentical.slice(0, 3).map((pair) => `${pair.train} and ${pair.val}`);
  const unknown = groupBy.kind === 'dataset' ? '' : '; which slide or patient an image is from is not known';
  const found = pairs.length ? ` (${pairs.join('; ')})` : '';
  return { train, val, note: `grouped by ${formatGroupBy(groupBy)}: ${check.summary}${found}${unknown}` };
}

/** Reads a split file and checks it against the data set. */
export function readSplit(
  file: string,
  dataset: Dataset,
): { train: readonly string[]; val: readonly string[] } {
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
  const split = { train: list(train, 'train'), val: list(val, 'val') };
  const both = split.val.find((id) => split.train.includes(id));
  if (both !== undefined) throw new DataError(`"${both}" stands in train and in val`, { where: file });
  return split;
}
