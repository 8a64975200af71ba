import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions, withOverwrite } from './command';

interface NotebookFlags extends CommonOptions {
  readonly parameter: string[];
  readonly out: string;
}

/** `notebook run FILE.ipynb`: a whole notebook headless. */
export function registerNotebook(program: Command): void {
  const parent = program.command('notebook').description('notebooks without a browser');
  withCommonOptions(
    withOverwrite(
      parent
        .command('run')
        .description('run a whole notebook headless; on failure the partial result is kept')
        .argument('<file>', 'notebook (.ipynb)')
        .requiredOption('--out <file>', 'the notebook with its outputs')
        .option(
          '-p, --parameter <key=value>',
          'a value of its parameters cell; may be repeated',
          (value: string, all: string[]) => [...all, value],
          [],
        ),
    ),
    'npx cytobench notebook run notebooks/00_quickstart.ipynb --out out.ipynb -p preset=smoke',
  ).action(async (file: string, flags: NotebookFlags) => {
    const { runNotebook } = await import('../notebook/run_notebook');
    const { UsageError } = await import('../core/errors');
    const parameters = Object.fromEntries(
      flags.parameter.map((text) => {
        const at = text.indexOf('=');
        if (at < 1) throw new UsageError(`-p ${text}: expected key=value`);
        return [text.slice(0, at), parse(text.slice(at + 1))];
      }),
    );
    const result = await runNotebook(file, flags.out, parameters);
    if (!result.ok) process.exitCode = 1;
    printResult(flags, result, () =>
      result.ok
        ? `${result.cells} cells, all ran: ${flags.out}`
        : result.failedCell === undefined
          ? (result.error ?? 'the notebook did not run')
          : `cell ${result.failedCell} failed: ${result.error}\n${flags.out} holds what ran`,
    );
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
