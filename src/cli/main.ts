#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { describeError, UsageError } from '../core/errors';
import { registerCommands } from './commands';

/** Parses, runs, and turns every failure into one or two lines and an exit code (see cli.ts for the options). */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('cytobench')
    .description('Instance segmentation of cells with Mask R-CNN, step by step.')
    .version((require('../../../package.json') as { version: string }).version)
    .showHelpAfterError('(--help shows every option)')
    .exitOverride();
  registerCommands(program);
  for (const command of everyCommand(program)) command.exitOverride();
  program.hook('preAction', (_, action) => applyThreads((action.opts() as { threads?: string }).threads));
  try {
    await program.parseAsync(argv as string[], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`cytobench: ${describeError(error)}\n`);
    if (argv.includes('--debug')) process.stderr.write(`${(error as Error).stack}\n`);
    return (error as { exitCode?: number }).exitCode ?? 1;
  }
}

/** The native runtime reads its threads when it is loaded: before any command's work. */
function applyThreads(threads: string | undefined): void {
  if (threads === undefined) return;
  if (!/^[1-9]\d*$/.test(threads))
    throw new UsageError(`--threads ${threads}: expected a whole number over 0`);
  process.env.TF_NUM_INTRAOP_THREADS = threads;
}

function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child as Command)]) as Command[];
}

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
