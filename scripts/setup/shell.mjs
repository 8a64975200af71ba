import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const inRoot = (...parts) => path.join(root, ...parts);

export class SetupError extends Error {
  constructor(reason, fix) {
    super(reason);
    this.fix = fix;
  }

  in(step) {
    return new SetupError(`${step}: ${this.message}${this.fix ? `\n  ${this.fix}` : ''}`);
  }
}

export function announce(line) {
  process.stderr.write(`cytobench  ${line}\n`);
}

/** Runs a program quietly; on failure throws the last lines it printed, with the remedy that fits them. */
export function run(program, args, { cwd = root, env = {}, fix } = {}) {
  const log = inRoot('.native', 'setup.log');
  fs.mkdirSync(path.dirname(log), { recursive: true });
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  fs.appendFileSync(log, `$ ${program} ${args.join(' ')}\n${output}\n`);
  if (result.status === 0) return result.stdout;
  if (result.signal === 'SIGINT') throw new SetupError('interrupted');
  const lines = output.trim().split('\n').filter(Boolean);
  const reason =
    result.error?.message ?? lines.filter((l) => /error|fail|not found/i.test(l)).at(-1) ?? lines.at(-1);
  throw new SetupError(
    `${path.basename(program)} failed: ${reason ?? `exit ${result.status}`}`,
    remedy(output) ?? fix,
  );
}

function remedy(output) {
  if (
    /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|Temporary failure in name|NewConnectionError|Network is unreachable/i.test(
      output,
    )
  )
    return 'The package registry cannot be reached: check the network or the proxy settings of npm and pip.';
  if (/ENOSPC|No space left/i.test(output)) return 'The disk is full: free at least 4 GB.';
  if (/EACCES|Permission denied/i.test(output))
    return 'A file here belongs to another user: see .native/setup.log.';
  return undefined;
}

/** Whether a program is there and answers. */
export function answers(program, args = ['--version']) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** A stamp says that a step was finished for this key. It is written last, by rename. */
export function stamped(name, key) {
  try {
    return fs.readFileSync(inRoot('.native', 'stamps', name), 'utf8') === key;
  } catch {
    return false;
  }
}

export function stamp(name, key) {
  const file = inRoot('.native', 'stamps', name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.tmp`, key);
  fs.renameSync(`${file}.tmp`, file);
}

/** Makes a folder whole or not at all: `fill` gets a temporary one, which is then renamed. */
export async function makeFolder(folder, fill) {
  const temporary = `${folder}.partial`;
  fs.rmSync(temporary, { recursive: true, force: true });
  fs.mkdirSync(temporary, { recursive: true });
  await fill(temporary);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(temporary, folder);
}
