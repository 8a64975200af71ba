import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CytobenchError } from '../../../core/errors';
import { writeFileAtomic } from '../../../core/files';
import { tryLock } from '../../../core/lock';

/** A job, or a task of an array, that has not ended. */
export interface QueuedTask {
  /** `12`, or `12_3` for a task of an array: what scancel takes. */
  readonly id: string;
  /** Of the array that it belongs to, or its own. */
  readonly job: number;
  /** Its number in the array; null for a job of its own. */
  readonly index: number | null;
  readonly name: string;
  readonly state: string;
  /** Why it waits; `None` where it does not. */
  readonly reason: string;
  readonly partition: string;
  readonly node: string;
  readonly restarts: number;
}

/** What the queue held. */
export interface Queue {
  /** By `job_index`, or by `job`. */
  readonly tasks: ReadonlyMap<string, QueuedTask>;
}

/** No command of Slurm takes longer where the controller answers. */
const TIMEOUT_MS = 60_000;
/** Between two looks at the queue, whoever looks. */
export const QUEUE_MS = 10_000;
/** What the names of all jobs of this product begin with. */
export const JOB_PREFIX = 'cytobench-';

/** Runs a command of Slurm and gives what it prints. Its own words are the error. */
export function slurm(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: 1e9, env: { ...process.env, SLURM_BITSTR_LEN: '0' } };
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(slurmError(command, error as NodeJS.ErrnoException, stderr));
    });
  });
}

function slurmError(command: string, error: NodeJS.ErrnoException, stderr: string): CytobenchError {
  if (error.code === 'ENOENT')
    return new CytobenchError(`${command} is not there: this machine is no login node of a Slurm cluster`, {
      fix: 'Log in to the cluster, or leave out --on slurm.',
      cause: error,
    });
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^(\w+: )?(error: |fatal: )?/, '').trim())
    .filter((line) => line !== '');
  const words = lines.at(-1) ?? error.message.split('\n')[0];
  const known = REMEDIES.find(([pattern]) => pattern.test(stderr));
  return new CytobenchError(`${command}: ${known?.[1] ?? words}`, { fix: known?.[2], cause: error });
}

/** What Slurm says, what that means, what to do. */
const REMEDIES: readonly (readonly [pattern: RegExp, meaning: string | undefined, fix: string])[] = [
  [/invalid partition/i, 'no such partition', 'Name one that `sinfo` lists with --partition.'],
  [
    /No partition specified or system default/i,
    'the site has no default partition',
    'Name one that `sinfo` lists with --partition.',
  ],
  [
    /invalid account|account.*combination/i,
    'this account may not be used, or not with this partition',
    'Name yours with --account; `sacctmgr show assoc user=$USER` lists them.',
  ],
  [/invalid qos/i, 'no such quality of service for you', 'Name another with --qos.'],
  [/Invalid feature/i, 'no node has this feature', 'Name one that `sinfo -o %f` lists with --constraint.'],
  [
    /Invalid generic resource|invalid gres/i,
    'no node has this resource',
    'Name one that `sinfo -o %G` lists with --gres.',
  ],
  [
    /node configuration is not available/i,
    'no node of the partition has what is asked for',
    'Ask for less with --mem, --gres or --threads; `sinfo -N -o "%N %c %m %G"` lists what nodes have.',
  ],
  [
    /Requested time limit is invalid|time limit/i,
    'the partition allows no job so long',
    'Ask for less with --time; a run that does not end in time is continued.',
  ],
  [
    /QOSMaxSubmit|AssocMaxSubmit|job submit limit|violates accounting/i,
    'the site takes no more jobs of yours now',
    'Wait until some have ended: the same command hands in the rest.',
  ],
  [
    /temporarily unable to accept/i,
    'the controller takes no more jobs now (MaxJobCount)',
    'Wait until some have ended: the same command hands in the rest.',
  ],
  [
    /No space left|I\/O error writing script|write.*environment/i,
    'the controller cannot keep the job: its disk is full',
    'Tell the administrators: the folder StateSaveLocation is full.',
  ],
  [
    /Unable to contact|Connection refused|communication|timed out|configuration source/i,
    'the controller does not answer',
    'Try again; `scontrol ping` says whether it is there.',
  ],
];

/** Hands in a script; gives the id of its job. */
export async function submitScript(file: string): Promise<number> {
  const text = await slurm('sbatch', ['--parsable', file]);
  const id = Number(text.trim().split(';')[0]);
  if (!Number.isSafeInteger(id))
    throw new CytobenchError(`sbatch answered "${text.trim()}", which names no job`, { where: file });
  return id;
}

/** The queue now: jobs of this product that have not ended. */
export async function readQueue(): Promise<Queue> {
  return queueOf(parseQueue(await slurm('squeue', ['--json'])));
}

/**
 * The queue as it was at most ten seconds ago: whoever looks first keeps what was found in the folder, so that all processes
 * that follow work ask the controller once a 10 s, however many they are.
 */
export async function sharedQueue(folder: string): Promise<Queue> {
  const file = path.join(folder, 'queue.json');
  const began = performance.now();
  for (;;) {
    const kept = readKept(file);
    const age = kept ? Date.now() - kept.at : Number.POSITIVE_INFINITY;
    if (kept && age >= 0 && age < QUEUE_MS) return queueOf(kept.tasks);
    const lock = tryLock(path.join(folder, 'queue.lock'));
    if ('release' in lock) {
      try {
        const tasks = parseQueue(await slurm('squeue', ['--json']));
        writeFileAtomic(file, JSON.stringify({ at: Date.now(), tasks }));
        return queueOf(tasks);
      } finally {
        lock.release();
      }
    }
    // Another process is asking. One of another host that was killed in doing so is not waited for.
    if (performance.now() - began > TIMEOUT_MS) return await readQueue();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** What was kept of the queue is of before something was handed in or cancelled. */
export function forgetQueue(folder: string): void {
  fs.rmSync(path.join(folder, 'queue.json'), { force: true });
}

function readKept(file: string): { at: number; tasks: QueuedTask[] } | null {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as { at: number; tasks: QueuedTask[] };
  } catch {
    return null;
  }
}

const queueOf = (tasks: readonly QueuedTask[]): Queue => ({
  tasks: new Map(tasks.map((task) => [task.id, task])),
});

/** One job as `squeue --json` has it: 22.05 with bare values, later versions with `{ set, number }` and lists of states. */
interface RawJob {
  readonly job_id: unknown;
  readonly array_job_id: unknown;
  readonly array_task_id: unknown;
  readonly array_task_string?: unknown;
  readonly name?: unknown;
  readonly job_state: unknown;
  readonly state_reason?: unknown;
  /** More than the reason says, where there is something to say: 'launch failed requeued held'. */
  readonly state_description?: unknown;
  readonly partition?: unknown;
  readonly nodes?: unknown;
  readonly restart_cnt?: unknown;
}

/** States of a job that is over; one that is still COMPLETING is not. */
const ENDED =
  /^(COMPLETED|CANCELLED|FAILED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE|PREEMPTED|REVOKED)$/;

/** Tasks of this product that have not ended, one each: an array that waits is one row of the queue. */
export function parseQueue(text: string): QueuedTask[] {
  let jobs: readonly RawJob[];
  try {
    ({ jobs } = JSON.parse(text) as { jobs: readonly RawJob[] });
  } catch (error) {
    throw new CytobenchError('squeue --json answered with something else than JSON', {
      fix: 'Slurm 21.08 or later is needed, with its JSON serializer.',
      cause: error,
    });
  }
  return jobs.flatMap((raw): QueuedTask[] => {
    const name = textOf(raw.name);
    const states = (Array.isArray(raw.job_state) ? raw.job_state : [raw.job_state]).map(String);
    if (!name.startsWith(JOB_PREFIX)) return [];
    if (ENDED.test(states[0]) && !states.includes('COMPLETING')) return [];
    const own = numberOf(raw.job_id) ?? 0;
    const array = numberOf(raw.array_job_id) || null;
    const base = {
      job: array ?? own,
      name,
      state: states[0],
      reason: textOf(raw.state_description) || textOf(raw.state_reason) || 'None',
      partition: textOf(raw.partition),
      node: textOf(raw.nodes),
      restarts: numberOf(raw.restart_cnt) ?? 0,
    };
    const tasks = array === null ? [null] : indicesOf(raw);
    return tasks.map((index) => ({
      ...base,
      index,
      id: index === null ? String(own) : `${array}_${index}`,
    }));
  });
}

function indicesOf(raw: RawJob): number[] {
  const list = textOf(raw.array_task_string);
  if (list !== '') return parseIndices(list);
  const one = numberOf(raw.array_task_id);
  return one === null ? [] : [one];
}

/** `0-3,7%2` as numbers. */
export function parseIndices(list: string): number[] {
  return list
    .replace(/%\d+$/, '')
    .split(',')
    .flatMap((part) => {
      const match = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part.trim());
      if (!match) return [];
      const [from, to, step] = [Number(match[1]), Number(match[2] ?? match[1]), Number(match[3] ?? 1)];
      return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
    });
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value !== 'object' || value === null) return null;
  const { set, number } = value as { set?: unknown; number?: unknown };
  return set === false || typeof number !== 'number' ? null : number;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What `scontrol show …` says, by key; the first of several records. */
export async function show(...what: readonly string[]): Promise<Readonly<Record<string, string>>> {
  return parseShow(await slurm('scontrol', ['show', ...what]));
}

/** `A=1 B=2`, or `A = 1` a line, as an object. */
export function parseShow(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/(?:^|\s)([A-Za-z_:/]+) *= ?([^\s]*)/g)];
  const found: Record<string, string> = {};
  for (const [, key, value] of pairs) found[key] ??= value;
  return found;
}

/** Cancels jobs, or signals them. */
export async function cancel(ids: readonly string[], ...options: readonly string[]): Promise<void> {
  if (ids.length > 0) await slurm('scancel', [...options, ...ids]);
}
