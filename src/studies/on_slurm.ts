import * as path from 'node:path';
import { CytobenchError } from '../core/errors';
import { PACKAGE_ROOT } from '../core/package_root';
import { readQueue } from '../runs/executors/slurm/commands';
import { followTasks } from '../runs/executors/slurm/follow';
import { describePlace } from '../runs/executors/slurm/places';
import { taskError, trainTask } from '../runs/executors/slurm/slurm';
import { type SubmitOptions, submitTasks, viewAll } from '../runs/executors/slurm/submit';
import type { TaskSpec, TaskView } from '../runs/executors/slurm/tasks';
import { finishedRun } from './side_by_side';
import { nameOf } from './study';
import { type RunRequest, scoredCheckpoint, type TrainedRequest, type TrainRequests } from './train_runs';

/** Predicts a run's validation images on the node that has trained it, so that who collects only counts. */
const PREDICT = path.join(PACKAGE_ROOT, 'dist', 'src', 'studies', 'predict_run.js');

/** The tasks of a study, one a distinct run: requests for the same settings, seed and split share one. */
export function studyTasks(
  requests: readonly RunRequest[],
  cores: number,
): { tasks: TaskSpec[]; keyOf: string[] } {
  const tasks = new Map<string, TaskSpec>();
  const keyOf = requests.map((request) => {
    const { experiment, variant, preset, seed, data, split, set } = request;
    const options = { experiment: `${experiment.name}:${variant}`, preset, seed, data, split, set };
    const task = trainTask(options, `${experiment.name}:${nameOf(request)}`, {
      cores,
      afterwards: [[PREDICT, '{run}', scoredCheckpoint(request) ?? '']],
    });
    if (!tasks.has(task.key)) tasks.set(task.key, task);
    return task.key;
  });
  return { tasks: [...tasks.values()], keyOf };
}

export interface OnSlurmOptions {
  readonly submit: SubmitOptions;
  readonly onViews?: (views: readonly TaskView[]) => void;
}

/** Trains the runs of a study as tasks of an array and waits for them. Interrupted, it leaves them in the queue. */
export function trainOnSlurm({ submit, onViews }: OnSlurmOptions): TrainRequests {
  return async (requests, { interrupted, say }) => {
    const { tasks, keyOf } = studyTasks(requests, submit.cores);
    await submitTasks(tasks, submit);
    const views = await followTasks(tasks, { submit, onViews, interrupted, say });
    return views && answers(requests, keyOf, views);
  };
}

/**
 * What is there of a study's runs, without training any: those that have not ended are failures that say where they are.
 * Throws where none has.
 */
export function collectRuns(cores: number, onViews: (views: readonly TaskView[]) => void): TrainRequests {
  return async (requests) => {
    const { tasks, keyOf } = studyTasks(requests, cores);
    const views = viewAll(tasks, await readQueue());
    onViews(views);
    const answered = answers(requests, keyOf, views);
    if (answered.some(({ result }) => 'run' in result)) return answered;
    throw new CytobenchError(
      `none of ${tasks.length} runs has ended: ${views.slice(0, 3).map(describePlace).join('; ')}${views.length > 3 ? '; …' : ''}`,
      { fix: 'The same command with --on slurm, without --collect, hands in what is missing.' },
    );
  };
}

function answers(
  requests: readonly RunRequest[],
  keyOf: readonly string[],
  views: readonly TaskView[],
): TrainedRequest[] {
  const byKey = new Map(views.map((view) => [view.key, view]));
  return requests.map((request, i) => {
    const view = byKey.get(keyOf[i]) as TaskView;
    const finished = view.run === null ? null : finishedRun(view.run);
    const failed =
      view.state === 'failed' ? taskError(view) : new CytobenchError(`is missing: ${describePlace(view)}`);
    return { request, result: finished ?? { failed } };
  });
}
