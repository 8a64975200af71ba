import * as path from 'node:path';
import type { RunState } from '../../run_list';
import { lastLines, specOf, type TaskPlace, type TaskView } from './tasks';

/** What the queue and a task's own files add to a run. */
export interface OnCluster {
  /** `12_3`: what `cytobench stop` takes. */
  readonly job: string | null;
  readonly queue: TaskPlace;
  /** Why it waits, as Slurm says it. */
  readonly reason: string | null;
  readonly partition: string | null;
  readonly node: string | null;
  readonly restarts: number;
  readonly message: string | null;
  /** The last lines of its log, where it did not end well. */
  readonly log: readonly string[];
}

/** A run, and where it is on the cluster if it is there; `queued`: it waits for a node, and may have no folder yet. */
export type ListedRun = Omit<RunState, 'state'> & {
  readonly state: RunState['state'] | 'queued' | 'failed';
} & Partial<OnCluster>;

const LOG_LINES = 5;

/**
 * Runs with what the cluster knows of them, then those that wait for their first node, under the job that `stop` takes.
 * @param named whether only `runs` themselves are asked about.
 */
export function runsOnCluster(
  runs: readonly RunState[],
  views: readonly TaskView[],
  named: boolean,
): { runs: ListedRun[]; tasks: TaskView[] } {
  const ofRun = new Map<string, TaskView>();
  for (const view of views) {
    const known = view.run === null ? undefined : ofRun.get(view.run);
    if (view.run !== null && (!known || isOpen(view) || !isOpen(known))) ofRun.set(view.run, view);
  }
  const listed = runs.map((run): ListedRun => {
    const view = ofRun.get(path.resolve(run.run));
    if (!view) return run;
    const waits = view.state === 'pending' && run.state !== 'running';
    const failed = view.state === 'failed' && run.state !== 'running' && run.state !== 'complete';
    return { ...run, state: waits ? 'queued' : failed ? 'failed' : run.state, ...onCluster(view) };
  });
  if (named) return { runs: listed, tasks: [] };
  const folders = new Set(runs.map(({ run }) => path.resolve(run)));
  const others = views.filter(({ run, state }) => state !== 'done' && (run === null || !folders.has(run)));
  const isRun = ({ key }: TaskView): boolean => specOf(key)?.commands[0]?.[1] === 'train';
  return {
    runs: [...listed, ...others.filter(isRun).map(withoutFolder)],
    tasks: others.filter((one) => !isRun(one)),
  };
}

const isOpen = ({ state }: TaskView): boolean => state === 'pending' || state === 'running';

function onCluster(view: TaskView): OnCluster {
  const { job, state, reason, partition, node, restarts, message } = view;
  const bad = state === 'failed' || state === 'lost' || state === 'cancelled';
  const log = bad && view.log !== null ? lastLines(view.log, LOG_LINES) : [];
  return { job, queue: state, reason, partition, node, restarts, message, log };
}

/** How a run is listed that has no folder; `stopped` where it was taken out of the queue. */
const WITHOUT_FOLDER: Partial<Record<TaskPlace, ListedRun['state']>> = {
  new: 'queued',
  pending: 'queued',
  running: 'new',
};

function withoutFolder(view: TaskView): ListedRun {
  const [experiment, variant = ''] = view.name.split(/[:,]/);
  const state = view.state === 'failed' ? 'failed' : (WITHOUT_FOLDER[view.state] ?? 'stopped');
  return {
    run: view.job ?? view.name,
    experiment,
    variant,
    state,
    steps: 0,
    totalSteps: null,
    epoch: null,
    subset: null,
    AP50: null,
    best: null,
    secondsLeft: null,
    ...onCluster(view),
  };
}
