import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { withCard } from '../../core/card';
import { CytobenchError } from '../../core/errors';
import { isLocal, isRunning, lockOwner } from '../../core/lock';
import { PACKAGE_ROOT } from '../../core/package_root';
import { RunFolder, runsFolder } from '../run_folder';
import { type RunState, runState } from '../run_list';
import type { Executor, RunHandle, StartOptions } from './executor';

const POLL_MS = 300;
const LOG = 'log.txt';

/** Starts `cytobench train` as a process of its own and resolves when it has its run folder. */
async function startProcess(options: StartOptions): Promise<RunHandle> {
  fs.mkdirSync(runsFolder(), { recursive: true });
  const log = path.join(runsFolder(), `.starting-${process.pid}-${Date.now().toString(36)}.log`);
  const descriptor = fs.openSync(log, 'a');
  const cli = path.join(PACKAGE_ROOT, 'dist', 'src', 'cli', 'main.js');
  const child = spawn(process.execPath, [cli, ...trainArguments(options)], {
    detached: true,
    stdio: ['ignore', descriptor, descriptor],
  });
  fs.closeSync(descriptor);
  child.unref();
  // null while it runs; a code that no process has where it could not be started.
  let code: number | null = null;
  child.on('exit', (status) => {
    code = status ?? 1;
  });
  child.on('error', () => {
    code = 1;
  });
  for (;;) {
    const exited = code;
    const text = fs.readFileSync(log, 'utf8');
    const dir = /^run (.+)$/m.exec(text)?.[1];
    // A run that another process trains is not this one's: its log stays where it is.
    const own = dir !== undefined && lockOwner(path.join(dir, 'lock.json'))?.pid === child.pid;
    if (dir && fs.existsSync(path.join(dir, 'config.json')) && (own || exited === 0)) {
      keepLog(log, dir);
      return attachRun(dir);
    }
    if (exited !== null) {
      fs.rmSync(log, { force: true });
      throw failure(text, 'the run did not start');
    }
    await pause();
  }
}

/** Moves a log into its run; those of earlier starts are kept under a number. */
function keepLog(log: string, dir: string): void {
  const file = path.join(dir, LOG);
  let number = 1;
  while (fs.existsSync(path.join(dir, `log.${number}.txt`))) number++;
  if (fs.existsSync(file)) fs.renameSync(file, path.join(dir, `log.${number}.txt`));
  fs.renameSync(log, file);
}

/** A run by its folder, whether it is training on this machine now or not. */
export function attachRun(run: string): RunHandle {
  const folder = RunFolder.open(run);
  const { dir } = folder;
  const handle: RunHandle = {
    dir,
    state: () => runState(dir),
    metrics: () => folder.metrics(),
    stop: () => stopRun(dir),
    finished: async (onState) => {
      while (lockOwner(folder.file('lock.json'))) {
        onState?.(runState(dir));
        await pause();
      }
      const state = runState(dir);
      onState?.(state);
      const error = state.state === 'complete' ? undefined : lastError(folder.file(LOG));
      if (error) throw error;
      return state;
    },
  };
  return withCard(handle, ({ dir, state }) => runCard(dir, state()));
}

function runCard(dir: string, { experiment, variant, state, steps, totalSteps, AP50 }: RunState): string {
  const of = totalSteps === null ? '' : ` of ${totalSteps}`;
  return `run ${experiment}:${variant}, ${state}, step ${steps}${of}${AP50 === null ? '' : `, AP50 ${AP50.toFixed(3)}`}\n  ${dir}`;
}

/** Asks the process that trains a run to end in order, and waits for it. Nothing happens where none does. */
export async function stopRun(dir: string, timeoutMs = 120_000): Promise<RunState> {
  const folder = RunFolder.open(dir);
  const lock = folder.file('lock.json');
  const owner = lockOwner(lock);
  if (!owner) return runState(dir);
  if (!isLocal(owner))
    throw new CytobenchError(`is trained by process ${owner.pid} of ${owner.host}`, {
      where: dir,
      fix: 'Stop it on that machine.',
    });
  process.kill(owner.pid, 'SIGTERM');
  const began = performance.now();
  // It lets go of its lock a moment before it is gone.
  while (lockOwner(lock) || isRunning(owner)) {
    if (performance.now() - began > timeoutMs)
      throw new CytobenchError(`process ${owner.pid} did not end within ${timeoutMs / 1000} s`, {
        where: dir,
        fix: `End it with \`kill -9 ${owner.pid}\`: what its last checkpoint holds is kept.`,
      });
    await pause();
  }
  return runState(dir);
}

/** The words of `cytobench train`. */
export function trainArguments(options: StartOptions): string[] {
  const { experiment, set = [], ...rest } = options;
  const named = {
    preset: rest.preset,
    data: rest.data,
    split: rest.split,
    seed: rest.seed,
    out: rest.out,
    'max-minutes': rest.maxMinutes,
  };
  return [
    'train',
    experiment,
    ...Object.entries(named).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    ),
    ...set.flatMap((text) => ['--set', text]),
  ];
}

/** What the log says of a run that is neither training nor complete: its own words, or that it was killed. */
function lastError(log: string): CytobenchError | undefined {
  const text = fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '';
  if (/^(time|SIGINT|SIGTERM|complete|early): /m.test(text) || text === '') return undefined;
  return failure(text, 'its process was killed (out of memory?)');
}

function failure(log: string, otherwise: string): CytobenchError {
  const said = /^cytobench: ([\s\S]+)$/m.exec(log)?.[1].trim();
  const [message, fix] = (said ?? otherwise).split('\n');
  return new CytobenchError(message, {
    fix: fix?.trim() ?? (said ? undefined : 'Start it again: it continues from its last checkpoint.'),
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

/** Runs in processes of their own on this machine. */
export const childProcess: Executor = {
  name: 'process',
  about: 'a process of its own on this machine, which goes on when a notebook or a terminal is closed',
  start: startProcess,
};
