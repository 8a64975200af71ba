import type { Command } from 'commander';
import { answer, type CommonOptions, say, withCommonOptions } from './command';

/** `demo`: from nothing to a page that shows a model finding cells. */
export function registerDemo(program: Command): void {
  withCommonOptions(
    program
      .command('demo')
      .description('train the light model on synthetic tissue and show what it learned')
      .option('--out <dir>', 'where the run and its page go', 'results/demo'),
  ).action(async (flags: CommonOptions & { out: string }) => {
    const { demo } = await import('./demo_action');
    const result = await demo(flags.out, say);
    answer(flags, result, () =>
      [
        '',
        `AP50 on ${result.images} images it has not seen: ${result.before.toFixed(3)} before, ${result.after.toFixed(3)} after ${result.steps} steps`,
        ...result.parts.map(({ part, seconds }) => `  ${part.padEnd(28)}${seconds.toFixed(0).padStart(5)} s`),
        `  ${'peak memory'.padEnd(28)}${result.peakRssMb.toFixed(0).padStart(5)} MB`,
        '',
        `Open ${result.page}`,
        'Then: npm run lab (notebooks/00_quickstart.ipynb), or your own data: npx cytobench data check DIR',
      ].join('\n'),
    );
  });
}
