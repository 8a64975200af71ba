import { findExperiment } from '../config/experiments';
import type { PresetName } from '../config/schema';
import { startRun } from '../runs/executors/child_process';
import type { FinishedRun, TrainRunOptions } from '../runs/executors/in_process';
import { runStudy, type StudyOptions } from '../studies/run_study';
import type { Study } from '../studies/study';
import { trainInTurn } from '../studies/train_runs';
import { savedState } from '../training/checkpoint_state';
import { showLive } from './live';

export interface NotebookStudyOptions extends Pick<StudyOptions, 'seeds' | 'variants' | 'set' | 'split'> {
  readonly preset: PresetName;
  /** Data set folder; empty or left out: synthetic tissue. */
  readonly data?: string;
}

/**
 * An experiment from a notebook: runs that exist are opened, others train in processes of their own with their losses
 * shown as they go; then all are evaluated on the same images and compared.
 */
export async function openStudy(name: string, { data, ...options }: NotebookStudyOptions): Promise<Study> {
  const study = await runStudy({
    experiment: findExperiment(name),
    ...options,
    data: data || undefined,
    train: trainInTurn(trainShown),
  });
  // Only a signal to this process ends it early, and then nobody waits for the answer.
  return study as Study;
}

async function trainShown(options: TrainRunOptions): Promise<FinishedRun> {
  const { experiment, variant, preset, seed, data, split, set } = options;
  const run = await startRun({ experiment: `${experiment.name}:${variant}`, preset, seed, data, split, set });
  const { steps, epoch, best } = await showLive(run);
  const ended = savedState(run.dir)?.ended ?? 'complete';
  return { run: run.dir, steps, epochs: (epoch ?? -1) + 1, best, stopped: ended };
}
