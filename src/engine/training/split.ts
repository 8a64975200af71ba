import type { Dataset } from '../../data/dataset';
import { checkSplit } from '../../data/split/check_split';
import { defaultGroupBy, formatGroupBy, type GroupBy, parseGroupBy } from '../../data/split/groups';
import { makeSplit } from '../../data/split/make_split';
import { readSplit } from '../../data/split/split_file';
import type { Survey } from '../../data/split/survey';
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
export function groupByOf(dataset: Dataset, asked: string | null = null): GroupBy {
  if (asked !== null) return parseGroupBy(asked);
  const known = defaultGroupBy(dataset);
  if (known.kind !== 'none') return known;
  return dataset.ids.every((id) => PIECES.test(id)) ? { kind: 'regex', pattern: PIECES.source } : known;
}

/** Divides by group, so that no group stands on both sides, or reads a split file; then looks for leaks. */
export async function splitRun(
  dataset: Dataset,
  config: ExperimentConfig,
  { counts, appearances }: Survey,
  file?: string,
): Promise<RunSplit> {
  const groupBy = groupByOf(dataset, config.data.groupBy);
  const { seed, data, validation } = config;
  if (validation.on === 'train') {
    const { train } = file ? restricted(readSplit(file), dataset) : { train: dataset.ids };
    return {
      train,
      val: train,
      note: `${train.length} images, validated on themselves: nothing is kept back`,
    };
  }
  const { train, val } = file
    ? restricted(readSplit(file), dataset)
    : await makeSplit(dataset, { groupBy, seed, val: data.validationShare, counts });
  const check = await checkSplit(dataset, { train, val }, { groupBy, appearances });
  const pairs = check.nearIdentical.slice(0, 3).map((pair) => `${pair.train} and ${pair.val}`);
  const unknown = groupBy.kind === 'dataset' ? '' : '; which slide or patient an image is from is not known';
  const found = pairs.length ? ` (${pairs.join('; ')})` : '';
  const warning = check.ok ? '' : 'warning: ';
  return {
    train,
    val,
    note: `${warning}grouped by ${formatGroupBy(groupBy)}: ${check.summary}${found}${unknown}`,
  };
}

/** Without the images that are not used: those that could not be read, or over `data.limit`. */
function restricted(
  split: { train: readonly string[]; val: readonly string[] },
  { ids }: Dataset,
): { train: readonly string[]; val: readonly string[] } {
  const known = new Set(ids);
  return { train: split.train.filter((id) => known.has(id)), val: split.val.filter((id) => known.has(id)) };
}
