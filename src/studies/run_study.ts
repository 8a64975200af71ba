import * as path from 'node:path';
import type { Experiment } from '../config/experiment';
import type { PresetName } from '../config/presets';
import { resolveConfig } from '../config/resolve';
import type { ExperimentConfig } from '../config/schema';
import { DataError, UsageError } from '../core/errors';
import { groupIds } from '../data/splits/groups';
import { groupsOf, tallyOfEvaluation } from '../evaluation/analyse';
import { type Evaluation, evaluateRun } from '../evaluation/evaluate';
import type { Instances } from '../geometry/instances';
import type { EvaluationImage } from '../metrics/evaluation_image';
import type { Headline } from '../metrics/headline';
import type { TrainingNoise } from '../metrics/statistics/crossed';
import { type Tally, tallyOf } from '../metrics/tally';
import type { TrainRunOptions } from '../runs/executors/in_process';
import { readProvenance } from '../runs/provenance';
import { RunFolder } from '../runs/run_folder';
import { groupByOf } from '../training/data';
import { compareVariants, type ScoredImages, type VariantTallies } from './comparison';
import { findingsOf } from './findings';
import { type FoldFiles, prepareFolds } from './folds';
import { finishedRun } from './side_by_side';
import { dataName, nameOf, type Study, type StudyData, type StudyFailure } from './study';
import {
  type RunRequest,
  scoredCheckpoint,
  type TrainedRequest,
  type TrainRequests,
  trainInTurn,
} from './train_runs';

export interface StudyOptions
  extends Pick<TrainRunOptions, 'data' | 'split' | 'set' | 'interrupted' | 'say'> {
  readonly experiment: Experiment;
  readonly preset: PresetName;
  /** Default: 0 alone. */
  readonly seeds?: readonly number[];
  /** K: every image is scored by the one model of K that has not seen its group. Default: one split for all runs. */
  readonly folds?: number;
  /** Only these variants. Default: all. */
  readonly variants?: readonly string[];
  /** Seeds of single variants, where they are others than `seeds`. */
  readonly seedsOf?: Readonly<Record<string, readonly number[]>>;
  /** How runs are trained. Default: in this process, one after the other. */
  readonly train?: TrainRequests;
  /** Error rate of the study's claims together. Default 0.05. */
  readonly alpha?: number;
  /** Training noise from elsewhere, for variants of one seed. */
  readonly noise?: Readonly<Partial<Record<Headline, TrainingNoise>>>;
}

/**
 * Trains every variant with every seed (and fold), evaluates them on the same images and compares. What is finished is not
 * done again: runs are found by what decides them, whatever experiment they were made for. A run that fails does not
 * end the others; its variant and seed are left out and told. Null where it was interrupted.
 */
export async function runStudy(options: StudyOptions): Promise<Study | null> {
  const { experiment, preset, seeds = [0], say = () => {}, train = trainInTurn() } = options;
  const { names, config, folds, requests } = await requestRuns(options);
  const answered = await train(requests, { interrupted: options.interrupted, say });
  if (answered === null) return null;
  // As the run's own checkpoint says, whether it was trained now or found complete.
  const trained = answered.map(({ request, result }) => ({
    request,
    result: 'run' in result ? (finishedRun(result.run) ?? result) : result,
  }));
  const failures = failuresOf(trained);
  for (const { variant, seed, fold, message } of failures)
    say(`failed: ${nameOf({ variant, seed, fold })}: ${message}`);
  const evaluations: Evaluation[] = [];
  const variants: VariantTallies[] = [];
  // One run may stand for several variants: it is evaluated once.
  const known = new Map<string, { tally: Tally; images: ScoredImages }>();
  for (const variant of names) {
    const done: { seed: number; tally: Tally; images: ScoredImages }[] = [];
    for (const seed of options.seedsOf?.[variant] ?? seeds) {
      if (options.interrupted?.()) return null;
      const own = trained.filter(({ request }) => request.variant === variant && request.seed === seed);
      const runs = own.flatMap(({ result }) => ('run' in result ? [result.run] : []));
      if (runs.length < own.length) continue;
      const key = runs.join('\n');
      const scored =
        known.get(key) ?? (await scoreRuns(runs, folds, evaluations.length === 0 ? evaluations : null));
      known.set(key, scored);
      done.push({ seed, ...scored });
    }
    if (done.length > 0)
      variants.push({
        variant,
        seeds: done.map(({ seed }) => seed),
        tallies: done.map(({ tally }) => tally),
        images: done[0].images,
      });
  }
  const failed = trained.flatMap(({ result }) => ('run' in result ? [] : [result.failed]));
  if (variants.length === 0) throw failed[0] ?? new UsageError(`nothing of ${experiment.name} was asked for`);
  const data = describeData(config, evaluations, variants[0], trained);
  const { alpha, noise } = options;
  const runs = trained.flatMap(({ request: { variant, seed, fold }, result }) =>
    'run' in result ? [{ variant, seed, fold, ...result }] : [],
  );
  const precisions = new Set(runs.map(({ run }) => new RunFolder(run).describe().config.runtime.precision));
  if (precisions.size > 1)
    say(
      `warning: runs of this study were made in ${[...precisions].join(' and ')}: --set runtime.precision=float32 makes them alike`,
    );
  const made = { experiment, folds: options.folds ?? null, runs, variants, evaluations };
  const findings = await findingsOf(made);
  const steps = findings.refinement;
  const { synthetic } = data;
  return {
    ...made,
    preset,
    data,
    seeds: [...new Set(variants.flatMap((own) => own.seeds))].sort((a, b) => a - b),
    failures,
    comparison: compareVariants(variants, experiment, { preset, synthetic, alpha, noise, steps }),
    knownNoise: noise ?? null,
    findings,
    recorded: false,
  };
}

/** The runs that a study needs, and what they are on. */
export interface StudyRequests {
  readonly names: readonly string[];
  /** Of the first variant. */
  readonly config: ExperimentConfig;
  readonly folds: FoldFiles | null;
  readonly requests: readonly RunRequest[];
}

/** What a study would train: its folds are made, nothing else. */
export async function requestRuns(options: StudyOptions): Promise<StudyRequests> {
  const { experiment, preset, seeds = [0] } = options;
  const names = options.variants ?? Object.keys(experiment.variants);
  const config = resolveConfig(experiment, { variant: names[0], preset, set: options.set });
  const folds = options.folds === undefined ? null : await foldsOf(options, config, names, options.folds);
  const requests = names.flatMap((variant) =>
    (options.seedsOf?.[variant] ?? seeds).flatMap((seed) => requestsOf(options, variant, seed, folds)),
  );
  return { names, config, folds, requests };
}

async function foldsOf(
  { experiment, preset, set, split, data }: StudyOptions,
  config: ExperimentConfig,
  names: readonly string[],
  folds: number,
): Promise<FoldFiles> {
  if (split !== undefined)
    throw new UsageError('--folds makes its own splits', { fix: 'Leave out --split, or --folds.' });
  for (const variant of names) {
    const own = resolveConfig(experiment, { variant, preset, set });
    if (own.validation.on === 'train')
      throw new UsageError(`${experiment.name}:${variant} keeps no image back: there is nothing to fold`, {
        fix: 'Name other --variants.',
      });
  }
  const dir = data === undefined ? config.data.dir : path.resolve(data);
  return await prepareFolds({ ...config, data: { ...config.data, dir } }, folds);
}

function requestsOf(
  { experiment, preset, data, split, set }: StudyOptions,
  variant: string,
  seed: number,
  folds: FoldFiles | null,
): RunRequest[] {
  const base = { experiment, variant, preset, seed, data, set };
  const config = JSON.stringify(resolveConfig(experiment, { variant, preset, seed, set }));
  return folds === null
    ? [{ ...base, fold: null, split, decides: config }]
    : folds.files.map((file, fold) => ({ ...base, fold, split: file, decides: `${config} ${file}` }));
}

function failuresOf(trained: readonly TrainedRequest[]): StudyFailure[] {
  return trained.flatMap(({ request: { variant, seed, fold }, result }) =>
    'run' in result ? [] : [{ variant, seed, fold, message: result.failed.message }],
  );
}

/** Evaluates the runs of one variant and seed, one a fold, and counts all of their images together. */
async function scoreRuns(
  runs: readonly string[],
  folds: FoldFiles | null,
  keep: Evaluation[] | null,
): Promise<{ tally: Tally; images: ScoredImages }> {
  if (folds === null) {
    const evaluation = await evaluateRun(runs[0], { stored: true });
    keep?.push(evaluation);
    const images = { ids: evaluation.ids, groupOf: groupsOf(evaluation), foldOf: null };
    return { tally: tallyOfEvaluation(evaluation), images };
  }
  const found = new Map<string, { groundTruth: EvaluationImage; predictions: Instances }>();
  let counted: Evaluation | undefined;
  for (const run of runs) {
    const evaluation = await evaluateRun(run, { stored: true, checkpoint: scoredCheckpoint({ fold: 0 }) });
    keep?.push(evaluation);
    counted = evaluation;
    for (const [i, id] of evaluation.ids.entries())
      found.set(id, { groundTruth: evaluation.set.groundTruth[i], predictions: evaluation.predictions[i] });
  }
  const { ids, groups, foldOf } = folds;
  const rows = ids.map((id) => {
    const row = found.get(id);
    if (!row) throw new DataError(`image "${id}" was scored by no fold`);
    return row;
  });
  const { about, segm } = counted as Evaluation;
  const tally = tallyOf(
    rows.map(({ groundTruth }) => groundTruth),
    rows.map(({ predictions }) => predictions),
    { classes: about.classes.length, thresholds: about.thresholds, maxDets: segm.maxDets },
  );
  return { tally, images: { ids, groupOf: groups, foldOf } };
}

/** Groups of all images of a run, whichever side they are on. */
function countGroups({ run, dataset }: Evaluation): number {
  const ids = run ? [...new Set([...run.split.train, ...run.split.val])] : dataset.ids;
  return new Set(groupIds(dataset, ids, groupByOf(dataset, run?.config.data.groupBy)).values()).size;
}

function describeData(
  { data }: ExperimentConfig,
  [evaluation]: readonly Evaluation[],
  { images }: VariantTallies,
  trained: readonly TrainedRequest[],
): StudyData {
  const run = trained.flatMap(({ result }) => ('run' in result ? [result.run] : []))[0];
  const { dir } = evaluation?.dataset ?? { dir: data.dir ?? '' };
  const synthetic = evaluation?.dataset.source?.kind !== 'folder';
  return {
    name: synthetic ? 'synthetic tissue' : dataName(dir),
    synthetic,
    classes: evaluation?.about.classes ?? [],
    images: images.ids.length,
    groups: new Set(images.groupOf).size,
    allGroups: evaluation ? countGroups(evaluation) : new Set(images.groupOf).size,
    hash: synthetic ? null : (readProvenance(new RunFolder(run))?.data.hash ?? null),
  };
}
