import type { Command } from 'commander';
import { type CommonOptions, printResult, say, withCommonOptions } from './command';

/** `plot RUN…`: figures in a browser, through nodeplotlib. */
export function registerPlot(program: Command): void {
  withCommonOptions(
    program
      .command('plot')
      .description('losses, AP50 and learning rate of runs in a browser, to hover and zoom')
      .argument('<runs...>', 'run folders, or their names')
      .option('--no-browser', 'print the address alone'),
    'npx cytobench plot RUN',
  ).action(async (runs: string[], flags: CommonOptions & { browser: boolean }) => {
    const { UsageError } = await import('../core/errors');
    if (process.env.CI || !process.stdout.isTTY)
      throw new UsageError('figures open in a browser, and nobody sits at this terminal', {
        fix: 'cytobench report RUN --out run.html writes them into a page.',
      });
    const { openFigures } = await import('../plots/window');
    const figures = (await Promise.all(runs.map(figuresOf))).flat();
    const remote = process.env.SSH_CONNECTION !== undefined;
    const window = await openFigures(figures, { browse: flags.browser && !remote });
    const { address, opened } = window;
    printResult(flags, { address, opened, figures: figures.length, runs }, () =>
      opened ? `${figures.length} figures at ${address}` : `open ${address}`,
    );
    say('Ctrl-C, or closing the page, ends this.');
    process.on('SIGINT', () => window.close());
    await window.closed;
    process.exit(0);
  });
}

async function figuresOf(run: string): Promise<import('../plots/figure').Figure[]> {
  const { RunFolder } = await import('../runs/run_folder');
  const { accuracyFigure, lossFigure, rateFigure } = await import('../plots/curves');
  const { curvePoints } = await import('../report/sections');
  const { stepsOf } = await import('../training/metrics_log');
  const { UsageError } = await import('../core/errors');
  const folder = RunFolder.open(run);
  const { experiment, variant, config } = folder.describe();
  const name = `${experiment} ${variant}, seed ${config.seed}`;
  const metrics = folder.metrics();
  const steps = stepsOf(metrics);
  if (steps.length === 0)
    throw new UsageError('has made no step yet: there is nothing to draw', { where: folder.dir });
  const validations = curvePoints(metrics);
  return [
    lossFigure(steps, validations, `Losses of ${name}`),
    ...(validations.length > 1 ? [accuracyFigure(validations, `AP50 of ${name}`)] : []),
    rateFigure(steps, `Learning rate of ${name}`),
  ];
}
