import type { ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { CytobenchError } from '../core/errors';
import { lockOwner } from '../core/lock';
import { readApplied } from '../runs/applied';
import { attachRun } from '../runs/executors/child_process';
import type { JobProgress, RunHandle, StartOptions } from '../runs/executors/executor';
import { startRun } from '../runs/executors/executors';
import type { FinishedRun } from '../runs/executors/in_process';
import { RunFolder } from '../runs/run_folder';
import type { RunState } from '../runs/run_list';
import { savedState } from '../training/checkpoint_state';
import { predictRun, type ScoredCheckpoint } from './predict_run';
import { nameOf } from './study';
import { type RunRequest, scoredCheckpoint, type TrainedRequest, type TrainRequests } from './train_runs';

export interface SideBySideOptions {
  /** Runs at once, each in a process of its own. */
  readonly jobs: number;
  /** Called about once a second. */
  readonly onProgress?: (jobs: readonly JobProgress[]) => void;
  /** Default: `startRun`. */
  readonly start?: (options: StartOptions) => Promise<RunHandle>;
}

/** One run: all requests that it answers, and what it is doing. */
interface Job {
  readonly requests: readonly number[];
  readonly options: StartOptions;
  readonly checkpoint: ScoredCheckpoint;
  readonly name: string;
  began?: number;
  took?: number;
  handle?: Promise<RunHandle>;
  predicting?: ChildProcess;
  state?: RunState;
  result?: TrainedRequest['result'];
}

const TICK_MS = 500;

/**
 * Trains several runs at once, each in a process of its own, so that a failed one does not end the others. Requests for the
 * same settings, seed and split are one run. Another is started only where memory is left for as much as the largest
 * has said that it takes. When interrupted, all are asked to end in order and waited for.
 */
export function trainSideBySide({
  jobs: most,
  onProgress,
  start = startRun,
}: SideBySideOptions): TrainRequests {
  return async (requests, { interrupted, say = () => {} }) => {
    const jobs = makeJobs(requests);
    const active = new Set<Job>();
    const waiting = [...jobs];
    while (waiting.length > 0 || active.size > 0) {
      if (interrupted?.()) {
        await Promise.all([...active].map(end));
        return null;
      }
      while (waiting.length > 0 && active.size < most && (active.size === 0 || isRoom(jobs))) {
        const job = waiting.shift() as Job;
        active.add(job);
        void conduct(job, start).then(() => {
          active.delete(job);
          const { result } = job;
          say(result && 'run' in result ? `done: ${job.name}` : `failed: ${job.name}`);
        });
      }
      onProgress?.(jobs.map(progressOf));
      await pause(TICK_MS);
    }
    onProgress?.(jobs.map(progressOf));
    const answers = new Array<TrainedRequest>(requests.length);
    for (const job of jobs)
      for (const i of job.requests)
        answers[i] = {
          request: requests[i],
          result: job.result ?? { failed: new CytobenchError('it was never started') },
        };
    return answers;
  };
}

function makeJobs(requests: readonly RunRequest[]): Job[] {
  const jobs = new Map<string, Job & { requests: number[] }>();
  for (const [i, request] of requests.entries()) {
    const { experiment, variant, preset, seed, data, split, set, decides } = request;
    const known = jobs.get(decides);
    if (known) known.requests.push(i);
    else
      jobs.set(decides, {
        requests: [i],
        options: { experiment: `${experiment.name}:${variant}`, preset, seed, data, split, set },
        checkpoint: scoredCheckpoint(request),
        name: nameOf(request),
      });
  }
  return [...jobs.values()];
}

/** Starts a run and stays with it until its process is gone. Never throws: what ended it is its result. */
async function conduct(job: Job, start: (options: StartOptions) => Promise<RunHandle>): Promise<void> {
  job.began = performance.now();
  try {
    job.handle = start(job.options);
    const handle = await job.handle;
    const { dir } = handle;
    const follow = async (run: RunHandle): Promise<void> => {
      await run.finished((state) => {
        job.state = state;
      });
    };
    await follow(handle);
    // A process that has named its folder takes its lock a moment later.
    if (!savedState(dir)?.ended) {
      await pause(2 * TICK_MS);
      if (lockOwner(new RunFolder(dir).file('lock.json'))) await follow(attachRun(dir));
    }
    const finished = finishedRun(dir);
    if (finished)
      await predictRun(dir, job.checkpoint, (child) => {
        job.predicting = child;
      });
    job.result = finished ?? {
      failed: new CytobenchError('it was ended before it was complete', { where: dir }),
    };
  } catch (error) {
    job.result = { failed: error as Error };
  }
  job.took = performance.now() - job.began;
}

/** What a complete run says of itself; null where it is not complete. */
export function finishedRun(dir: string): FinishedRun | null {
  const done = fs.existsSync(dir) ? savedState(dir) : null;
  if (!done?.ended) return null;
  return { run: dir, steps: done.step, epochs: done.epoch, best: done.best, stopped: done.ended };
}

async function end(job: Job): Promise<void> {
  try {
    const handle = await job.handle;
    await handle?.stop();
    job.predicting?.kill();
  } catch {
    // It never had a folder, or has failed by itself: there is nothing to end.
  }
}

/** Whether memory is left for another run like the largest that has said what it takes. */
function isRoom(jobs: readonly Job[]): boolean {
  const running = jobs.filter(({ began, took }) => began !== undefined && took === undefined);
  // One at a time says what it takes before the next is started.
  if (running.some(({ state }) => !state || state.state === 'new')) return false;
  const megabytes = running.map(
    ({ state }) => readApplied(new RunFolder(state?.run ?? ''))?.estimate.memoryMb ?? 0,
  );
  const free = (process.availableMemory?.() ?? os.freemem()) / 1e6;
  return free > Math.max(0, ...megabytes);
}

function progressOf({ name, began, took, state, predicting, result }: Job): JobProgress {
  const seconds = (took ?? (began === undefined ? 0 : performance.now() - began)) / 1000;
  const base = { name, steps: state?.steps ?? 0, totalSteps: state?.totalSteps ?? null, seconds };
  if (result) return { ...base, state: 'run' in result ? 'done' : 'failed', secondsLeft: null };
  if (began === undefined) return { ...base, state: 'waiting', secondsLeft: null };
  if (predicting) return { ...base, state: 'predicting', secondsLeft: null };
  if (!state || state.state === 'new') return { ...base, state: 'starting', secondsLeft: null };
  return { ...base, state: 'running', secondsLeft: state.secondsLeft };
}

/** Seconds until all is done, from what those that run and have run take; null before that is known. */
export function secondsUntilDone(jobs: readonly JobProgress[], most: number): number | null {
  const done = jobs.filter(({ state }) => state === 'done').map(({ seconds }) => seconds);
  const running = jobs.filter(({ state }) => ['running', 'starting', 'predicting'].includes(state));
  const expected = running.flatMap(({ seconds, secondsLeft }) =>
    secondsLeft === null ? [] : [seconds + secondsLeft],
  );
  const known = done.length > 0 ? done : expected;
  if (known.length === 0) return null;
  const each = known.reduce((sum, value) => sum + value, 0) / known.length;
  const waiting = jobs.filter(({ state }) => state === 'waiting').length;
  const left = running.reduce(
    (sum, { seconds, secondsLeft }) => sum + (secondsLeft ?? Math.max(0, each - seconds)),
    waiting * each,
  );
  return left / Math.max(1, Math.min(most, running.length + waiting));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
