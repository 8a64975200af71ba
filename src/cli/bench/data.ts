import { type Command, Option } from 'commander';
import { type CommonOptions, parseCount, withCommonOptions } from '../command';

interface BenchDataOptions extends CommonOptions {
  readonly against?: string;
  readonly pairs: number;
  readonly read?: string | true;
}

/** `bench data`: one image of 512 x 512 with 60 cells in four label maps through `full`, one thread. */
export function registerBenchData(bench: Command): void {
  withCommonOptions(
    bench
      .command('data')
      .description('augmentation: one 512 x 512 image with 60 cells through `full`, every transform applied')
      .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['albumentations']))
      .option(
        '--read [dir]',
        'reading TIFF files in place of it, geotiff by itself beside (default: synthetic)',
      )
      .option('--pairs <n>', 'rounds of both in turn', parseCount, 7),
    'npx cytobench bench data --against albumentations',
  ).action(async (options: BenchDataOptions) => {
    if (options.read !== undefined) {
      await benchReading(options, options.read);
      return;
    }
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

/** Every TIFF of a folder through this reader and through geotiff's own rasters, in turn: seconds a file. */
async function benchReading(options: BenchDataOptions, dir: string | true): Promise<void> {
  const fs = await import('node:fs');
  const os = await import('node:os');
  const path = await import('node:path');
  const { compiledBenchFile, DrivenProcess, median, workInTurn } = await import('./peer');
  const { answerBench } = await import('./report');
  const file = compiledBenchFile('read_images.js');
  const { writeReadJob } = (await import(file)) as typeof import('../../../bench/read_images');
  const made = dir === true ? fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-')) : undefined;
  if (made) await writeReadJob(made);
  const folder = made ?? (dir as string);
  const sides = ['ours', 'geotiff'].map((side) => new DrivenProcess(process.execPath, [file, folder, side]));
  try {
    for (const side of sides) await side.ready();
    const [ours, theirs] = await workInTurn(sides, options.pairs);
    const seconds = ours.map((answer) => answer.seconds);
    const { files } = ours[0].values as { files: number };
    answerBench(options, {
      cases: [
        {
          case: `${files} TIFF files, seconds a file`,
          ours: median(seconds),
          peer: median(theirs.map((answer) => answer.seconds)),
          ratio: median(theirs.map((answer, i) => seconds[i] / answer.seconds)),
        },
      ],
      peakRssMb: Math.max(...ours.map(({ peakRssMb }) => peakRssMb)),
      peerPeakRssMb: Math.max(...theirs.map(({ peakRssMb }) => peakRssMb)),
    });
  } finally {
    for (const side of sides) side.close();
    if (made) fs.rmSync(made, { recursive: true, force: true });
  }
}
