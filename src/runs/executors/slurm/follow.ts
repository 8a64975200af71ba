import { CytobenchError, describeError } from '../../../core/errors';
import { cancel, forgetQueue, QUEUE_MS, type Queue, sharedQueue, show } from './commands';
import { isLost, resubmitLost, type SubmitOptions, viewAll } from './submit';
import {
  allTickets,
  markStopped,
  readState,
  readTicket,
  slurmFolder,
  type TaskSpec,
  type TaskView,
  viewTask,
} from './tasks';

export interface FollowOptions {
  /** Options of tasks that the site would not take before. */
  readonly submit: SubmitOptions;
  /** Called after every look. */
  readonly onViews?: (views: readonly TaskView[]) => void;
  readonly interrupted?: () => unknown;
  readonly say?: (line: string) => void;
}

/** How long the controller may be silent before that is said, and how often it is said again. */
const SILENT_MS = 60_000;

export const isOver = ({ state }: TaskView): boolean =>
  state !== 'pending' && state !== 'running' && state !== 'new';

/**
 * Stays with tasks until all have ended; null where it was interrupted, after which they go on. Lost tasks are handed in again.
 * The queue is looked at every ten seconds, the tasks' own files more often where they are few.
 */
export async function followTasks(
  tasks: readonly TaskSpec[],
  { submit, onViews, interrupted, say = () => {} }: FollowOptions,
): Promise<TaskView[] | null> {
  const every = Math.max(1000, 10 * tasks.length);
  let queue: Queue | null = null;
  let [asked, heard] = [Number.NEGATIVE_INFINITY, performance.now()];
  // What the queue alone says of an end is believed when it is seen twice: a task's last file may be on its way through a
  // network file system, and whoever hands it in again has a newer queue than ours.
  let suspects = new Set<string>();
  let confirmed = new Set<string>();
  // Those that were lost and were not handed in again, as their whole array was cancelled.
  const left = new Set<string>();
  const placeOf = ({ key, job }: TaskView): string => `${key} ${job}`;
  const isSettled = (view: TaskView): boolean =>
    isOver(view) &&
    (hasSpoken(view) || (confirmed.has(placeOf(view)) && (!isLost(view) || left.has(placeOf(view)))));
  const look = async (): Promise<Queue | null> => {
    try {
      const found = await sharedQueue(slurmFolder());
      heard = performance.now();
      return found;
    } catch (error) {
      if (performance.now() - heard > SILENT_MS) {
        heard = performance.now();
        say(`${describeError(error).split('\n')[0]}; waiting for it: the tasks go on`);
      }
      return null;
    }
  };
  for (;;) {
    if (performance.now() - asked > QUEUE_MS) {
      asked = performance.now();
      queue = await look();
      const ended = queue === null ? [] : viewAll(tasks, queue).filter((view) => !hasSpoken(view));
      const places = ended.filter((view) => isOver(view) || view.state === 'new').map(placeOf);
      confirmed = new Set(places.filter((place) => suspects.has(place)));
      suspects = new Set(places);
      const lost = ended.filter((view) => isLost(view) && confirmed.has(placeOf(view)));
      if (lost.some((view) => !left.has(placeOf(view)))) {
        try {
          await resubmitLost(tasks, { ...submit, say });
          for (const view of lost) left.add(placeOf(view));
          queue = await look();
        } catch (error) {
          say(describeError(error).split('\n')[0]);
        }
      }
    }
    const views = viewAll(tasks, queue);
    onViews?.(views);
    if (interrupted?.()) return null;
    if (views.every(isSettled)) return await Promise.all(views.map(explained));
    const held = views.find(({ state, message }) => state === 'pending' && message !== null);
    if (held && views.every((view) => isOver(view) || view.message !== null))
      throw new CytobenchError(`${held.name}: ${held.message}`);
    await sleep(Math.min(every, QUEUE_MS), interrupted);
  }
}

async function sleep(ms: number, interrupted: FollowOptions['interrupted']): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until && !interrupted?.())
    await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Why a task left the queue before it could say anything, as the controller remembers it for some minutes. */
async function explained(view: TaskView, at: number): Promise<TaskView> {
  if (view.state !== 'gone' || view.job === null || at >= MOST_EXPLAINED) return view;
  let found: Readonly<Record<string, string>>;
  try {
    found = await show('job', view.job);
  } catch {
    return view;
  }
  const { JobState, ExitCode, Reason, NodeList } = found;
  if (JobState === 'CANCELLED') return { ...view, message: 'cancelled before it began' };
  const node = NodeList && NodeList !== '(null)' ? NodeList : 'its node';
  // slurmd's own code for a standard output that it cannot open.
  if (ExitCode === '0:53')
    return {
      ...view,
      state: 'failed',
      message: `${node} cannot write ${view.log}: is the shared folder there, and not read-only?`,
    };
  return {
    ...view,
    state: 'failed',
    message: `${node} ended it before it began (${[JobState, Reason].filter((word) => word && word !== 'None').join(', ')})`,
  };
}

/** Tasks whose end is asked about: one that could not write is like the next. */
const MOST_EXPLAINED = 20;

/** Whether a task has said itself how it ended. */
function hasSpoken({ key, state }: TaskView): boolean {
  if (state === 'done' || state === 'stopped') return true;
  return state === 'failed' && readState(key)?.submission === readTicket(key)?.submission;
}

/** Everything that was handed in and has a place in the queue, or ended badly, by the folder of its run or without one. */
export async function currentTasks(): Promise<TaskView[]> {
  const tickets = allTickets();
  if (tickets.length === 0) return [];
  let queue: Queue | null = null;
  try {
    queue = await sharedQueue(slurmFolder());
  } catch {
    // Files alone, on a machine without Slurm or while its controller is away.
  }
  return tickets.map((ticket) => viewTask(ticket, queue));
}

/** The tasks that a job id (`12`, `12_3`), or a run folder names. */
export function tasksNamed(name: string, views: readonly TaskView[]): TaskView[] {
  return views.filter(({ job, run }) => job === name || job?.split('_')[0] === name || run === name);
}

/** Ends tasks: those that wait are taken out of the queue, those that run end in order, with a checkpoint. */
export async function stopTasks(views: readonly TaskView[], timeoutMs = 120_000): Promise<void> {
  const open = views.filter(({ state }) => state === 'pending' || state === 'running');
  for (const { key } of open) markStopped(key);
  const ids = (state: TaskView['state']): string[] =>
    open.flatMap((view) => (view.state === state && view.job !== null ? [view.job] : []));
  await cancel(ids('pending'));
  await cancel(ids('running'), '--signal=TERM', '--batch');
  const began = performance.now();
  for (;;) {
    forgetQueue(slurmFolder());
    const queue = await sharedQueue(slurmFolder());
    const left = open.filter((view) => !isOver(viewTask(view, queue)));
    if (left.length === 0) return;
    if (performance.now() - began > timeoutMs) {
      await cancel(left.flatMap(({ job }) => job ?? []));
      throw new CytobenchError(
        `${left.length} tasks did not end within ${timeoutMs / 1000} s and were cancelled`,
        {
          fix: 'What their last checkpoints hold is kept.',
        },
      );
    }
    // The files say it first: the queue is asked again only every ten seconds.
    const until = performance.now() + QUEUE_MS;
    while (performance.now() < until && left.some((view) => !isOver(viewTask(view, queue))))
      await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
