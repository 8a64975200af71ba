import * as fs from 'node:fs';
import { withCard } from '../core/card';
import { ConfigError, DataError, nearestName, UsageError } from '../core/errors';
import { readJson, writeJson } from '../core/files';
import { createProgress } from '../core/progress';
import { type Dataset, openDataset } from '../data/dataset';
import { hashDataset } from '../data/hash_dataset';
import { groupIds } from '../data/splits/groups';
import { readSplit } from '../data/splits/make_split';
import type { Instances } from '../geometry/instances';
import { rleFromString, rleToString } from '../geometry/rle';
import { type PredictOptions, Predictor } from '../inference/predictor';
import { DEFAULT_VIEWS } from '../inference/test_time_augmentation';
import { type DetectionScores, detectionScores } from '../metrics/cells/detection';
import { type CellSummary, evaluateCells } from '../metrics/cells/summary';
import { matchCoco } from '../metrics/coco/evaluate';
import { type CocoSummary, summarizeCoco } from '../metrics/coco/summary';
import { detectionsOf } from '../metrics/evaluation_image';
import type { PortableModel } from '../models/weights/portable';
import { loadModel } from '../runs/load_model';
import { type RunDescription, RunFolder, resolveRun } from '../runs/run_folder';
import { groupByOf, openTrainingData } from '../training/data';
import { loadValidationSet, type ValidationSet } from '../training/validation';
import { type Ablation, type AblationAnswers, ablationAnswers, compareAblations } from './ablate';

/** Predictions of a run on its own images, with what they were made from. */
interface Stored {
  /** The checkpoint's checksum and the images, as one text: others make the predictions stale. */
  readonly of: string;
  readonly images: readonly {
    readonly height: number;
    readonly width: number;
    readonly boxes: readonly number[];
    readonly scores: readonly number[];
    readonly labels: readonly number[];
    /** COCO run-length strings. */
    readonly masks: readonly string[];
  }[];
}

const FILE = 'predictions.json';

/** Predictions kept in a run folder, where they were made from the same weights and images; undefined else. */
export function readStored(run: RunFolder, of: string): Instances[] | undefined {
  if (!fs.existsSync(run.file(FILE))) return undefined;
  const stored = readJson<Stored>(run.file(FILE));
  if (stored.of !== of) return undefined;
  return stored.images.map(({ height, width, boxes, scores, labels, masks }) => ({
    height,
    width,
    boxes: Float32Array.from(boxes),
    scores: Float32Array.from(scores),
    labels: Int32Array.from(labels),
    masks: masks.map((counts) => rleFromString(counts, [height, width])),
  }));
}

export function writeStored(run: RunFolder, of: string, predictions: readonly Instances[]): void {
  const images = predictions.map(({ height, width, boxes, scores, labels, masks }) => ({
    height,
    width,
    boxes: [...boxes],
    scores: [...scores],
    labels: [...labels],
    masks: masks.map(rleToString),
  }));
  writeJson(run.file(FILE), { of, images } satisfies Stored);
}

export interface EvaluateOptions {
  readonly data?: string;
  readonly split?: string;
  readonly part?: 'train' | 'val' | 'all';
  /** COCO's limit, per image and class. */
  readonly maxDets?: number;
  /** One for all classes, or one each, for the cell metrics. Default 0.5. */
  readonly scoreThreshold?: number | readonly number[];
  readonly checkpoint?: 'best' | 'last';
  /** With bare weights: which architecture they are of. */
  readonly architecture?: string;
  /** Looks at each image in several ways and merges what is found. */
  readonly tta?: boolean;
  /** How masks are drawn: between pixels and by colour, as every answer is, or pasted as torchvision pastes them. */
  readonly masks?: 'guided' | 'torchvision';
  /** Also tells what each step after the model does to the numbers; or the steps of these names alone. */
  readonly ablate?: boolean | readonly string[];
  /** Keep a run's predictions in its folder, and use those kept from the same weights and images. */
  readonly stored?: boolean;
}

/** What was predicted and what it is worth. */
export interface Evaluation {
  /** null for a portable model file. */
  readonly run: RunDescription | null;
  readonly about: PortableModel;
  /** Which weights: 'best checkpoint of …'. */
  readonly source: string;
  readonly dataset: Dataset;
  readonly ids: readonly string[];
  readonly set: ValidationSet;
  readonly predictions: readonly Instances[];
  readonly segm: CocoSummary;
  readonly bbox: CocoSummary;
  readonly cells: CellSummary;
  /** Where cells are, whatever their outlines: centres within 12 pixels of the image. */
  readonly detection: DetectionScores;
  /** AP50 of the masks of each image alone; -1 where it has no cell. */
  readonly perImage: readonly number[];
  /** Images on which the model's own limit of detections was reached. */
  readonly atModelLimit: number;
  /** With `ablate`: what each step after the model does. */
  readonly ablation?: readonly Ablation[];
  /** The answers that it was made of: those of several models can be compared together. */
  readonly ablationAnswers?: readonly AblationAnswers[];
}

/** Predicts and scores; by default the run's own split, part `val`. Takes a run folder or a portable model file. */
export async function evaluateRun(named: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  const where = resolveRun(named);
  if (options.ablate && options.masks === 'torchvision')
    throw new UsageError('the ablation begins with masks as every answer has them', {
      fix: 'Leave out --masks: its first row compares with torchvision’s.',
    });
  const { model, about, source, digest } = loadModel(where, options);
  const predictor = new Predictor(model);
  try {
    const run = fs.statSync(where).isDirectory() ? RunFolder.open(where).describe() : null;
    const { dataset, ids } = await chooseImages(run, about.classes, options);
    const groups = groupIds(dataset, ids, groupByOf(dataset, run?.config.data.groupBy));
    const set = await loadValidationSet(dataset, ids, (id) => groups.get(id) ?? id);
    const masks = options.masks === 'torchvision' ? null : undefined;
    const predict = (how: PredictOptions): Instances[] =>
      predictAll(predictor, set, { scale: about.scale, masks, ...how });
    const folder = options.stored && run ? RunFolder.open(where) : null;
    const of = JSON.stringify({
      weights: digest,
      data: hashDataset(dataset, ids).hash,
      ids,
      scale: about.scale,
      views: options.tta ? DEFAULT_VIEWS : null,
      masks: masks === null ? 'torchvision' : 'default',
    });
    const kept = folder && readStored(folder, of);
    const predictions = kept || predict(options.tta ? { views: DEFAULT_VIEWS } : {});
    if (folder && !kept) writeStored(folder, of, predictions);
    const scores = score(about, set, predictions, options);
    const evaluation = { run, about, source, dataset, ids, set, predictions, ...scores };
    if (!options.ablate) return withCard(evaluation, evaluationCard);
    const only = options.ablate === true ? undefined : options.ablate;
    const answers = ablationAnswers(evaluation, predict, { tta: options.tta, only });
    return withCard(
      { ...evaluation, ablation: compareAblations([answers]), ablationAnswers: answers },
      evaluationCard,
    );
  } finally {
    model.dispose();
  }
}

function evaluationCard({ source, ids, segm, bbox, cells, about }: Evaluation): string {
  const shown = (value: number | null): string => (value === null || value < 0 ? '–' : value.toFixed(3));
  return [
    `evaluation of ${source}: ${ids.length} images`,
    `masks AP50 ${shown(segm.AP50)}, AP ${shown(segm.AP)}; boxes AP50 ${shown(bbox.AP50)}; PQ ${shown(cells.pq)}, F1 ${shown(cells.f1)}, AJI ${shown(cells.aji)}`,
    ...about.classes.map(
      (name, k) => `  ${name}: AP50 ${shown(segm.perClass[k].AP50)}, F1 ${shown(cells.perClass[k].f1)}`,
    ),
  ].join('\n');
}

function predictAll(predictor: Predictor, { samples }: ValidationSet, how: PredictOptions): Instances[] {
  const label = how.views ? `predicting in ${how.views.length} views` : 'predicting';
  const progress = createProgress({ label, total: samples.length, unit: 'images' });
  const predictions = samples.map((sample, i) => {
    progress.update(i, sample.id);
    return predictor.predict(sample, how).instances;
  });
  progress.finish();
  return predictions;
}

/** All metrics of given predictions. */
export function score(
  about: PortableModel,
  set: ValidationSet,
  predictions: readonly Instances[],
  { maxDets = 300, scoreThreshold = about.thresholds }: EvaluateOptions,
): Pick<Evaluation, 'segm' | 'bbox' | 'cells' | 'detection' | 'perImage' | 'atModelLimit'> {
  const classes = about.classes.length;
  const match = (type: 'segm' | 'bbox') =>
    matchCoco(
      set.groundTruth,
      predictions.map((p) => detectionsOf(p, type === 'bbox' ? 'box' : 'mask')),
      { classes, maxDets, type },
    );
  const masks = match('segm');
  const only = (image: number): Float64Array =>
    new Float64Array(predictions.length).fill(1, image, image + 1);
  return {
    segm: summarizeCoco(masks),
    bbox: summarizeCoco(match('bbox')),
    cells: evaluateCells(set.groundTruth, predictions, { classes, scoreThreshold }),
    detection: detectionScores(
      set.groundTruth,
      predictions,
      typeof scoreThreshold === 'number' ? about.classes.map(() => scoreThreshold) : scoreThreshold,
    ),
    perImage: predictions.map((_, i) => summarizeCoco(masks, only(i)).AP50),
    atModelLimit: predictions.filter(({ scores }) => scores.length >= about.config.box.detectionsPerImage)
      .length,
  };
}

async function chooseImages(
  run: RunDescription | null,
  classes: readonly string[],
  { data, split, part }: EvaluateOptions,
): Promise<{ dataset: Dataset; ids: readonly string[] }> {
  if (!data && !run)
    throw new UsageError('a model file has no images of its own', {
      fix: 'Name a labelled folder with --data.',
    });
  const dataset = data ? await openDataset(data) : await openTrainingData((run as RunDescription).config);
  if (!dataset.labelled)
    throw new DataError('holds images without labels', {
      where: dataset.dir,
      fix: 'Use `cytobench predict` for these.',
    });
  if (dataset.classes.length > classes.length)
    throw new ConfigError(`the data has ${dataset.classes.length} classes, the model ${classes.length}`, {
      where: dataset.dir,
    });
  const chosen = part ?? (data && !split ? 'all' : 'val');
  if (chosen === 'all') return { dataset, ids: dataset.ids };
  const sides = split ? readSplit(split, dataset.ids) : run?.split;
  if (!sides)
    throw new UsageError('a model file knows no split', { fix: 'Name one with --split, or use --part all.' });
  const missing = sides[chosen].find((id) => !dataset.ids.includes(id));
  if (missing !== undefined)
    throw new DataError(`has no image "${missing}" of the run's split`, {
      where: dataset.dir,
      fix: 'Name a --split of this data, or --part all.',
    });
  return { dataset, ids: sides[chosen] };
}

/** `class=T,…` or one number, as one threshold a class. */
export function parseScoreThreshold(text: string, classes: readonly string[]): number | number[] {
  if (!text.includes('=')) return threshold(text, text);
  const values = new Array<number>(classes.length).fill(0.5);
  for (const part of text.split(',')) {
    const [name, value] = part.split('=');
    const k = classes.indexOf(name);
    if (k < 0)
      throw new ConfigError(
        `--score-threshold: unknown class "${name}"; did you mean "${nearestName(name, classes) ?? classes[0]}"?`,
        { fix: `Known: ${classes.join(', ')}.` },
      );
    values[k] = threshold(value, text);
  }
  return values;
}

function threshold(value: string, text: string): number {
  const number = Number(value);
  if (value === '' || !(number >= 0 && number <= 1))
    throw new ConfigError(`--score-threshold ${text}: expected a number from 0 to 1, or class=number,…`);
  return number;
}
