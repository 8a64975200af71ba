import type { Command } from 'commander';
import type { Experiment } from '../config/experiment';
import { PRESETS, type PresetName } from '../config/presets';
import { nearestName, UsageError } from '../core/errors';
import type { FinishedRun } from '../runs/executors/in_process';
import { chosenThreads, prepareRuntime } from '../runtime/device';
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
interface TrainFlags extends CommonOptions {
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
}

/** `train EXPERIMENT[:VARIANT]`: one run. */
export function registerTrain(program: Command): void {
  withCommonOptions(
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
      .option('--resume <run>', 'continue a run'),
    'npx cytobench train quickstart --preset smoke',
    'npx cytobench train anchors:small --data DIR --preset cpu --set training.steps=800',
    'npx cytobench train --resume results/runs/RUN',
  ).action(async (name: string | undefined, flags: TrainFlags) => {
    say('cytobench train');
    const result = await train(name, flags);
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
      useThreads(RunFolder.open(flags.resume).describe().config.runtime.threads, flags);
      const { resumeRun } = await import('../runs/executors/in_process');
      return await resumeRun(flags.resume, runOptions);
    }
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
    // Wrong settings are told before anything slow begins.
    const { runtime } = resolveConfig(experiment, { variant, preset, seed, set });
    useThreads(runtime.threads, flags);
    const { trainRun } = await import('../runs/executors/in_process');
    return await trainRun({ experiment, variant, preset, seed, set, data, split, out, ...runOptions });
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
export function useThreads(threads: number | null, flags: Pick<TrainFlags, 'threads'>): void {
  if (threads === null) return;
  if (flags.threads !== undefined && Number(flags.threads) !== threads)
    say(`the run's own number of threads is used: ${threads}, not ${chosenThreads()}`);
  prepareRuntime({ threads });
}
