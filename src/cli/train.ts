import * as path from 'node:path';
import type { Command } from 'commander';
import type { Experiment } from '../config/experiment';
import { PRESETS, type PresetName } from '../config/presets';
import type { ExperimentConfig } from '../config/schema';
import { nearestName, UsageError } from '../core/errors';
import type { FinishedRun, TrainRunOptions } from '../runs/executors/in_process';
import { chosenThreads, prepareRuntime } from '../runtime/device';
import { progressTable } from './cluster/progress_table';
import {
  coresAsked,
  describeHandedIn,
  isOnSlurm,
  jobsOf,
  leaveBehind,
  prepareSubmit,
  printScripts,
  type SlurmFlags,
  type SlurmWork,
  WAITING_ENDS,
  withSlurmOptions,
} from './cluster/slurm';
import {
  type CommonOptions,
  parseCount,
  parseFactor,
  parseWhole,
  printResult,
  say,
  watchSignals,
  withCommonOptions,
} from './command';

/** What `train` takes. */
interface TrainFlags extends CommonOptions, SlurmFlags {
  readonly data?: string;
  readonly split?: string;
  readonly preset?: string;
  readonly set: string[];
  readonly seed?: number;
  readonly weights?: string;
  readonly maxMinutes?: number;
  readonly maxSteps?: number;
  readonly out?: string;
  readonly resume?: string;
  readonly estimate?: boolean;
}

/** `train EXPERIMENT[:VARIANT]`: one run. */
export function registerTrain(program: Command): void {
  const command = withSlurmOptions(
    program
      .command('train')
      .description('train one run of an experiment, or continue one')
      .argument('[experiment]', 'a file of experiments/, with a variant after a colon: anchors:small')
      .option('--data <dir>', 'data set folder; without it --preset smoke makes synthetic tissue')
      .option('--split <file>', 'which images train and which validate (data split makes one)')
      .option('--preset <name>', 'size of the run: smoke, cpu or full', 'cpu')
      .option(
        '--set <key=value>',
        'change one setting; may be repeated',
        (value: string, all: string[]) => [...all, value],
        [],
      )
      .option('--seed <n>', 'seed of everything random', parseWhole)
      .option('--weights <name|file>', 'where the weights start: imagenet, coco, nuclei, none, or a file')
      .option('--max-minutes <m>', 'end in order after so many minutes', parseFactor)
      .option('--max-steps <n>', 'train at most so many steps', parseCount)
      .option('--out <run>', 'run folder (default: results/runs/…)')
      .option('--resume <run>', 'continue a run')
      .option('--estimate', 'tell the time and memory that it would take, and train nothing'),
  );
  withCommonOptions(
    command,
    'npx cytobench train quickstart --preset smoke',
    'npx cytobench train anchors:small --data DIR --preset cpu --set training.steps=800',
    'npx cytobench train --resume results/runs/RUN',
    'npx cytobench train baseline --data DIR --preset full --on slurm --partition gpu --gres gpu:1',
  ).action(async (name: string | undefined, flags: TrainFlags) => {
    if (flags.estimate) return await showEstimate(name, flags);
    const onSlurm = isOnSlurm(flags);
    if (!onSlurm) say('cytobench train');
    const result = onSlurm ? await trainOnNode(name, flags) : await train(name, flags);
    if (result === null) return;
    const codes = { SIGINT: 130, SIGTERM: 143 } as Record<string, number>;
    process.exitCode = codes[result.stopped] ?? 0;
    const { runState } = await import('../runs/run_list');
    const subset = result.best && runState(result.run).subset;
    const best = result.best
      ? `, best AP50 ${result.best.AP50.toFixed(3)} in epoch ${result.best.epoch}${subset ? ` (of ${subset})` : ''}`
      : '';
    printResult(
      flags,
      result,
      () => `${result.stopped}: ${result.steps} steps, ${result.epochs} epochs${best}\n${result.run}`,
    );
  });
}

/** Trains as the flags say. The native runtime is loaded last: its threads are a setting of the run. */
async function train(name: string | undefined, flags: TrainFlags): Promise<FinishedRun> {
  const signals = watchSignals();
  const runOptions = { maxMinutes: flags.maxMinutes, interrupted: signals.received, say };
  try {
    if (flags.resume !== undefined) {
      const { RunFolder } = await import('../runs/run_folder');
      useRuntime(RunFolder.open(flags.resume).describe().config.runtime, flags);
      const { resumeRun } = await import('../runs/executors/in_process');
      return await resumeRun(flags.resume, runOptions);
    }
    const request = await requestOf(name, flags);
    const { trainRun } = await import('../runs/executors/in_process');
    return await trainRun({ ...request, ...runOptions });
  } finally {
    signals.stop();
  }
}

/** The run that is asked for. Wrong settings are told before anything slow begins. */
async function requestOf(name: string | undefined, flags: TrainFlags): Promise<TrainRunOptions> {
  if (!name)
    throw new UsageError('no experiment named', {
      fix: 'For example: cytobench train quickstart --preset smoke',
    });
  const { findExperiment } = await import('../config/experiments');
  const { resolveConfig, variantOf } = await import('../config/resolve');
  const [experimentName, requestedVariant] = name.split(':');
  const experiment = findExperiment(experimentName);
  const variant = variantOf(experiment, requestedVariant);
  const preset = presetOf(flags.preset ?? 'cpu');
  requireData(experiment, variant, preset, flags);
  const set = [
    ...flags.set,
    ...(flags.weights === undefined ? [] : [`model.weights=${JSON.stringify(flags.weights)}`]),
    ...(flags.maxSteps === undefined ? [] : [`training.steps=${flags.maxSteps}`]),
  ];
  const { data, split, seed, out } = flags;
  const { runtime } = resolveConfig(experiment, { variant, preset, seed, set });
  useRuntime(runtime, flags);
  return { experiment, variant, preset, seed, set, data, split, out };
}

/** What a run would take, by its first batches. */
async function showEstimate(name: string | undefined, flags: TrainFlags): Promise<void> {
  const { formatDuration } = await import('../core/progress');
  const options = await requestOf(name, flags);
  const { estimateTraining } = await import('../runs/executors/in_process');
  const estimate = await estimateTraining(options);
  printResult(
    flags,
    estimate,
    () => `expected: ${formatDuration(estimate.seconds)}, ${(estimate.memoryMb / 1000).toFixed(1)} GB`,
  );
}

/** Hands the run to the cluster and waits for it; null where nobody waits. */
async function trainOnNode(
  name: string | undefined,
  flags: TrainFlags,
): Promise<(FinishedRun & { jobs: object[] }) | null> {
  const { configOf, resumeTask, taskError, trainTask } = await import('../runs/executors/slurm/slurm');
  const { followTasks } = await import('../runs/executors/slurm/follow');
  const { submitTasks } = await import('../runs/executors/slurm/submit');
  const { RunFolder } = await import('../runs/run_folder');
  const { savedState } = await import('../training/checkpoint_state');
  const { resume, maxMinutes } = flags;
  let work: SlurmWork;
  if (resume !== undefined) {
    const run = RunFolder.open(resume);
    const { config, data } = run.describe();
    const needs = { paths: [run.dir, ...(data === null ? [] : [data])] };
    const tasks = [resumeTask(run.dir, maxMinutes)];
    work = { title: 'resume', noun: 'run', tasks, cores: config.runtime.threads ?? coresAsked(flags), needs };
  } else {
    const chosen = flags.set.some((text) => text.startsWith('runtime.threads='));
    const set = chosen || flags.threads !== undefined ? flags.set : [...flags.set, 'runtime.threads=1'];
    const { experiment, variant, ...request } = await requestOf(name, { ...flags, set });
    const full = `${experiment.name}:${variant}`;
    const options = { ...request, experiment: full, maxMinutes };
    const { trainArguments } = await import('../runs/executors/child_process');
    const absolute = (file: string | undefined): string | undefined => file && path.resolve(file);
    const placed = { ...options, data: absolute(request.data), split: absolute(request.split) };
    const config = configOf(placed);
    const cores = config.runtime.threads ?? coresAsked(flags);
    const paths = [config.data.dir, placed.split].filter((file) => file != null);
    const needs = { paths, estimate: trainArguments({ ...placed, out: undefined }) };
    work = {
      title: full,
      noun: 'run',
      tasks: [trainTask(options, full, { cores })],
      cores,
      needs,
    };
  }
  if (flags.dryRun) {
    await printScripts(work, flags);
    return null;
  }
  const submit = await prepareSubmit(work, flags);
  const handedIn = await submitTasks(work.tasks, submit);
  if (!flags.wait) {
    printResult(flags, { jobs: jobsOf(handedIn) }, () =>
      describeHandedIn(handedIn, 'the same command without --no-wait waits for them'),
    );
    return null;
  }
  const signals = watchSignals(WAITING_ENDS);
  try {
    const { progressOfTasks } = await import('../runs/executors/slurm/places');
    const table = await progressTable(1);
    const views = await followTasks(work.tasks, {
      submit,
      interrupted: signals.received,
      say: table.say,
      onViews: (now) => table.show(progressOfTasks(now)),
    });
    if (!views) {
      leaveBehind(signals.received());
      return null;
    }
    const [view] = views;
    const done = view.run === null ? null : savedState(view.run);
    if (view.state !== 'done' || view.run === null || !done) throw taskError(view);
    const { step, epoch, best, ended } = done;
    return { run: view.run, steps: step, epochs: epoch, best, stopped: ended ?? 'time', jobs: jobsOf(views) };
  } finally {
    signals.stop();
  }
}

export function presetOf(name: string): PresetName {
  if (PRESETS.includes(name as PresetName)) return name as PresetName;
  throw new UsageError(`unknown preset "${name}"; did you mean "${nearestName(name, PRESETS) ?? 'cpu'}"?`, {
    fix: `Known: ${PRESETS.join(', ')}.`,
  });
}

/** Synthetic tissue serves as data in the smoke preset, and where an experiment is made for it. */
export function requireData(
  experiment: Experiment,
  variant: string,
  preset: PresetName,
  flags: Pick<TrainFlags, 'data' | 'set'>,
): void {
  const synthetic = experiment.config.data?.synthetic ?? experiment.variants[variant].data?.synthetic;
  const named = flags.data !== undefined || flags.set.some((text) => text.startsWith('data.dir='));
  if (named || preset === 'smoke' || synthetic) return;
  throw new UsageError(`--preset ${preset} needs --data DIR`, {
    fix: 'Without data, --preset smoke makes synthetic tissue.',
  });
}

/** The threads of the native runtime, before it is loaded. */
export function useRuntime(
  { threads, precision }: ExperimentConfig['runtime'],
  flags: Pick<TrainFlags, 'threads'>,
): void {
  prepareRuntime({ tf32: precision === 'tf32' });
  if (threads === null) return;
  if (flags.threads !== undefined && Number(flags.threads) !== threads)
    say(`the run's own number of threads is used: ${threads}, not ${chosenThreads()}`);
  prepareRuntime({ threads });
}
