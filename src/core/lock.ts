import * as fs from 'node:fs';
import * as os from 'node:os';
import { CytobenchError } from './errors';
import { fileError } from './files';

/** Who trains a run now. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** Start of the process as the kernel counts it: a number that a later process of the same pid does not share. */
  readonly processStart: string;
}

/** A run held by this process until it is released. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a run. A lock whose process is gone is stale and taken over. Throws one line naming the process
 * that holds it.
 */
export function takeLock(file: string): Lock {
  const own: LockOwner = { pid: process.pid, host: os.hostname(), processStart: processStartOf(process.pid) };
  for (let attempt = 0; ; attempt++) {
    try {
      fs.writeFileSync(file, JSON.stringify(own), { flag: 'wx' });
      return { release: () => fs.rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, file, 'write');
    }
    const owner = lockOwner(file);
    if (owner || attempt > 3)
      throw new CytobenchError(
        `another process trains this run (pid ${owner?.pid ?? '?'} on ${owner?.host ?? '?'})`,
        { where: file, fix: 'Wait for it, or end it with `cytobench stop RUN`.' },
      );
    fs.rmSync(file, { force: true });
  }
}

/** The living process that holds a lock; null where nobody does. */
export function lockOwner(file: string): LockOwner | null {
  let owner: LockOwner;
  try {
    owner = JSON.parse(fs.readFileSync(file, 'utf8')) as LockOwner;
  } catch {
    return null;
  }
  // A process of another machine cannot be asked: its lock is believed.
  return owner.host !== os.hostname() || isRunning(owner) ? owner : null;
}

/** Whether the process of this machine that took a lock is still there, be its lock released or not. */
export function isRunning({ pid, processStart }: LockOwner): boolean {
  return isAlive(pid) && processStartOf(pid) === processStart;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return stateOf(pid) !== 'Z';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field `starttime` of /proc/PID/stat, counted after the name in brackets; empty where there is no /proc. */
function processStartOf(pid: number): string {
  return statFields(pid)[19] ?? '';
}

/** A zombie has ended and only waits for its parent. */
function stateOf(pid: number): string {
  return statFields(pid)[0] ?? '';
}

function statFields(pid: number): string[] {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
