import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError, describeError } from '../core/errors';
import { lockOwner } from '../core/lock';
import { savedState } from '../training/checkpoint_state';
import { epochsOf, stepsOf } from '../training/metrics_log';
import { RunFolder } from './run_folder';
import { validationSubset } from './validation_subset';

/** What a run folder tells from outside. */
export interface RunState {
  readonly run: string;
  readonly experiment: string;
  readonly variant: string;
  /** `running` while a living process holds its lock; `new` without a step. */
  readonly state: 'new' | 'running' | 'complete' | 'stopped' | 'damaged';
  /** What is wrong with a damaged run. */
  readonly problem?: string;
  /** Steps done, and how many were asked for; null where epochs decide. */
  readonly steps: number;
  readonly totalSteps: number | null;
  /** The epoch of the last line; null before the first. */
  readonly epoch: number | null;
  /** What validation in training scores, where that is not all: `2 of 8 validation images`. */
  readonly subset: string | null;
  /** AP50 of the masks in the last validation and in the best one. */
  readonly AP50: number | null;
  readonly best: { readonly epoch: number; readonly AP50: number } | null;
  /** Seconds to go at the pace of the last steps; null where that is not known. */
  readonly secondsLeft: number | null;
}

/** Every run in a folder of runs (or the one that the folder is), by name. A folder that is no run is passed over. */
export function listRuns(dir: string): RunState[] {
  if (!fs.existsSync(dir) || !fs.statSync(dir).isDirectory())
    throw new DataError('no such folder of runs', {
      where: dir,
      fix: 'Train one: `cytobench train quickstart --preset smoke`.',
    });
  const holds = (folder: string): boolean => fs.existsSync(path.join(folder, 'config.json'));
  if (holds(dir)) return [runState(dir)];
  return fs
    .readdirSync(dir)
    .filter((name) => holds(path.join(dir, name)))
    .map((name) => stateOrDamage(path.join(dir, name)))
    .sort((a, b) => (a.run < b.run ? -1 : 1));
}

/** One damaged run does not hide the others. */
function stateOrDamage(run: string): RunState {
  try {
    return runState(run);
  } catch (error) {
    return {
      run,
      experiment: '',
      variant: '',
      state: 'damaged',
      problem: describeError(error).split('\n')[0],
      steps: 0,
      totalSteps: null,
      epoch: null,
      AP50: null,
      subset: null,
      best: null,
      secondsLeft: null,
    };
  }
}

/** The state of one run. */
export function runState(dir: string): RunState {
  const folder = RunFolder.open(dir);
  const { experiment, variant, config, split } = folder.describe();
  const metrics = folder.metrics();
  const lines = stepsOf(metrics);
  const epochs = epochsOf(metrics);
  const validated = epochs.flatMap(({ epoch, validation }) =>
    validation ? [{ epoch, AP50: validation.AP50 }] : [],
  );
  const steps = (lines.at(-1)?.step ?? -1) + 1;
  const totalSteps = config.training.steps ?? null;
  const done = savedState(folder.dir)?.ended != null;
  const recent = lines.slice(-20);
  const pace = recent.reduce((sum, { seconds }) => sum + seconds, 0) / Math.max(recent.length, 1);
  const moving = lockOwner(folder.file('lock.json')) !== null;
  return {
    run: dir,
    experiment,
    variant,
    state: moving ? 'running' : done ? 'complete' : metrics.length === 0 ? 'new' : 'stopped',
    steps,
    totalSteps,
    epoch: metrics.at(-1)?.epoch ?? null,
    subset: validationSubset(config, split),
    AP50: validated.at(-1)?.AP50 ?? null,
    best: validated.reduce<RunState['best']>(
      (best, one) => (best && best.AP50 >= one.AP50 ? best : one),
      null,
    ),
    secondsLeft: moving && totalSteps !== null && recent.length ? (totalSteps - steps) * pace : null,
  };
}
