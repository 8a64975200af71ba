import { type Command, Option } from 'commander';
import { type CommonOptions, parseCount, withCommonOptions } from '../command';

interface BenchDataOptions extends CommonOptions {
  readonly against?: string;
  readonly pairs: number;
}

/** `bench data`: one image of 512 x 512 with 60 cells in four label maps through `full`, one thread. */
export function registerBenchData(bench: Command): void {
  withCommonOptions(
    bench
      .command('data')
      .description('augmentation: one 512 x 512 image with 60 cells through `full`, every transform applied')
      .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['albumentations']))
      .option('--pairs <n>', 'rounds of both in turn', parseCount, 7),
    'npx cytobench bench data --against albumentations',
  ).action(async (options: BenchDataOptions) => {
    const fs = await import('node:fs');
    const os = await import('node:os');
    const path = await import('node:path');
    const { benchFile, compiledBenchFile, peerPython } = await import('./peer');
    const { DrivenProcess, median, workInTurn } = await import('./peer');
    const { answerBench } = await import('./report');
    const { writeDataJob } = (await import(
      compiledBenchFile('data_job.js')
    )) as typeof import('../../../bench/data_job');
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
    const python = options.against && peerPython(options.against);
    const { cells } = writeDataJob(folder);
    const sides = [new DrivenProcess(process.execPath, [compiledBenchFile('data_ours.js'), folder])];
    if (python) sides.push(new DrivenProcess(python, [benchFile('peers', 'data_albumentations.py'), folder]));
    try {
      for (const side of sides) await side.ready();
      const [ours, theirs] = await workInTurn(sides, options.pairs);
      const seconds = ours.map((answer) => answer.seconds);
      const mine = median(seconds);
      const ratio = theirs && median(theirs.map((answer, i) => seconds[i] / answer.seconds));
      const peer = theirs && median(theirs.map((answer) => answer.seconds));
      const name = `${cells} cells in four maps`;
      const beside = theirs ? { peer, ratio } : {};
      answerBench(options, {
        cases: [{ case: name, ours: mine, ...beside }],
        peakRssMb: Math.max(...ours.map(({ peakRssMb }) => peakRssMb)),
        ...(theirs ? { peerPeakRssMb: Math.max(...theirs.map(({ peakRssMb }) => peakRssMb)) } : {}),
      });
    } finally {
      for (const side of sides) side.close();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
}
