import type { Command } from 'commander';
import { answer, type CommonOptions, withCommonOptions } from './command';

interface ReportFlags extends CommonOptions {
  readonly out: string;
  readonly checkpoint?: 'best' | 'last';
}

/** `report RUN --out FILE.html`: one self-contained page. */
export function registerReport(program: Command): void {
  withCommonOptions(
    program
      .command('report')
      .description('one self-contained page about a run: where it started, how it learned, what it finds')
      .argument('<run>', 'a run folder')
      .requiredOption('--out <file>', 'the page (.html)')
      .option('--checkpoint <name>', 'best or last'),
  ).action(async (run: string, flags: ReportFlags) => {
    const { RunFolder } = await import('../engine/run/run_folder');
    const { evaluateRun } = await import('../engine/evaluate');
    const { runPage } = await import('../report/run_page');
    const { writeFileAtomic } = await import('../core/files');
    const metrics = RunFolder.open(run).metrics();
    const evaluation = await evaluateRun(run, flags);
    const page = await runPage({ evaluation, metrics, run });
    writeFileAtomic(flags.out, page);
    const { AP50 } = evaluation.segm;
    answer(
      flags,
      { page: flags.out, run, images: evaluation.ids.length, AP50, bytes: Buffer.byteLength(page) },
      () => `${flags.out}: ${(Buffer.byteLength(page) / 1e6).toFixed(2)} MB`,
    );
  });
}
