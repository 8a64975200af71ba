import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions } from './command';

interface CompareFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
}

/** `compare RUN RUN…`: differences with intervals, on the same images. */
export function registerCompare(program: Command): void {
  withCommonOptions(
    program
      .command('compare')
      .description('differences between runs on the same images, with paired intervals')
      .argument('<runs...>', 'two or more runs or model files; each is compared with the first')
      .option('--data <dir>', 'images to compare on (default: those the first run did not train on)')
      .option('--split <file>', 'a split of them'),
    'npx cytobench compare RUN_A RUN_B',
  ).action(async (runs: string[], flags: CompareFlags) => {
    const { compareRuns } = await import('../evaluation/compare');
    const { formatInterval } = await import('../metrics/statistics/interval');
    const result = await compareRuns(runs, flags);
    const { basename } = await import('node:path');
    const short = (run: string): string => basename(run);
    const number = (value: number | null): string => value?.toFixed(3) ?? '-';
    printResult(flags, result, () =>
      [
        ...result.metrics.map(
          ({ run, metric, interval }) => `${short(run)}  ${metric} ${formatInterval(interval)}`,
        ),
        ...result.pairs.map(
          ({ a, b, metric, difference, low, high, groups, verdict }) =>
            `${short(b)} less ${short(a)}  ${metric} ${number(difference)} (${low === null ? '' : `${number(low)} to ${number(high)}, `}${groups} groups): ${verdict}`,
        ),
        ...result.notes,
        ...result.orders
          .filter(({ disagree }) => disagree)
          .map(({ a, b, text }) => `${short(b)} less ${short(a)}  ${text}`),
      ].join('\n'),
    );
  });
}
