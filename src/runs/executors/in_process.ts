import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Experiment } from '../../config/experiment';
import type { PresetName } from '../../config/presets';
import { resolveConfig, variantOf } from '../../config/resolve';
import type { ExperimentConfig } from '../../config/schema';
import { ConfigError, CytobenchError, DataError } from '../../core/errors';
import { writeJson } from '../../core/files';
import { takeLock } from '../../core/lock';
import { formatDuration } from '../../core/progress';
import { hashDataset, hashFile } from '../../data/hash_dataset';
import type { Loader } from '../../data/loader/loader';
import { buildModel, findWeights } from '../../models/build';
import type { MaskRcnn } from '../../models/mask_rcnn';
import { captures } from '../../runtime/capture';
import { choosePrecision } from '../../runtime/choose_precision';
import { chosenThreads } from '../../runtime/device';
import { savedState } from '../../training/checkpoint_state';
import { type PreparedData, prepareData, sampleOf, trainingLoader, workersOf } from '../../training/data';
import {
  type TrainOptions,
  type TrainResult,
  totalSteps,
  train,
  trainableParameters,
} from '../../training/loop';
import { createOptimizer, type Optimizer } from '../../training/optimizers';
import { type Estimate, estimateRun, memoryAdvice, type Probe, probeRun } from '../../training/preflight';
import { NonFiniteError } from '../../training/step';
import { loadValidationSet, type ValidationSet, validate } from '../../training/validation';
import { WeightAverage } from '../../training/weight_average';
import { describeApplied, requireApplied } from '../applied';
import { keepFailedBatch } from '../failed_batch';
import { dataChanges, describeChanges, type IdentityParts, identityHash, runIdentity } from '../identity';
import { currentEnvironment, readProvenance, traceProvenance } from '../provenance';
import {
  findRun,
  type RunDescription,
  RunFolder,
  requireRunFolder,
  runName,
  runsFolder,
  siblings,
} from '../run_folder';

export interface TrainRunOptions {
  readonly experiment: Experiment;
  readonly variant?: string;
  readonly preset: PresetName;
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly split?: string;
  readonly out?: string;
  readonly maxMinutes?: number;
  readonly interrupted?: TrainOptions['interrupted'];
  readonly say?: (line: string) => void;
  /**
   * For the test of the promise itself: everything is built as if this setting had the given value, whatever was
   * requested, as a build would in which the setting is not wired.
   */
  readonly deadWire?: { readonly key: string; readonly value: unknown };
}

type RunOptions = Pick<TrainRunOptions, 'maxMinutes' | 'interrupted' | 'say' | 'deadWire'>;

export interface FinishedRun extends TrainResult {
  readonly run: string;
}

/** Resolves, opens, splits, builds and trains in this process: one run, new, continued, or found complete. */
export async function trainRun(options: TrainRunOptions): Promise<FinishedRun> {
  const { experiment, preset, say = () => {} } = options;
  const variant = variantOf(experiment, options.variant);
  const resolved = requestedConfig(options, variant);
  const prepared = await prepareData(wired(resolved, options), options.split);
  const { dataset, split } = prepared;
  const requested = withClasses(resolved, dataset.classes);
  const config = withRuntime(requested);
  const source = await findWeights(config.model);
  const parts: IdentityParts = {
    config: requested,
    split,
    data: hashDataset(dataset, [...split.train, ...split.val]),
    weights: source && hashFile(source.file),
  };
  const identity = runIdentity(parts);
  const description: RunDescription = {
    experiment: experiment.name,
    variant,
    preset,
    config,
    classes: dataset.classes,
    pixelSize: dataset.pixelSize ?? null,
    channelOrder: dataset.channelOrder,
    data: config.data.dir,
    split,
    start: '',
    identity,
    hash: identityHash(identity),
    command: commandOf(options, variant),
  };
  const known = findRun(description.hash);
  const run = new RunFolder(options.out ?? known ?? path.join(runsFolder(), runName(description)));
  if (!known && !run.exists()) tellSiblings(description, { ...parts, config }, say);
  return await execute(run, { description, parts: { ...parts, config }, prepared }, options);
}

/** Time and memory that a run would take, from its first batches in this process: nothing is written. */
export async function estimateTraining(options: TrainRunOptions): Promise<Estimate> {
  const resolved = requestedConfig(options, variantOf(options.experiment, options.variant));
  const prepared = await prepareData(resolved, options.split);
  const config = withRuntime(withClasses(resolved, prepared.dataset.classes));
  const { model } = await buildModel(config, config.seed, { load: false });
  const optimizer = createOptimizer(config.optimizer, trainableParameters(model, config));
  const loader = trainingLoader(prepared, config, () => {});
  try {
    const { val } = prepared.split;
    const set = config.validation.every > 0 ? await loadValidationSet(prepared.dataset, val) : null;
    return estimateRun(
      await probed({ model, optimizer, loader, set, config, prepared }),
      config,
      loader,
      val.length,
    );
  } finally {
    await loader.close();
    optimizer.buffers.dispose();
    model.dispose();
  }
}

/** The first batches, and the largest image where crops do not make all alike. */
async function probed({ model, optimizer, loader, set, config, prepared }: Probed): Promise<Probe> {
  const largest =
    config.augmentation.crop === null ? await sampleOf(prepared, prepared.largest, config) : undefined;
  return await probeRun(model, optimizer.parameters, loader, set, config, largest);
}

interface Probed {
  readonly model: MaskRcnn;
  readonly optimizer: Optimizer;
  readonly loader: Loader;
  readonly set: ValidationSet | null;
  readonly config: ExperimentConfig;
  readonly prepared: PreparedData;
}

/** Continues a run where its last checkpoint is, with its own split, precision and threads. */
export async function resumeRun(dir: string, options: RunOptions): Promise<FinishedRun> {
  const run = RunFolder.open(dir);
  const description = run.describe();
  const prepared = await prepareData(description.config, description.split);
  const { train, val } = description.split;
  const data = hashDataset(prepared.dataset, [...train, ...val]);
  const changes = dataChanges(readProvenance(run)?.data.files ?? data.files, data.files);
  if (changes.length > 0)
    throw new DataError(`cannot be continued: since it began ${changes.join(', ')}`, {
      where: run.dir,
      fix: 'Put the data back as it was, or train anew.',
    });
  const parts = { config: description.config, split: description.split, data, weights: null };
  return await execute(run, { description, parts, prepared }, options, true);
}

/** A run to be made or continued. */
interface WantedRun {
  readonly description: RunDescription;
  readonly parts: IdentityParts;
  readonly prepared: PreparedData;
}

/** Trains under the run's lock: what is there is looked at when nobody else can change it. */
async function execute(
  run: RunFolder,
  { description, parts, prepared }: WantedRun,
  options: RunOptions,
  resumed = false,
): Promise<FinishedRun> {
  const { say = () => {} } = options;
  say(`run ${run.dir}`);
  requireRunFolder(run.dir);
  fs.mkdirSync(run.dir, { recursive: true });
  const lock = await takeLock(run.file('lock.json'), ({ pid, host }) =>
    say(`locked by process ${pid} of ${host}: watching whether it is still there (up to two minutes)`),
  );
  try {
    const found = run.exists() ? run.describe() : null;
    if (found && !resumed) requireSame(run, found, description, parts);
    const done = found && savedState(run.dir);
    if (done?.ended) {
      say(`it is complete (${done.step} steps): nothing is left to do`);
      return { run: run.dir, steps: done.step, epochs: done.epoch, best: done.best, stopped: done.ended };
    }
    const wanted = { description: found ?? description, parts, prepared };
    return { run: run.dir, ...(await build(run, wanted, options, found !== null)) };
  } finally {
    lock.release();
  }
}

/** Throws, naming what differs, where a folder holds a run of another identity. */
function requireSame(
  run: RunFolder,
  found: RunDescription,
  wanted: RunDescription,
  parts: IdentityParts,
): void {
  if (found.hash === wanted.hash) return;
  const what = describeChanges(partsOf(run, found), parts).join('; ');
  throw new ConfigError(
    `holds another run (${found.experiment}:${found.variant}, ${found.hash})${what && `: ${what}`}`,
    { where: run.dir, fix: 'Name another folder with --out; without --out each run has its own.' },
  );
}

/** What a run on the disk was made of, as far as it wrote it down. */
function partsOf(run: RunFolder, { config, split, identity }: RunDescription): Partial<IdentityParts> {
  const provenance = readProvenance(run);
  return {
    config,
    split,
    ...(provenance && { data: provenance.data }),
    ...(identity && { weights: identity.weights }),
  };
}

/** A run of the same settings whose data or weights have changed since: a person will wonder why it is not found. */
function tellSiblings(wanted: RunDescription, parts: IdentityParts, say: (line: string) => void): void {
  for (const run of siblings(wanted)) {
    const found = run.describe();
    if (found.identity?.settings !== wanted.identity?.settings) continue;
    const changes = describeChanges(partsOf(run, found), parts);
    if (changes.length > 0)
      say(
        `${path.basename(run.dir)} is of the same settings, but since then ${changes.join('; ')}: this is a new run`,
      );
  }
}

async function build(
  run: RunFolder,
  { description, parts, prepared }: WantedRun,
  options: RunOptions,
  resume: boolean,
): Promise<TrainResult> {
  const { maxMinutes, interrupted, say = () => {} } = options;
  const { split } = description;
  const config = wired(description.config, options);
  // A checkpoint holds every weight: the file that the run began with need not be there any more.
  const initialised = !resume || savedState(run.dir) === null;
  const built = await buildModel(config, config.seed, { load: initialised });
  const { model } = built;
  const optimizer = createOptimizer(config.optimizer, trainableParameters(model, config));
  const { emaDecay } = config.training;
  const averaged = model.parameters.all().filter(({ buffer, trainable }) => buffer || trainable);
  const average = emaDecay === null ? null : new WeightAverage(averaged, emaDecay);
  const loader = trainingLoader(prepared, config, say);
  try {
    const start = resume ? description.start : built.start;
    if (!resume) begin(run, { ...description, start }, parts);
    say(`${resume ? 'continuing; ' : ''}initial weights: ${start}`);
    for (const note of [...prepared.notes, ...warmupNotes(config, loader)]) say(note);
    const { every } = config.validation;
    const set = every > 0 ? await loadValidationSet(prepared.dataset, split.val) : null;
    const probe = await probed({ model, optimizer, loader, set, config, prepared });
    const estimate = estimateRun(probe, config, loader, split.val.length);
    const applied = describeApplied(
      { config: description.config, model, loader, optimizer, probe },
      estimate,
    );
    writeJson(run.file('applied.json'), applied);
    requireApplied(applied.settings);
    say(
      `${applied.settings.length} settings read back from the live run, all as asked; expected: ${formatDuration(estimate.seconds)}, ${(estimate.memoryMb / 1000).toFixed(1)} GB`,
    );
    for (const line of memoryAdvice(estimate.memoryMb, config)) say(line);
    return await train({
      config,
      dir: run.dir,
      log: run.log,
      trainingState: { model, optimizer, average },
      loader,
      validate: async (step) => {
        if (!set) throw new ConfigError('validation.every is 0: this run has no validation images');
        return await validate(model, set, config, { step, interrupted: () => Boolean(interrupted?.()) });
      },
      maxMinutes,
      interrupted,
      resume,
      initialised,
      say,
    });
  } catch (error) {
    throw error instanceof NonFiniteError ? keepBatch(run, error) : error;
  } finally {
    await loader.close();
    average?.dispose();
    optimizer.buffers.dispose();
    model.dispose();
  }
}

/** Everything that a run is known by, written before its first step. */
function begin(run: RunFolder, description: RunDescription, { data, weights }: IdentityParts): void {
  const { config, start } = description;
  const dir = config.data.dir ?? 'synthetic tissue';
  writeJson(run.file('provenance.json'), traceProvenance(dir, data, { source: start, sha256: weights }));
  writeJson(run.file('environment.json'), currentEnvironment(config.runtime.precision));
  // Last: a folder with it is a run.
  run.begin(description);
}

function keepBatch(run: RunFolder, error: NonFiniteError): CytobenchError {
  const file = run.file('failed_batch.safetensors');
  const step = run.metrics().filter(({ type }) => type === 'step').length - 1;
  keepFailedBatch(file, step, error.term, error.batches);
  return new CytobenchError(error.message, {
    where: error.where,
    fix: `${error.fix} The batch is kept: \`cytobench doctor --batch ${file}\`.`,
    cause: error,
  });
}

/** A run that ends within its warm-up never reaches its learning rate. */
function warmupNotes(config: ExperimentConfig, loader: Loader): string[] {
  const total = totalSteps(config, loader);
  const { warmupSteps } = config.schedule;
  return total > warmupSteps
    ? []
    : [
        `warning: all ${total} steps are within the warm-up of ${warmupSteps}: the learning rate never reaches ${config.optimizer.learningRate}; lower schedule.warmupSteps`,
      ];
}

/** The configuration that everything is built from: the requested one, but for a wire that a test has cut. */
function wired(config: ExperimentConfig, { deadWire }: Pick<RunOptions, 'deadWire'>): ExperimentConfig {
  if (!deadWire) return config;
  const keys = deadWire.key.split('.');
  const put = (at: unknown, [key, ...rest]: readonly string[]): unknown => ({
    ...(at as object),
    [key]: rest.length ? put((at as Record<string, unknown>)[key], rest) : deadWire.value,
  });
  return put(config, keys) as ExperimentConfig;
}

function requestedConfig(options: TrainRunOptions, variant: string): ExperimentConfig {
  const { experiment, preset, seed, data } = options;
  const set = [
    ...(options.set ?? []),
    ...(data === undefined ? [] : [`data.dir=${JSON.stringify(path.resolve(data))}`]),
  ];
  return resolveConfig(experiment, { variant, preset, seed, set });
}

/** The number of classes is that of the data. */
function withClasses(config: ExperimentConfig, classes: readonly string[]): ExperimentConfig {
  const { scoreThresholds } = config.prediction;
  if (typeof scoreThresholds !== 'number' && scoreThresholds.length !== classes.length)
    throw new ConfigError(
      `prediction.scoreThresholds: expected one, or one for each of the ${classes.length} classes (${classes.join(', ')})`,
    );
  return { ...config, model: { ...config.model, numClasses: classes.length + 1 } };
}

/** Precision, capture, threads and workers as they will be: what a resume takes over. */
function withRuntime(config: ExperimentConfig): ExperimentConfig {
  const { precision, capture, threads } = config.runtime;
  const chosen = precision === 'auto' ? choosePrecision().precision : precision;
  return {
    ...config,
    training: { ...config.training, workers: workersOf(config) },
    runtime: {
      precision: chosen,
      capture: captures(capture) ? 'on' : 'off',
      threads: threads ?? chosenThreads(),
    },
  };
}

function commandOf({ experiment, preset, seed, set, data, split }: TrainRunOptions, variant: string): string {
  const quoted = (text: string): string => (/^[\w.,:=/-]+$/.test(text) ? text : `'${text}'`);
  return [
    `npx cytobench train ${experiment.name}:${variant} --preset ${preset}`,
    ...(data === undefined ? [] : [`--data ${quoted(data)}`]),
    ...(split === undefined ? [] : [`--split ${quoted(split)}`]),
    ...(seed === undefined ? [] : [`--seed ${seed}`]),
    ...(set ?? []).map((text) => `--set ${quoted(text)}`),
  ].join(' ');
}
