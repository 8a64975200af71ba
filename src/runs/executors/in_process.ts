import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Experiment } from '../../config/experiment';
import type { PresetName } from '../../config/presets';
import { resolveConfig, variantOf } from '../../config/resolve';
import type { ExperimentConfig } from '../../config/schema';
import { ConfigError, CytobenchError } from '../../core/errors';
import { writeJson } from '../../core/files';
import { takeLock } from '../../core/lock';
import { formatDuration } from '../../core/progress';
import { type BuiltModel, buildModel } from '../../models/build';
import { choosePrecision } from '../../runtime/choose_precision';
import { chosenThreads } from '../../runtime/device';
import { savedState } from '../../training/checkpoint_state';
import { type PreparedData, prepareData, trainingLoader } from '../../training/data';
import { type TrainOptions, type TrainResult, train, trainableParameters } from '../../training/loop';
import { createOptimizer } from '../../training/optimizers';
import { estimateRun, memoryAdvice, probeRun } from '../../training/preflight';
import { NonFiniteError } from '../../training/step';
import { loadValidationSet, validate } from '../../training/validation';
import { WeightAverage } from '../../training/weight_average';
import { describeApplied, requireApplied } from '../applied';
import { keepFailedBatch } from '../failed_batch';
import { currentEnvironment, traceProvenance } from '../provenance';
import { findRun, type RunDescription, RunFolder, runHash, runName, runsFolder } from '../run_folder';

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
}

type RunOptions = Pick<TrainRunOptions, 'maxMinutes' | 'interrupted' | 'say'>;

export interface FinishedRun extends TrainResult {
  readonly run: string;
}

/** Resolves, opens, splits, builds and trains in this process: one run, new, continued, or found complete. */
export async function trainRun(options: TrainRunOptions): Promise<FinishedRun> {
  const { experiment, preset } = options;
  const variant = variantOf(experiment, options.variant);
  const requested = requestedConfig(options, variant);
  const prepared = await prepareData(requested, options.split);
  const { dataset, split } = prepared;
  const config = withRuntime(withClasses(requested, dataset.classes));
  const hash = runHash({ config: withClasses(requested, dataset.classes), split });
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
    hash,
    command: commandOf(options, variant),
  };
  const run = new RunFolder(options.out ?? findRun(hash) ?? path.join(runsFolder(), runName(description)));
  if (!fs.existsSync(run.file('config.json')))
    return await execute(run, description, prepared, options, false);
  const before = run.describe();
  if (before.hash !== hash)
    throw new ConfigError(`holds another run (${before.experiment}:${before.variant}, ${before.hash})`, {
      where: run.dir,
      fix: 'Name another folder with --out, or delete this one.',
    });
  return await execute(run, before, prepared, options, true);
}

/** Continues a run where its last checkpoint stands, with its own precision and threads. */
export async function resumeRun(dir: string, options: RunOptions): Promise<FinishedRun> {
  const run = RunFolder.open(dir);
  const description = run.describe();
  const prepared = await prepareData(description.config);
  return await execute(run, description, { ...prepared, split: description.split }, options, true);
}

async function execute(
  run: RunFolder,
  description: RunDescription,
  prepared: PreparedData,
  options: RunOptions,
  resume: boolean,
): Promise<FinishedRun> {
  const { say = () => {} } = options;
  say(`run ${run.dir}`);
  const done = resume ? savedState(run.dir) : null;
  if (done?.ended) {
    say(`it is complete (${done.step} steps): nothing is left to do`);
    return { run: run.dir, steps: done.step, epochs: done.epoch, best: done.best, stopped: done.ended };
  }
  fs.mkdirSync(run.dir, { recursive: true });
  const lock = await takeLock(run.file('lock.json'), ({ pid, host }) =>
    say(`locked by process ${pid} of ${host}: watching whether it is still there (up to two minutes)`),
  );
  try {
    return { run: run.dir, ...(await build(run, description, prepared, options, resume)) };
  } finally {
    lock.release();
  }
}

async function build(
  run: RunFolder,
  description: RunDescription,
  prepared: PreparedData,
  { maxMinutes, interrupted, say = () => {} }: RunOptions,
  resume: boolean,
): Promise<TrainResult> {
  const { config, split } = description;
  const built = await buildModel(config, config.seed);
  const { model } = built;
  const optimizer = createOptimizer(config.optimizer, trainableParameters(model, config));
  const { emaDecay } = config.training;
  const averaged = model.parameters.all().filter(({ buffer, trainable }) => buffer || trainable);
  const average = emaDecay === null ? null : new WeightAverage(averaged, emaDecay);
  const loader = trainingLoader(prepared, config, say);
  try {
    if (!resume) begin(run, { ...description, start: built.start }, prepared, built);
    say(`${resume ? 'continuing; it started' : 'starts'} from ${built.start}`);
    for (const note of prepared.notes) say(note);
    const { every } = config.validation;
    const set = every > 0 ? await loadValidationSet(prepared.dataset, split.val) : null;
    const probe = await probeRun(model, optimizer.parameters, loader, set, config);
    const estimate = estimateRun(probe, config, loader, split.val.length);
    const applied = describeApplied({ config, model, loader, optimizer, probe }, estimate);
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
      trainee: { model, optimizer, average },
      loader,
      validate: async (step) => {
        if (!set) throw new ConfigError('validation.every is 0: this run has no validation images');
        return await validate(model, set, config, { step, interrupted: () => Boolean(interrupted?.()) });
      },
      maxMinutes,
      interrupted,
      resume,
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
function begin(
  run: RunFolder,
  description: RunDescription,
  { dataset, split }: PreparedData,
  { file, start }: BuiltModel,
): void {
  const ids = [...new Set([...split.train, ...split.val])];
  writeJson(run.file('provenance.json'), traceProvenance(dataset, ids, { source: start, file }));
  writeJson(run.file('environment.json'), currentEnvironment(description.config.runtime.precision));
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

/** Precision and threads as they will be: what a resume takes over. */
function withRuntime(config: ExperimentConfig): ExperimentConfig {
  const { precision, threads } = config.runtime;
  const chosen = precision === 'auto' ? choosePrecision().precision : precision;
  return { ...config, runtime: { precision: chosen, threads: threads ?? chosenThreads() } };
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
