import type { Command } from 'commander';
import { answer, say, withCommonOptions } from './command';
import { parseCount, parseFactor, parseWhole } from './parse';
import type { TrainFlags } from './train_flags';

/** `train EXPERIMENT[:VARIANT]`: one run. */
export function registerTrain(program: Command): void {
  withCommonOptions(
    program
      .command('train')
      .description('train one run of an experiment, or continue one')
      .argument('[experiment]', 'a file of experiments/, with a variant after a colon: anchors:small')
      .option('--data <dir>', 'data set folder; without it --preset smoke makes synthetic tissue')
      .option('--split <file>', 'which images train and which validate (data split makes one)')
      .option('--preset <name>', 'size of the run: smoke, cpu or full', 'cpu')
      .option(
        '--set <key=value>',
        'change one setting; may be repeated',
        (value: string, all: string[]) => [...all, value],
        [],
      )
      .option('--seed <n>', 'seed of everything random', parseWhole)
      .option('--weights <name|file>', 'where the weights start: imagenet, coco, none, or a file')
      .option('--max-minutes <m>', 'end in order after so many minutes', parseFactor)
      .option('--max-steps <n>', 'train at most so many steps', parseCount)
      .option('--out <run>', 'run folder (default: results/runs/…)')
      .option('--resume <run>', 'continue a run'),
  ).action(async (name: string | undefined, flags: TrainFlags) => {
    say('cytobench train');
    const { trainCommand } = await import('./train_action');
    const result = await trainCommand(name, flags, say);
    const codes = { SIGINT: 130, SIGTERM: 143 } as Record<string, number>;
    process.exitCode = codes[result.stopped] ?? 0;
    const best = result.best
      ? `, best AP50 ${result.best.AP50.toFixed(3)} in epoch ${result.best.epoch}`
      : '';
    answer(
      flags,
      result,
      () => `${result.stopped}: ${result.steps} steps, ${result.epochs} epochs${best}\n${result.run}`,
    );
  });
}
