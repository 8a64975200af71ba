import type { Experiment } from '../config/experiment';
import type { PresetName } from '../config/presets';
import { type Evaluation, evaluateRun } from '../evaluation/evaluate';
import { type FinishedRun, type TrainRunOptions, trainRun } from '../runs/executors/in_process';
import { compareVariants, type StudyComparison, type VariantRuns } from './comparison';

export interface StudyOptions
  extends Pick<TrainRunOptions, 'data' | 'split' | 'set' | 'interrupted' | 'say'> {
  readonly experiment: Experiment;
  readonly preset: PresetName;
  /** Default: 0 alone. */
  readonly seeds?: readonly number[];
  /** Only these variants. Default: all. */
  readonly variants?: readonly string[];
  /** How a run is trained. Default: in this process. */
  readonly train?: (options: TrainRunOptions) => Promise<FinishedRun>;
}

export interface StudyRun extends FinishedRun {
  readonly variant: string;
  readonly seed: number;
}

/** An experiment with all its runs, evaluated and compared. */
export interface Study {
  readonly experiment: Experiment;
  readonly preset: PresetName;
  readonly runs: readonly StudyRun[];
  readonly variants: readonly VariantRuns[];
  readonly comparison: StudyComparison;
}

/**
 * Trains every variant with every seed, evaluates them on the same images and compares. What is finished is not done
 * again: runs are found by what decides them, whatever experiment they were made for. Null where it was interrupted.
 */
export async function runStudy(options: StudyOptions): Promise<Study | null> {
  const { experiment, preset, seeds = [0], say = () => {}, train = trainRun } = options;
  const names = options.variants ?? Object.keys(experiment.variants);
  const runs: StudyRun[] = [];
  const variants: VariantRuns[] = [];
  const total = names.length * seeds.length;
  for (const variant of names) {
    const evaluations: Evaluation[] = [];
    for (const seed of seeds) {
      say(`${experiment.name}:${variant}, seed ${seed} (${runs.length + 1} of ${total})`);
      const { data, split, set, interrupted } = options;
      const run = await train({ experiment, variant, preset, seed, data, split, set, interrupted, say });
      if (run.stopped === 'SIGINT' || run.stopped === 'SIGTERM') return null;
      runs.push({ variant, seed, ...run });
      const evaluation = await evaluateRun(run.run, { stored: true });
      say(`${variant}, seed ${seed}: AP50 ${evaluation.segm.AP50.toFixed(3)}`);
      evaluations.push(evaluation);
    }
    variants.push({ variant, seeds, evaluations });
  }
  return { experiment, preset, runs, variants, comparison: compareVariants(variants, experiment) };
}
