import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CytobenchError } from '../../../core/errors';
import { fileError, writeFileAtomic } from '../../../core/files';
import { isLocal, type Lock, takeLock, tryLock } from '../../../core/lock';
import { forgetQueue, type Queue, readQueue, show, submitScript } from './commands';
import { batchScript } from './script';
import { MAX_RESTARTS, type SlurmOptions } from './site';
import {
  hasJob,
  isComplete,
  readSubmission,
  readTicket,
  removeTicket,
  slurmFolder,
  submissionFolder,
  type TaskSpec,
  type TaskView,
  viewTask,
  writeJobId,
  writeSubmission,
  writeTicket,
} from './tasks';

/** How tasks are handed in. */
export interface SubmitOptions {
  /** Of what they are, in a word. */
  readonly title: string;
  readonly slurm: SlurmOptions;
  readonly cores: number;
  /** Jobs that must have ended before. */
  readonly after?: readonly number[];
  /** Also what is in the queue: a task that hands in itself, to come after others. */
  readonly again?: boolean;
  readonly say?: (line: string) => void;
}

/** Tasks of one array at most, whatever the controller allows: a folder of logs that can be looked at. */
const MOST_TASKS = 1000;
/** `MaxArraySize` of a controller that does not say. */
const USUAL_ARRAY = 1001;
/** How long another process may be handing in work. */
const LOCK_MS = 600_000;

/**
 * Hands in what is neither done nor in the queue, in arrays; gives where every task is. Work that another submission, of this
 * study or of another, has in the queue is not handed in again: it is followed. One process at a time does this.
 */
export async function submitTasks(tasks: readonly TaskSpec[], options: SubmitOptions): Promise<TaskView[]> {
  return await underLock(async () => {
    const queue = await readQueue();
    const wanted = tasks.filter((task) => options.again || isWanted(viewTask(task, queue), task));
    await handIn(wanted, options);
    return viewAll(tasks, wanted.length > 0 ? await readQueue() : queue);
  });
}

/** Whether a task must be handed in: it was not, or what became of it was no result. */
function isWanted({ state }: TaskView, task: TaskSpec): boolean {
  if (state === 'pending' || state === 'running') return false;
  return !isComplete(task);
}

/**
 * Hands lost tasks in again, each with the options that it had.
 * @param options of those that were never handed in, as the site took no more.
 */
export async function resubmitLost(tasks: readonly TaskSpec[], options: SubmitOptions): Promise<TaskView[]> {
  return await underLock(async () => {
    const queue = await readQueue();
    const views = tasks.map((task) => ({ task, view: viewTask(task, queue) }));
    // Who takes an array out of the queue means all of it, those that were running too.
    const ended = new Set(
      views.flatMap(({ view }) => (view.state === 'gone' ? [readTicket(view.key)?.submission] : [])),
    );
    const lost = views
      .filter(({ view }) => isLost(view))
      .filter(({ view }) => view.state !== 'cancelled' || !ended.has(readTicket(view.key)?.submission))
      .map(({ task }) => task)
      .filter((task) => !isComplete(task));
    const groups = new Map<string, TaskSpec[]>();
    for (const task of lost) {
      const submission = readTicket(task.key)?.submission ?? '';
      groups.set(submission, [...(groups.get(submission) ?? []), task]);
    }
    for (const [submission, group] of groups) {
      const before = submission === '' ? options : readSubmission(submission);
      const { title, slurm, cores } = before;
      options.say?.(`handed in again, as lost: ${group.map(({ name }) => name).join('; ')}`);
      await handIn(group, { title, slurm, cores, say: options.say }, true);
    }
    return viewAll(tasks, lost.length > 0 ? await readQueue() : queue);
  });
}

/** How often a task that scancel has ended is handed in again unasked: `cytobench stop` is how a person ends it. */
const MOST_CANCELLED = 3;

/** Whether a task was lost, and may be handed in again unasked: it has not been as often as is allowed. */
export function isLost({ key, state }: TaskView): boolean {
  if (state === 'new') return true;
  const ticket = readTicket(key);
  if (ticket === null || (state !== 'lost' && state !== 'cancelled')) return false;
  const { slurm, tasks } = readSubmission(ticket.submission);
  if (state === 'lost') return ticket.again < (slurm.maxRestarts ?? MAX_RESTARTS);
  return !tasks[ticket.index].mayBeMissing && ticket.again < MOST_CANCELLED;
}

export function viewAll(tasks: readonly Pick<TaskSpec, 'key' | 'name'>[], queue: Queue | null): TaskView[] {
  return tasks.map((task) => viewTask(task, queue));
}

async function handIn(tasks: readonly TaskSpec[], options: SubmitOptions, unasked = false): Promise<void> {
  if (tasks.length === 0) return;
  const { say = () => {}, slurm } = options;
  const size = Math.min(MOST_TASKS, await arraySize());
  const arrays = inArrays(tasks, size).map((array) => prepareArray(array, options, unasked));
  const limit = atOnce(slurm.arrayLimit, arrays.length);
  let done = 0;
  try {
    for (const array of arrays) {
      await submitArray(array, options, limit);
      done += array.tasks.length;
      if (arrays.length > 1) say(`${done} of ${tasks.length} tasks handed in`);
    }
  } catch (error) {
    if (done === 0) {
      for (const array of arrays) forgetArray(array);
      throw error;
    }
    // Tickets without a job: whoever follows or collects them hands them in when the site takes more.
    say(`${done} of ${tasks.length} tasks handed in, the rest later: ${(error as Error).message}`);
  } finally {
    forgetQueue(slurmFolder());
  }
}

/** Arrays of at most `size` tasks. */
export function inArrays<T>(tasks: readonly T[], size: number): T[][] {
  const arrays: T[][] = [];
  for (let at = 0; at < tasks.length; at += size) arrays.push(tasks.slice(at, at + size));
  return arrays;
}

/** A limit on all tasks together, dealt to the arrays. */
function atOnce(limit: number | undefined, arrays: number): number | undefined {
  return limit === undefined ? undefined : Math.max(1, Math.floor(limit / arrays));
}

/** Tasks that an array may have. */
async function arraySize(): Promise<number> {
  const { MaxArraySize } = await show('config');
  const most = Number(MaxArraySize ?? USUAL_ARRAY);
  if (most === 0)
    throw new CytobenchError('this site has switched off job arrays (MaxArraySize=0)', {
      fix: 'Ask the administrators for arrays.',
    });
  return most > 1 ? most - 1 : 1;
}

/** Tasks of one array, written down before it is handed in. */
interface PreparedArray {
  readonly submission: string;
  readonly tasks: readonly TaskSpec[];
}

function prepareArray(
  tasks: readonly TaskSpec[],
  { title, slurm, cores }: SubmitOptions,
  unasked: boolean,
): PreparedArray {
  const submission = randomBytes(4).toString('hex');
  writeSubmission(submission, { title, tasks, slurm, cores });
  for (const [index, { key, name }] of tasks.entries()) {
    const before = readTicket(key);
    writeTicket({ key, name, submission, index, again: unasked ? (before?.again ?? 0) + 1 : 0 });
    // Of a submission that the site never took.
    if (before && !hasJob(before.submission))
      fs.rmSync(submissionFolder(before.submission), { recursive: true, force: true });
  }
  return { submission, tasks };
}

/** A process that is killed in here leaves tickets of no job: they are seen to be of none, and handed in anew. */
async function submitArray(
  { submission, tasks }: PreparedArray,
  { title, slurm, cores, after }: SubmitOptions,
  limit: number | undefined,
): Promise<void> {
  const folder = submissionFolder(submission);
  const file = path.join(folder, 'job.sh');
  writeFileAtomic(
    file,
    batchScript({ title, submission, folder, tasks: tasks.length, slurm, cores, after, atOnce: limit }),
  );
  writeJobId(submission, await submitScript(file));
}

function forgetArray({ submission, tasks }: PreparedArray): void {
  for (const { key } of tasks) if (readTicket(key)?.submission === submission) removeTicket(key);
  fs.rmSync(submissionFolder(submission), { recursive: true, force: true });
}

/** The scripts that would be handed in, without a cluster. */
export function previewScripts(
  tasks: readonly TaskSpec[],
  { title, slurm, cores, after }: SubmitOptions,
): string[] {
  const arrays = inArrays(tasks, MOST_TASKS);
  return arrays.map((array) => {
    const submission = 'SUBMISSION';
    const folder = submissionFolder(submission);
    const limit = atOnce(slurm.arrayLimit, arrays.length);
    return batchScript({
      title,
      submission,
      folder,
      tasks: array.length,
      slurm,
      cores,
      after,
      atOnce: limit,
    });
  });
}

/** Work while no other process hands in anything: waits for one that does. */
async function underLock<T>(work: () => Promise<T>): Promise<T> {
  const folder = slurmFolder();
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder, 'write');
  }
  const lock = await waitForLock(path.join(folder, 'submit.lock'));
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function waitForLock(file: string): Promise<Lock> {
  const began = performance.now();
  for (;;) {
    const taken = tryLock(file);
    if ('release' in taken) return taken;
    if (!isLocal(taken)) {
      try {
        // Of another login node: it is watched, and replaced where it is dead.
        return await takeLock(file);
      } catch {
        // Alive.
      }
    }
    if (performance.now() - began > LOCK_MS)
      throw new CytobenchError(`process ${taken.pid} of ${taken.host} has been handing in work for long`, {
        where: file,
        fix: 'End it, and try again.',
      });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
