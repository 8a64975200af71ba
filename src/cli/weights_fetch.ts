import type { Command } from 'commander';
import { answer, type CommonOptions, withCommonOptions } from './command';

export function registerWeightsFetch(weights: Command): void {
  withCommonOptions(
    weights
      .command('fetch <name>')
      .description('published weights from a cache, else downloaded and checked')
      .addHelpText('after', () => {
        const { PUBLISHED } = require('../weights/published') as typeof import('../weights/published');
        return `\nNames:\n${PUBLISHED.map(({ name, about }) => `  ${name.padEnd(30)} ${about}`).join('\n')}`;
      }),
  ).action(async (name: string, options: CommonOptions) => {
    const { fetchWeights } = await import('../weights/fetch');
    const fetched = await fetchWeights(name);
    const from = { cache: 'already here', torch: "found in torch's cache", download: 'downloaded' };
    answer(options, fetched, () => `${fetched.file}\n${fetched.bytes} bytes, ${from[fetched.source]}`);
  });
}
