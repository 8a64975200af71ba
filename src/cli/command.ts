import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import { printable } from '../core/errors';
import { requireFree } from '../core/files';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly threads?: string;
  readonly debug?: boolean;
}

/**
 * Adds `--json`, `--threads` and `--debug`, and the examples that its help ends with. Call it last, so that they end the
 * list of options.
 */
export function withCommonOptions(command: Command, ...examples: readonly string[]): Command {
  const title = examples.length > 1 ? 'Examples' : 'Example';
  if (examples.length)
    command.addHelpText('after', `\n${title}:\n${examples.map((line) => `  ${line}`).join('\n')}`);
  return command
    .option('--json', 'one JSON document on standard output, nothing else there')
    .option('--threads <n>', 'threads of the native runtime (default: all cores)')
    .option('--debug', 'show the stack trace of an error');
}

/** Adds `--overwrite` to a command whose `--out` names a file: one that cytobench has not made is not overwritten. */
export function withOverwrite(command: Command): Command {
  return command
    .option('--overwrite', 'also over a file that cytobench has not made')
    .hook('preAction', (_, action) => {
      const { out, overwrite } = action.opts() as { out?: string; overwrite?: boolean };
      if (out !== undefined) requireFree(out, overwrite);
    });
}

/** Prints the result of a command: one JSON document with `--json`, else the text. */
export function printResult(options: CommonOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${jsonLine(value)}\n` : `${printable(text())}\n`);
}

/** JSON escapes what is under a space; what is behind 7-bit ASCII can move a terminal's cursor too. */
function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A message for the person, on standard error. */
export function say(message: string): void {
  process.stderr.write(`${printable(message)}\n`);
}

/** Writes to standard output and waits while its reader is behind, so that a long answer is never held whole. */
export async function writeOut(piece: string): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** A whole number over 0. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number over 0.');
  return value;
}

/** A whole number from 0. */
export function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number from 0.');
  return value;
}

/** A share: a number over 0 and under 1. */
export function parseShare(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Expected a number between 0 and 1.');
  return value;
}

/** `WxH` in pixels. */
export function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d+)x(\d+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('Expected WIDTHxHEIGHT in pixels, for example 256x256.');
  return { width: parseCount(match[1]), height: parseCount(match[2]) };
}

/** A number over 0. */
export function parseFactor(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number over 0.');
  return value;
}

/**
 * Remembers SIGINT and SIGTERM, so that work ends in order; a second signal ends the process at once. Not in a task of a
 * cluster: Slurm repeats its own, and kills when its patience is at an end.
 */
export function watchSignals(then = 'ending after this step, with a checkpoint'): {
  received: () => 'SIGINT' | 'SIGTERM' | null;
  stop: () => void;
} {
  let received: 'SIGINT' | 'SIGTERM' | null = null;
  const on = (signal: NodeJS.Signals): void => {
    if (received && process.env.CYTOBENCH_SLURM_TASK && signal === 'SIGTERM') return;
    if (received) process.exit(signal === 'SIGINT' ? 130 : 143);
    received = signal as 'SIGINT' | 'SIGTERM';
    process.stderr.write(`\n${signal}: ${then} (again: at once)\n`);
  };
  process.on('SIGINT', on);
  process.on('SIGTERM', on);
  return {
    received: () => received,
    stop: () => {
      process.off('SIGINT', on);
      process.off('SIGTERM', on);
    },
  };
}
