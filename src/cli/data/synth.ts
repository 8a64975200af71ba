import type { Command } from 'commander';
import { createProgress } from '../../core/progress';
import {
  type CommonOptions,
  parseCount,
  parseSize,
  parseWhole,
  printResult,
  withCommonOptions,
} from '../command';

interface SynthOptions extends CommonOptions {
  readonly images: number;
  readonly size: { width: number; height: number };
  readonly seed: number;
}

export function registerDataSynth(data: Command): void {
  withCommonOptions(
    data
      .command('synth <out>')
      .description('synthetic stained tissue with cells of four classes, in the data set layout')
      .option('--images <n>', 'number of images', parseCount, 40)
      .option('--size <WxH>', 'pixels', parseSize, { width: 256, height: 256 })
      .option('--seed <s>', 'the same seed makes the same pixels', parseWhole, 0),
    'npx cytobench data synth DIR --images 24 --size 256x256 --seed 1',
  ).action(async (out: string, options: SynthOptions) => {
    const { syntheticDataset } = await import('../../data/synthetic/synthesize');
    const { writeDataset } = await import('../../data/write_dataset');
    const { checkDataset } = await import('../../data/check_dataset');
    const { describeCheck } = await import('./check');
    const { images, size, seed } = options;
    const progress = createProgress({ label: 'synth', total: images, unit: 'images' });
    const dataset = syntheticDataset({ images, ...size, seed });
    await writeDataset(out, dataset, (done, _total, id) => progress.update(done, id));
    const check = await checkDataset(out);
    progress.finish();
    printResult(options, { out, seed, ...check }, () => describeCheck(out, check));
    if (!check.ok) process.exitCode = 1;
  });
}
