import { findExperiment } from '../config/experiments';
import type { PresetName } from '../config/presets';
import { startRun } from '../runs/executors/executors';
import type { FinishedRun, TrainRunOptions } from '../runs/executors/in_process';
import { openRecord, readRecord, recordNames } from '../studies/record';
import { runStudy, type StudyOptions } from '../studies/run_study';
import type { Study } from '../studies/study';
import { trainInTurn } from '../studies/train_runs';
import { savedState } from '../training/checkpoint_state';
import { showLive } from './live';

export interface NotebookStudyOptions
  extends Pick<StudyOptions, 'seeds' | 'folds' | 'variants' | 'set' | 'split'> {
  /** Size of the runs; empty or left out, and no data: the recorded study. */
  readonly preset?: PresetName | '';
  /** Data set folder; empty or left out: synthetic tissue. */
  readonly data?: string;
  /** Name of the record. Default: the experiment's. */
  readonly recorded?: string;
}

/**
 * An experiment from a notebook. By itself it opens the recorded study, and says so; with a preset or data it is run: runs that
 * exist are opened, others train in processes of their own with their losses shown as they go; then all are evaluated
 * on the same images and compared. Where nothing is recorded a smoke run on synthetic tissue shows how it works.
 */
export async function openStudy(
  name: string,
  { data, preset, recorded = name, ...options }: NotebookStudyOptions = {},
): Promise<Study> {
  const again = Boolean(preset || data);
  if (!again && recordNames().includes(recorded)) {
    const study = openRecord(readRecord(recorded));
    console.log(
      `The recorded study of ${name} on ${study.data.name}: ${study.data.images} images in ${study.data.groups} groups, ${study.folds === null ? 'one split' : `${study.folds} folds`}, seeds ${study.seeds.join(', ')}. With a preset or data it is run again.`,
    );
    return study;
  }
  if (!again) console.log(`No study of ${name} is recorded: a smoke run on synthetic tissue instead.`);
  const study = await runStudy({
    experiment: findExperiment(name),
    ...options,
    preset: preset || (data ? 'cpu' : 'smoke'),
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
