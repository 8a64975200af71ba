import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readJson, writeJson } from '../../../core/files';
import { savedState } from '../../../training/checkpoint_state';
import { runsFolder } from '../../run_folder';
import type { Queue } from './commands';
import type { SlurmOptions } from './site';

/** One piece of work for a node: a run, a part of a prediction, the collecting of a study. */
export interface TaskSpec {
  /** Stands for all that decides it: work of one key is never done twice at a time, whoever asks for it. */
  readonly key: string;
  readonly name: string;
  /** Arguments of Node, one command after the other; `{run}` is the folder that the first has named. */
  readonly commands: readonly (readonly string[])[];
  /** Where the standard output of the last command is kept. */
  readonly output?: string;
  /** A file that is there once it is done; a run is done when its checkpoint says so. */
  readonly product?: string;
  /** Whether it stays missing once scancel has ended it, until somebody asks for it anew. */
  readonly mayBeMissing?: boolean;
  /** Tasks that must have ended before: what collects them waits for those that were lost and handed in again. */
  readonly after?: readonly string[];
}

/** Where a task was handed in last. */
export interface Ticket {
  readonly key: string;
  readonly name: string;
  readonly submission: string;
  readonly index: number;
  /** How often it was handed in again unasked, as lost. */
  readonly again: number;
}

/** One start of a task on a node. */
export interface Attempt {
  /** `12_3` */
  readonly job: string;
  readonly node: string;
  /** Steps of its run when it began and when it ended; null where it has none. */
  readonly from: number | null;
  readonly to?: number | null;
  /** Why it ended; none while it runs, or where nothing could be written any more. */
  readonly outcome?: string;
}

/** What a task says of itself, written on its node. */
export interface TaskState {
  /** Which ticket it answers. */
  readonly submission: string;
  readonly state: 'running' | 'requeued' | 'done' | 'failed' | 'stopped' | 'cancelled';
  readonly run: string | null;
  readonly message: string | null;
  readonly attempts: readonly Attempt[];
}

/** What was handed in together: one array. */
export interface Submission {
  readonly title: string;
  readonly tasks: readonly TaskSpec[];
  readonly slurm: SlurmOptions;
  readonly cores: number;
}

/**
 * `new`: never handed in. `lost`: it was running and is gone from the queue without having said why; `gone`: it left the queue
 * before it began.
 */
export type TaskPlace =
  | 'new'
  | 'pending'
  | 'running'
  | 'done'
  | 'failed'
  | 'stopped'
  | 'cancelled'
  | 'lost'
  | 'gone';

/** Where a task is, from the queue and from its files. */
export interface TaskView {
  readonly key: string;
  readonly name: string;
  readonly state: TaskPlace;
  /** `12_3`: what `cytobench stop` and scancel take; null where it was never handed in. */
  readonly job: string | null;
  /** Why it waits, as Slurm says it. */
  readonly reason: string | null;
  readonly partition: string | null;
  readonly node: string | null;
  readonly restarts: number;
  /** Its run folder, once it has one. */
  readonly run: string | null;
  readonly message: string | null;
  readonly log: string | null;
}

/** Where everything about handed-in work is: beside the runs, on the shared file system. */
export function slurmFolder(): string {
  return path.resolve(runsFolder(), '.slurm');
}

export const submissionFolder = (submission: string): string => path.join(slurmFolder(), submission);

/** A key from all that decides a task. */
export function taskKey(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

const taskFile = (key: string, ending: 'ticket.json' | 'state.json' | 'stop'): string =>
  path.join(slurmFolder(), 'tasks', key.slice(0, 2), `${key}.${ending}`);

/** Reads JSON that another process may be about to write for the first time. */
function readIfThere<T>(file: string): T | null {
  return fs.existsSync(file) ? readJson<T>(file) : null;
}

export const readTicket = (key: string): Ticket | null => readIfThere(taskFile(key, 'ticket.json'));
export const readState = (key: string): TaskState | null => readIfThere(taskFile(key, 'state.json'));
export const writeState = (key: string, state: TaskState): void =>
  writeJson(taskFile(key, 'state.json'), state);

export function writeTicket(ticket: Ticket): void {
  fs.rmSync(taskFile(ticket.key, 'stop'), { force: true });
  writeJson(taskFile(ticket.key, 'ticket.json'), ticket);
}

export function removeTicket(key: string): void {
  fs.rmSync(taskFile(key, 'ticket.json'), { force: true });
}

/** Marks a task as one that a person has stopped: it is not queued again. */
export function markStopped(key: string): void {
  writeJson(taskFile(key, 'stop'), {});
}

export const isStopped = (key: string): boolean => fs.existsSync(taskFile(key, 'stop'));

const SUBMISSION = 'submission.json';
const JOB = 'job.json';

export function writeSubmission(id: string, submission: Submission): void {
  fs.mkdirSync(path.join(submissionFolder(id), 'logs'), { recursive: true });
  writeJson(path.join(submissionFolder(id), SUBMISSION), submission);
}

export function readSubmission(id: string): Submission {
  const known = submissions.get(id);
  if (known) return known;
  const found = readJson<Submission>(path.join(submissionFolder(id), SUBMISSION));
  submissions.set(id, found);
  return found;
}
/** A submission never changes once it is written. */
const submissions = new Map<string, Submission>();

/** A task by its key, as it was handed in last. */
export function specOf(key: string): TaskSpec | null {
  const ticket = readTicket(key);
  return ticket && (readSubmission(ticket.submission).tasks[ticket.index] ?? null);
}

export function writeJobId(submission: string, job: number): void {
  writeJson(path.join(submissionFolder(submission), JOB), { job });
}

export const hasJob = (submission: string): boolean =>
  fs.existsSync(path.join(submissionFolder(submission), JOB));

/** The job of a submission; where the process that handed it in was killed in that moment, as the queue has it. */
function jobOf(submission: string, queue: Queue | null): number | null {
  const known =
    jobs.get(submission) ?? readIfThere<{ job: number }>(path.join(submissionFolder(submission), JOB))?.job;
  if (known !== undefined) {
    jobs.set(submission, known);
    return known;
  }
  for (const { name, job } of queue?.tasks.values() ?? []) if (name.endsWith(`-${submission}`)) return job;
  return null;
}
const jobs = new Map<string, number>();

export const logFile = ({ submission, index }: Pick<Ticket, 'submission' | 'index'>): string =>
  path.join(submissionFolder(submission), 'logs', `${index}.log`);

/** Reasons for which a task waits without end until somebody does something. */
const HELD =
  /launch.failed|JobHeld|DependencyNeverSatisfied|InvalidAccount|InvalidQOS|PartitionTimeLimit|BadConstraints|RequeueHold|requeued.held/i;

/** Where a task is. The queue must have been read before: a task says how it ended before it leaves the queue. */
export function viewTask({ key, name }: Pick<TaskSpec, 'key' | 'name'>, queue: Queue | null): TaskView {
  const ticket = readTicket(key);
  const state = readState(key);
  const restarts = Math.max(0, (state?.attempts.length ?? 0) - 1);
  const last = state?.attempts.at(-1);
  const base = {
    key,
    name,
    job: null,
    reason: null,
    partition: null,
    node: last?.node ?? null,
    restarts,
    run: state?.run ?? null,
    message: null,
    log: null,
  };
  if (!ticket) return { ...base, state: state?.state === 'done' ? 'done' : 'new' };
  const job = jobOf(ticket.submission, queue);
  const id = job === null ? null : `${job}_${ticket.index}`;
  const own = state?.submission === ticket.submission ? state : null;
  const known = { ...base, job: id, log: logFile(ticket), message: own?.message ?? null };
  if (own && (own.state === 'done' || own.state === 'failed' || own.state === 'stopped'))
    return { ...known, state: own.state };
  const queued = id === null ? undefined : queue?.tasks.get(id);
  if (queued) {
    const running = /RUNNING|COMPLETING|SUSPENDED|STOPPED/.test(queued.state);
    const { reason, partition, node } = queued;
    const held = !running && HELD.test(reason) ? heldMessage(reason, id as string) : null;
    return {
      ...known,
      state: running ? 'running' : 'pending',
      reason: reason === 'None' ? null : reason,
      partition,
      node: running ? node : null,
      message: held ?? known.message,
    };
  }
  if (own?.state === 'cancelled') return { ...known, state: 'cancelled' };
  // Marked before it began: nobody is left to say so.
  if (isStopped(key)) return { ...known, state: 'stopped' };
  if (queue === null) return { ...known, state: own ? 'running' : 'pending' };
  // The site would not take it, or who handed it in was killed before.
  if (job === null && !own) return { ...known, state: 'new' };
  if (own) return { ...known, state: 'lost', message: own.message ?? lastWords(known.log) };
  // It ended before it could say anything: its node has no Node, or does not see the package.
  const words = lastWords(known.log);
  if (words === null) return { ...known, state: 'gone' };
  return { ...known, state: / CANCELLED AT /.test(words) ? 'cancelled' : 'failed', message: words };
}

function heldMessage(reason: string, job: string): string {
  const why = /launch/i.test(reason)
    ? 'its node could not start it (a full disk where slurmd keeps its jobs?)'
    : `Slurm keeps it back (${reason})`;
  return `${why}: look with \`scontrol show job ${job}\`, then \`scontrol release ${job}\` or \`cytobench stop ${job}\``;
}

/** What the log of a task says went wrong; null where it says nothing. */
export function lastWords(log: string | null): string | null {
  const lines = log === null ? [] : lastLines(log, 40);
  const error = lines.findLast((line) => line.startsWith('cytobench: '));
  return error?.slice('cytobench: '.length) ?? lines.findLast((line) => line.trim() !== '') ?? null;
}

/** The last lines of a file, of which no more than its end is read. */
export function lastLines(file: string, count: number): string[] {
  const most = 16_384;
  try {
    const descriptor = fs.openSync(file, 'r');
    try {
      const { size } = fs.fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(most, size));
      fs.readSync(descriptor, bytes, 0, bytes.length, Math.max(0, size - most));
      // A progress bar draws over its own line.
      const lines = bytes.toString('utf8').split(/\n|\r(?!\n)/);
      return lines.filter((line) => line.trim() !== '').slice(-count);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    return [];
  }
}

/** Whether what a task was to make is there. */
export function isComplete({ key, product }: TaskSpec): boolean {
  if (product !== undefined) return fs.existsSync(product);
  const state = readState(key);
  if (state?.state !== 'done') return false;
  return state.run !== null && savedState(state.run)?.ended != null;
}

/** Every task that was ever handed in, by key. */
export function allTickets(): Ticket[] {
  const root = path.join(slurmFolder(), 'tasks');
  if (!fs.existsSync(root)) return [];
  return fs.readdirSync(root).flatMap((shard) =>
    fs
      .readdirSync(path.join(root, shard))
      .filter((name) => name.endsWith('.ticket.json'))
      .flatMap((name) => readIfThere<Ticket>(path.join(root, shard, name)) ?? []),
  );
}
