import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions, withOverwrite } from './command';

interface ReportFlags extends CommonOptions {
  readonly out: string;
  readonly checkpoint?: 'best' | 'last';
}

/** `report RUN --out FILE.html`: one self-contained page. */
export function registerReport(program: Command): void {
  withCommonOptions(
    withOverwrite(
      program
        .command('report')
        .description(
          'one self-contained page about a run, or several compared: how they learned, what they find',
        )
        .argument('<runs...>', 'run folders; each is compared with the first')
        .requiredOption('--out <file>', 'the page (.html)')
        .option('--checkpoint <name>', 'best or last'),
    ),
    'npx cytobench report RUN --out run.html',
  ).action(async (runs: string[], flags: ReportFlags) => {
    const { writeFileAtomic } = await import('../core/files');
    const [run] = runs;
    const written = (page: string, more: object): void => {
      writeFileAtomic(flags.out, page);
      const bytes = Buffer.byteLength(page);
      printResult(
        flags,
        { page: flags.out, runs, bytes, ...more },
        () => `${flags.out}: ${(bytes / 1e6).toFixed(2)} MB`,
      );
    };
    if (runs.length > 1) {
      const { comparisonPage } = await import('../report/comparison_page');
      return written(await comparisonPage(runs), {});
    }
    const { RunFolder } = await import('../runs/run_folder');
    const { evaluateRun } = await import('../evaluation/evaluate');
    const { runPage } = await import('../report/run_page');
    const metrics = RunFolder.open(run).metrics();
    const evaluation = await evaluateRun(run, flags);
    const { AP50 } = evaluation.segm;
    written(await runPage({ evaluation, metrics, run }), { run, images: evaluation.ids.length, AP50 });
  });
}
