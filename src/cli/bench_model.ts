import { type Command, Option } from 'commander';
import { type CommonOptions, withCommonOptions } from './command';
import { parseCount } from './parse';

interface BenchModelOptions extends CommonOptions {
  readonly model: string;
  readonly size: number;
  readonly cells: number;
  readonly precision: 'auto' | 'float32' | 'bfloat16';
  readonly pairs: number;
  readonly against?: string;
  readonly profile?: string;
}

const TASKS = {
  train: 'training steps on one image: forward, backward, SGD',
  infer: 'predictions of one image, to instances with masks',
} as const;

/** `bench train` and `bench infer`. */
export function registerBenchModel(bench: Command): void {
  for (const task of Object.keys(TASKS) as (keyof typeof TASKS)[])
    withCommonOptions(
      bench
        .command(task)
        .description(TASKS[task])
        .option('--model <name>', 'architecture', 'efficientnet_lite0_fpn')
        .option('--size <px>', 'side of the square image as the network sees it', parseCount, 512)
        .option('--cells <n>', 'instances in the image', parseCount, 100)
        .addOption(
          new Option('--precision <p>', 'of this product; the peer takes its fastest')
            .choices(['auto', 'float32', 'bfloat16'])
            .default('auto'),
        )
        .option('--pairs <n>', 'timed pieces of work of each side, in turn', parseCount, 7)
        .addOption(new Option('--against <name>', 'the peer, in bench/.env').choices(['torchvision']))
        .option('--profile <trace.json>', "where one piece of work goes, in Chrome's trace format"),
    ).action(async (options: BenchModelOptions) => {
      const { benchModel } = await import('./bench_model_action');
      await benchModel(task, options);
    });
}

export type { BenchModelOptions };
