import * as os from 'node:os';
import type { ExperimentConfig } from '../config/schema';
import { DataError } from '../core/errors';
import { createProgress } from '../core/progress';
import { type Dataset, openDataset } from '../data/dataset';
import { createLoader, type Loader } from '../data/loader/loader';
import { rareClassWeights } from '../data/loader/sampler';
import type { Sample } from '../data/record';
import { checkSplit } from '../data/splits/check_split';
import { defaultGroupBy, formatGroupBy, type GroupBy, parseGroupBy } from '../data/splits/groups';
import { makeSplit, readSplit } from '../data/splits/make_split';
import { type Survey, surveyDataset } from '../data/splits/survey';
import { syntheticDataset } from '../data/synthetic/synthesize';
import { AUGMENTATION_LEVELS, type Augmentation, type Transform } from '../data/transforms/transforms';

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

/** Ids on either side, how they were divided, and what the check for leaks found, in words. */
export interface RunSplit {
  readonly train: readonly string[];
  readonly val: readonly string[];
  readonly note: string;
}

/** Tiles of one image, cut into rows and columns: what CoNSeP's and many other tiles are named like. */
const TILES = /^(.+)_r\d+c\d+$/;

/** What part of an id is its group: as configured, as dataset.json says, else the image that tiles were cut from. */
export function groupByOf(dataset: Dataset, requested: string | null = null): GroupBy {
  if (requested !== null) return parseGroupBy(requested);
  const known = defaultGroupBy(dataset);
  if (known.kind !== 'none') return known;
  return dataset.ids.every((id) => TILES.test(id)) ? { kind: 'regex', pattern: TILES.source } : known;
}

/**
 * Divides by group, so that no group stands on both sides, or reads a split file; then looks for leaks. The split of a run
 * that is continued is taken as it was.
 */
export async function splitRun(
  dataset: Dataset,
  config: ExperimentConfig,
  { counts, appearances }: Survey,
  given?: string | RunSplit,
  known: readonly string[] = dataset.ids,
): Promise<RunSplit> {
  if (typeof given === 'object') return keptSplit(given, dataset);
  const file = given;
  const groupBy = groupByOf(dataset, config.data.groupBy);
  const { seed, data, validation } = config;
  if (validation.on === 'train') {
    const { train } = file ? restricted(readSplit(file, known), dataset) : { train: dataset.ids };
    return {
      train,
      val: train,
      note: `${train.length} images, validated on themselves: nothing is kept back`,
    };
  }
  const { train, val } = file
    ? restricted(readSplit(file, known), dataset)
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

/** The split of a run, whose images must all be there. */
function keptSplit(split: RunSplit, { ids, dir }: Dataset): RunSplit {
  const known = new Set(ids);
  const gone = [...split.train, ...split.val].filter((id) => !known.has(id));
  if (gone.length === 0) return split;
  const more = gone.length > 1 ? ` (and ${gone.length - 1} more)` : '';
  throw new DataError(`the run used the image "${gone[0]}"${more}, which cannot be read now`, {
    where: dir,
    fix: 'Put it back, or train anew.',
  });
}

/** Without the images that are not used: those that could not be read, or over `data.limit`. */
function restricted(
  split: { train: readonly string[]; val: readonly string[] },
  { ids }: Dataset,
): { train: readonly string[]; val: readonly string[] } {
  const known = new Set(ids);
  return { train: split.train.filter((id) => known.has(id)), val: split.val.filter((id) => known.has(id)) };
}

/** The data of a run, read once and divided. */
export interface PreparedData {
  readonly dataset: Dataset;
  readonly split: RunSplit;
  /** One a training image: how often it is drawn; undefined: each once an epoch. */
  readonly weights?: readonly number[];
  /** The training image of the most pixels: it decides how much memory is needed. */
  readonly largest: string;
  /** Images left out because they could not be read. */
  readonly skipped: readonly string[];
  /** What a person should know before it starts, a line each. */
  readonly notes: readonly string[];
}

/**
 * Opens the data, reads every image once, and divides it by group. A file that cannot be read ends the run here, before
 * it starts, unless `data.onCorrupt` is skip.
 * @param given a split file, or the split of a run that is continued.
 */
export async function prepareData(
  config: ExperimentConfig,
  given?: string | RunSplit,
): Promise<PreparedData> {
  const opened = await openTrainingData(config);
  const { limit, onCorrupt, emptyImages, sampling } = config.data;
  const wanted = limit === null ? opened.ids : opened.ids.slice(0, limit);
  const progress = createProgress({ label: 'reading the data', total: wanted.length, unit: 'images' });
  const survey = await surveyDataset(opened, wanted, (done) => progress.update(done));
  progress.finish();
  const skipped = survey.faults.map(({ id }) => id);
  if (skipped.length > 0 && (onCorrupt === 'stop' || survey.ids.length === 0))
    throw faultError(opened, survey);
  const dataset = { ...opened, ids: survey.ids };
  const whole = await splitRun(dataset, config, survey, given, opened.ids);
  const cells = (id: string): number => sum(survey.counts.get(id) ?? []);
  const area = (id: string): number => survey.areas.get(id) ?? 0;
  const train = emptyImages === 'skip' ? whole.train.filter((id) => cells(id) > 0) : whole.train;
  if (train.length === 0) throw new DataError('no image is left for training', { where: dataset.dir });
  const split = { ...whole, train };
  const counts = (ids: readonly string[]): number[][] =>
    ids.map((id) => [...(survey.counts.get(id) ?? dataset.classes.map(() => 0))]);
  return {
    dataset,
    split,
    weights: sampling === 'rareClasses' ? rareClassWeights(counts(train)) : undefined,
    largest: train.reduce((best, id) => (area(id) > area(best) ? id : best), train[0]),
    skipped,
    notes: [
      split.note,
      ...survey.faults.map(({ problem }) => `left out: ${problem}`),
      ...(train.length < whole.train.length
        ? [`${whole.train.length - train.length} images without cells are left out`]
        : []),
      `cells, training / validation: ${classCounts(dataset, counts(train), counts(split.val))}`,
      ...limitWarnings(config, [...train, ...split.val], cells),
    ],
  };
}

function faultError(dataset: Dataset, { faults }: Survey): DataError {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more images)` : '';
  return new DataError(`${faults[0].problem}${more}`, {
    fix: `\`cytobench data check ${dataset.dir}\` lists every problem; --set data.onCorrupt=skip leaves such images out.`,
  });
}

function classCounts({ classes }: Dataset, train: number[][], val: number[][]): string {
  return classes.map((name, c) => `${name} ${sum(column(train, c))} / ${sum(column(val, c))}`).join(', ');
}

/** The trap of a limit on detections below what an image holds. */
function limitWarnings(
  { model, validation }: ExperimentConfig,
  ids: readonly string[],
  cells: (id: string) => number,
): string[] {
  const most = ids.reduce((best, id) => (cells(id) > cells(best) ? id : best), ids[0]);
  const limit = model.box.detectionsPerImage;
  const line = (what: string, value: number): string =>
    `warning: ${most} holds ${cells(most)} cells, over ${what} of ${value}: some cannot be found`;
  if (cells(most) > limit) return [line("the model's limit (model.box.detectionsPerImage)", limit)];
  if (cells(most) > validation.maxDets) return [line('validation.maxDets', validation.maxDets)];
  return [];
}

const column = (rows: readonly (readonly number[])[], c: number): number[] => rows.map((row) => row[c]);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The whole list that training samples go through: crop, scale, then the level or the user's own list. */
export function augmentationPlan({
  augmentation,
  data,
}: Pick<ExperimentConfig, 'augmentation' | 'data'>): Augmentation {
  const { level, transforms, crop, scale, minVisible } = augmentation;
  const first: Transform[] = [];
  if (crop !== null) first.push({ name: 'RandomCrop', width: crop, height: crop });
  if (scale !== 1) first.push({ name: 'Scale', factor: scale });
  return {
    transforms: [...first, ...(transforms ?? AUGMENTATION_LEVELS[level].transforms)],
    minPixels: data.minInstancePixels,
    minVisible,
  };
}

/** Threads that load: those that are set, else one fewer than there are cores, at least 1 and at most 8. */
export function workersOf({ training }: Pick<ExperimentConfig, 'training'>): number {
  return training.workers ?? Math.min(Math.max(os.availableParallelism() - 1, 1), 8);
}

/** The loader of a run's training images; the caller closes it. */
export function trainingLoader(
  { dataset, split, weights }: Pick<PreparedData, 'dataset' | 'split' | 'weights'>,
  config: ExperimentConfig,
  say?: (line: string) => void,
): Loader {
  const { batchSize } = config.training;
  const workers = workersOf(config);
  return createLoader({
    dataset,
    ids: split.train,
    augmentation: augmentationPlan(config),
    seed: config.seed,
    batchSize,
    workers,
    cacheBytes: config.data.cacheMb * 1e6,
    weights,
    falseBoxes: config.data.emptyImages === 'falseBox',
    onCorrupt: config.data.onCorrupt,
    onWarning: say,
  });
}

/** One augmented sample of an image, as training will see it. */
export async function sampleOf(
  prepared: Pick<PreparedData, 'dataset'>,
  id: string,
  config: ExperimentConfig,
): Promise<Sample> {
  const split = { train: [id], val: [], note: '' };
  const inline = { ...config, training: { ...config.training, batchSize: 1, workers: 0 } };
  const loader = trainingLoader({ dataset: prepared.dataset, split }, inline);
  try {
    for await (const [sample] of loader.epoch(0)) return sample;
    throw new DataError('gives no sample', { where: id });
  } finally {
    await loader.close();
  }
}
