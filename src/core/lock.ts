// A lock that one process of one host holds at a time, on local and network file systems.
//
// The file is made whole and then linked to its name, which only one process can do: it is never seen empty. Every lock has
// an id of its own. A lock whose process is gone is replaced under a second lock that is named after its id, so that of
// several that find it stale one alone takes it over. Another host cannot be asked for its processes: the holder touches its
// lock every few seconds, and a lock that is watched for long enough without being touched is taken to be dead. Only changes
// of the time stamp are looked at, so that clocks may differ.
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CytobenchError } from './errors';
import { fileError } from './files';

/** Who holds a lock. */
export interface LockOwner {
  /** Of this lock, not of its process. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** What the kernel drew when the machine started: pids of another start say nothing. */
  readonly boot: string;
  /** Start of the process as the kernel counts it: a number that a later process of the same pid does not share. */
  readonly processStart: string;
}

/** A lock held by this process until it is released. */
export interface Lock {
  readonly owner: LockOwner;
  release(): void;
}

/** How a lock of another host is watched, milliseconds. */
export interface LockTimes {
  /** Between two touches of the holder. */
  readonly touch: number;
  /** Without a touch for so long, the holder is taken to be dead. */
  readonly patience: number;
}

const TIMES: LockTimes = { touch: 10_000, patience: 120_000 };
/** How often a lock that changes hands is looked at again before giving up; 5 ms lie between two looks. */
const ATTEMPTS = 400;

/**
 * Takes a lock. Throws one line naming the process that holds it. Where that is of another host, it is watched first.
 * @param onWait is told whom it waits for.
 */
export async function takeLock(
  file: string,
  onWait: (owner: LockOwner) => void = () => {},
  times: LockTimes = TIMES,
): Promise<Lock> {
  for (;;) {
    const taken = tryLock(file, times);
    if ('release' in taken) return taken;
    if (isLocal(taken) || (await isTouched(file, taken, times, onWait))) throw held(file, taken);
    replaceDead(file, taken);
  }
}

/** Takes a lock that is free or whose process of this host is gone; else tells who holds it. */
export function tryLock(file: string, times: LockTimes = TIMES): Lock | LockOwner {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const own = writeOwner(file);
    try {
      if (linked(own.file, file)) return holding(file, own.owner, times);
      const owner = readOwner(file);
      if (owner && isHeld(owner)) return owner;
      // Gone since, or dead: one process alone puts its own in the place of a dead one.
      if (owner && replaceOwner(file, owner, own.file)) return holding(file, own.owner, times);
    } finally {
      fs.rmSync(own.file, { force: true });
    }
    pause();
  }
  throw new CytobenchError('changes hands without end', { where: file, fix: 'Try again.' });
}

/** The living process that holds a lock; null where nobody does. A lock of another host is believed. */
export function lockOwner(file: string): LockOwner | null {
  try {
    const owner = readOwner(file);
    return owner && isHeld(owner) ? owner : null;
  } catch {
    return null; // No lock that a process could hold.
  }
}

/** Whether the process that took a lock is still there, be its lock released or not. */
export function isRunning({ pid, processStart }: LockOwner): boolean {
  return isAlive(pid) && processStartOf(pid) === processStart;
}

/** Whether a lock is of this machine since its last start: only then can its process be asked for, and signalled. */
export function isLocal({ host, boot }: LockOwner): boolean {
  return host === os.hostname() && boot === BOOT;
}

function isHeld(owner: LockOwner): boolean {
  return !isLocal(owner) || isRunning(owner);
}

function held(file: string, { pid, host }: LockOwner): CytobenchError {
  return new CytobenchError(`another process trains this run (pid ${pid} on ${host})`, {
    where: file,
    fix: 'Wait for it, or end it with `cytobench stop RUN`.',
  });
}

/** A whole lock file under a name of its own, on the disk before anybody can see it. */
function writeOwner(file: string): { owner: LockOwner; file: string } {
  const owner: LockOwner = {
    id: randomUUID(),
    pid: process.pid,
    host: os.hostname(),
    boot: BOOT,
    processStart: processStartOf(process.pid),
  };
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${owner.id}`);
  try {
    const descriptor = fs.openSync(temporary, 'wx');
    try {
      fs.writeSync(descriptor, JSON.stringify(owner));
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    throw fileError(error, file, 'write');
  }
  return { owner, file: temporary };
}

/** Gives a file a second name that must be free. */
function linked(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    // A network file system may lose the answer to a link that was made.
    if (linkCount(from) === 2) return true;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, to, 'write');
    return false;
  }
}

function linkCount(file: string): number {
  try {
    return fs.statSync(file).nlink;
  } catch {
    return 0;
  }
}

/** Who a lock file names; null where it is gone. Anything else is not touched: it may be a user's. */
function readOwner(file: string): LockOwner | null {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw fileError(error, file, 'read');
  }
  const owner = parseOwner(text);
  if (owner) return owner;
  throw new CytobenchError('is not a lock that a run made', {
    where: file,
    fix: 'If no process trains this run, delete the file and try again.',
  });
}

function parseOwner(text: string): LockOwner | null {
  try {
    const value = JSON.parse(text) as Partial<LockOwner> & { readonly born?: unknown };
    const { pid, host } = value;
    if (!Number.isSafeInteger(pid) || (pid as number) < 1 || typeof host !== 'string') return null;
    // Locks of before had no id, and called the start of the process `born`.
    const [id, boot, start] = [
      value.id ?? `pid-${pid}`,
      value.boot ?? BOOT,
      value.processStart ?? value.born,
    ];
    if (typeof id !== 'string' || !/^[\w-]+$/.test(id) || typeof boot !== 'string') return null;
    return { id, pid: pid as number, host, boot, processStart: String(start ?? '') };
  } catch {
    return null;
  }
}

/** Puts a whole lock in the place of a dead one, unless another has done so; a lock of its own guards the exchange. */
function replaceOwner(file: string, dead: LockOwner, own: string): boolean {
  const guard = tryLock(`${file}.${dead.id}.takeover`);
  if (!('release' in guard)) return false;
  try {
    if (readOwner(file)?.id !== dead.id) return false;
    fs.renameSync(own, file);
    return true;
  } finally {
    guard.release();
  }
}

/** Removes the lock of a dead holder of another host, unless it has changed. */
function replaceDead(file: string, dead: LockOwner): void {
  const guard = tryLock(`${file}.${dead.id}.takeover`);
  if (!('release' in guard)) return;
  try {
    if (readOwner(file)?.id === dead.id) fs.rmSync(file, { force: true });
  } finally {
    guard.release();
  }
}

function holding(file: string, owner: LockOwner, times: LockTimes): Lock {
  const timer = setInterval(() => touch(file), times.touch);
  timer.unref();
  return {
    owner,
    release: () => {
      clearInterval(timer);
      try {
        if (readOwner(file)?.id === owner.id) fs.rmSync(file, { force: true });
      } catch {
        // Replaced by something that is not ours.
      }
    },
  };
}

function touch(file: string): void {
  try {
    const now = new Date();
    fs.utimesSync(file, now, now);
  } catch {
    // The next touch may succeed.
  }
}

/** Watches a lock of another host; whether it is touched, or changes hands, before patience is at its end. */
async function isTouched(
  file: string,
  owner: LockOwner,
  times: LockTimes,
  onWait: (owner: LockOwner) => void,
): Promise<boolean> {
  const stamp = (): number | null => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;
  const first = stamp();
  onWait(owner);
  const began = performance.now();
  while (performance.now() - began < times.patience) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(times.touch, times.patience) / 4));
    const now = stamp();
    if (now === null) return false;
    if (now !== first) return readOwner(file)?.id === owner.id;
  }
  return false;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
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

const BOOT: string = (() => {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
})();
