#!/usr/bin/env node
import { Command, CommanderError, Help } from 'commander';
import { describeError, UsageError } from '../core/errors';
import { registerBench } from './bench/bench';
import { registerCompare } from './compare';
import { registerData } from './data/data';
import { registerDemo } from './demo';
import { registerDoctor } from './doctor';
import { registerEvaluate } from './evaluate';
import { registerExperiment } from './experiment';
import { registerExperiments } from './experiments';
import { registerExport } from './export';
import { registerLab } from './lab';
import { registerNotebook } from './notebook';
import { registerParity } from './parity';
import { registerPlot } from './plot';
import { registerPredict } from './predict';
import { registerReport } from './report';
import { registerRuns } from './runs';
import { registerScore } from './score';
import { registerSettings } from './settings';
import { registerStop } from './stop';
import { registerSubmit } from './submit';
import { registerThresholds } from './thresholds';
import { registerTrain } from './train';
import { registerWeights } from './weights';

/** The command line, every command registered. */
export function buildProgram(): Command {
  const program = new Command('cytobench')
    .description('Instance segmentation of cells with Mask R-CNN, step by step.')
    .version((require('../../../package.json') as { version: string }).version)
    .showHelpAfterError('(--help shows every option)')
    .configureHelp({
      optionDescription: (option) =>
        `${new Help().optionDescription(option)}${option.mandatory ? ' (required)' : ''}`,
      argumentDescription: (argument) =>
        `${new Help().argumentDescription(argument)}${argument.required ? ' (required)' : ''}`,
    })
    .exitOverride();
  registerCommands(program);
  return program;
}

/** Parses, runs, and turns every failure into one or two lines and an exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = buildProgram();
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

/** A command's own commands, at any depth. */
export function everyCommand(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...everyCommand(child as Command)]) as Command[];
}

/** Every command, in the order of `--help`. A command loads what it needs when it runs: `--help` loads no TensorFlow. */
function registerCommands(program: Command): void {
  registerData(program);
  registerDemo(program);
  registerDoctor(program);
  registerLab(program);
  registerTrain(program);
  registerExperiment(program);
  registerExperiments(program);
  registerSettings(program);
  registerRuns(program);
  registerStop(program);
  registerEvaluate(program);
  registerCompare(program);
  registerReport(program);
  registerPlot(program);
  registerThresholds(program);
  registerPredict(program);
  registerSubmit(program);
  registerExport(program);
  registerNotebook(program);
  registerParity(program);
  registerScore(program);
  registerWeights(program);
  registerBench(program);
}

if (require.main === module) {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
