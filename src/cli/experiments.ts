import type { Command } from 'commander';
import type { Claim, Experiment } from '../config/experiment';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `experiments`: every experiment, its variants and the claims of the report that it tries. */
export function registerExperiments(program: Command): void {
  withCommonOptions(
    program
      .command('experiments')
      .description('every experiment: its variants, and what the report claims of them'),
    'npx cytobench experiments',
  ).action(async (flags: CommonOptions) => {
    const { experimentNames, findExperiment } = await import('../config/experiments');
    const experiments = experimentNames().map((name) => {
      const { claim, claims = [], variants } = findExperiment(name) as Experiment;
      return { name, claim, variants: Object.keys(variants), claims };
    });
    const text = ({ name, claim, variants, claims }: (typeof experiments)[number]): string =>
      [
        `${name}: ${variants.join(', ')}`,
        ...(claim ? [`  ${claim}`] : []),
        ...claims.map((one) => `  - ${claimText(one, variants[0])}`),
      ].join('\n');
    printResult(flags, { experiments }, () => experiments.map(text).join('\n\n'));
  });
}

function claimText({ variant, against, difference, words }: Claim, first: string): string {
  const sign = difference > 0 ? '+' : '';
  return `${variant} less ${against ?? first}: AP50 ${sign}${difference} (${words})`;
}
