import { DataError } from '../../core/errors';
import { createProgress } from '../../core/progress';
import type { Dataset } from '../../data/dataset';
import { rareClassWeights } from '../../data/loader/order';
import { type Survey, surveyDataset } from '../../data/split/survey';
import type { ExperimentConfig } from '../config/types';
import { type RunSplit, splitRun } from './split';
import { openTrainingData } from './training_data';

/** The data of a run, read once and divided. */
export interface PreparedData {
  readonly dataset: Dataset;
  readonly split: RunSplit;
  /** One a training image: how often it is drawn; undefined: each once an epoch. */
  readonly weights?: readonly number[];
  /** Images left out because they could not be read. */
  readonly skipped: readonly string[];
  /** What a person should know before it starts, a line each. */
  readonly notes: readonly string[];
}

/**
 * Opens the data, reads every image once, and divides it by group. A file that cannot be read ends the run here, before
 * it starts, unless `data.onCorrupt` is skip.
 */
export async function prepareData(config: ExperimentConfig, splitFile?: string): Promise<PreparedData> {
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
  const whole = await splitRun(dataset, config, survey, splitFile);
  const cells = (id: string): number => sum(survey.counts.get(id) ?? []);
  const train = emptyImages === 'skip' ? whole.train.filter((id) => cells(id) > 0) : whole.train;
  if (train.length === 0) throw new DataError('no image is left for training', { where: dataset.dir });
  const split = { ...whole, train };
  const counts = (ids: readonly string[]): number[][] =>
    ids.map((id) => [...(survey.counts.get(id) ?? dataset.classes.map(() => 0))]);
  return {
    dataset,
    split,
    weights: sampling === 'rareClasses' ? rareClassWeights(counts(train)) : undefined,
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
