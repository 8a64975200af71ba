import * as fs from 'node:fs';
import * as path from 'node:path';
import { chosenThreads, prepareRuntime } from '../backend/runtime';
import { nearestName, UsageError } from '../core/errors';
import { readJson } from '../core/files';
import { resolveConfig, variantOf } from '../engine/config/resolve';
import { type Experiment, PRESETS, type PresetName } from '../engine/config/types';
import { findExperiment } from '../engine/experiments';
import type { RunDescription } from '../engine/run/run_folder';
import type { FinishedRun } from '../engine/run/train_run';
import { watchSignals } from './signals';
import type { TrainFlags } from './train_flags';

/** Trains as the flags say. The native runtime is loaded last: its threads are a setting of the run. */
export async function trainCommand(
  name: string | undefined,
  flags: TrainFlags,
  say: (line: string) => void,
): Promise<FinishedRun> {
  const signals = watchSignals();
  const conduct = { maxMinutes: flags.maxMinutes, interrupted: signals.received, say };
  try {
    if (flags.resume !== undefined) {
      useThreads(threadsOf(flags.resume), flags, say);
      const { resumeRun } = await import('../engine/run/train_run');
      return await resumeRun(flags.resume, conduct);
    }
    if (!name)
      throw new UsageError('no experiment named', {
        fix: 'For example: cytobench train quickstart --preset smoke',
      });
    const [experimentName, askedVariant] = name.split(':');
    const experiment = findExperiment(experimentName);
    const variant = variantOf(experiment, askedVariant);
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
    useThreads(runtime.threads, flags, say);
    const { trainRun } = await import('../engine/run/train_run');
    return await trainRun({ experiment, variant, preset, seed, set, data, split, out, ...conduct });
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

/** Synthetic tissue stands in for data in the smoke preset, and where an experiment is made for it. */
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

/** The number of threads that a run was made with; null where the folder does not say. */
function threadsOf(run: string): number | null {
  const file = path.join(run, 'config.json');
  return fs.existsSync(file) ? readJson<RunDescription>(file).config.runtime.threads : null;
}

/** The threads of the native runtime, before it is loaded. */
export function useThreads(
  threads: number | null,
  flags: Pick<TrainFlags, 'threads'>,
  say: (line: string) => void,
): void {
  if (threads === null) return;
  if (flags.threads !== undefined && Number(flags.threads) !== threads)
    say(`the run's own number of threads is used: ${threads}, not ${chosenThreads()}`);
  prepareRuntime({ threads });
}
