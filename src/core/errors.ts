import { inspect } from 'node:util';

/** Options every Cytobench error takes: where it happened, what to do about it, and what caused it. */
export interface ErrorOptions {
  /** File, image id or configuration key. */
  readonly where?: string;
  /** One imperative sentence. */
  readonly fix?: string;
  readonly cause?: unknown;
}

/**
 * An expected failure: bad input, a missing file, a setting that cannot be. The command line prints its
 * message, place and remedy on one or two lines and keeps the stack for `--debug`.
 */
export class CytobenchError extends Error {
  readonly where?: string;
  readonly fix?: string;
  /** Exit code of the command line: 1 failed, 2 wrong usage. */
  readonly exitCode: number = 1;

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.where = options.where;
    this.fix = options.fix;
  }

  /** As a notebook prints it: what the command line says, without a stack. */
  [inspect.custom](): string {
    return `${this.name}: ${describeError(this)}`;
  }
}

/** A tensor or array of another shape than the function takes. */
export class ShapeError extends CytobenchError {}

/** A file or data set that cannot be used as it is. */
export class DataError extends CytobenchError {}

/** A configuration that is unknown, of the wrong type, or impossible. */
export class ConfigError extends CytobenchError {}

/** A weight file that cannot or must not be read. */
export class WeightsError extends CytobenchError {}

/** The command was called wrongly. */
export class UsageError extends CytobenchError {
  override readonly exitCode = 2;
}

/** Text as a terminal may show it: control characters, which could move its cursor or hide a name, become `?`. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '?');
}

/** `file: message. fix` on one line, for any thrown value. */
export function describeError(error: unknown): string {
  return printable(describe(error));
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { where, fix } = error as CytobenchError;
  const head = where && !error.message.startsWith(where) ? `${where}: ${error.message}` : error.message;
  const line = head.replace(/\s*\n\s*/g, ' ').replace(/\.$/, '');
  if (fix && /[?!]$/.test(line)) return `${line}\n  ${fix}`;
  return fix ? `${line}.\n  ${fix}` : line;
}

/** The name nearest to `name` (optimal string alignment distance at most a third of its length), if any. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(Math.max(name.length, 4) / 2.5)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length];
}
