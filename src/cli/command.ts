import type { Command } from 'commander';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly threads?: string;
  readonly debug?: boolean;
}

/** Adds `--json`, `--threads` and `--debug`. Call it last, so that they end the list of options. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON document on standard output, nothing else there')
    .option('--threads <n>', 'threads of the native runtime (default: all cores)')
    .option('--debug', 'show the stack trace of an error');
}

/** Prints the answer: one JSON document with `--json`, else the text. */
export function answer(options: CommonOptions, value: unknown, text: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}

/** A message for the person, on standard error. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
