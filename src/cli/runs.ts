import type { Command } from 'commander';
import type { RunState } from '../runs/run_list';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `runs [DIR]`: all runs. */
export function registerRuns(program: Command): void {
  withCommonOptions(
    program
      .command('runs')
      .description('all runs: state, epoch, AP50, time left')
      .argument('[dir]', 'the folder of runs (default: results/runs)'),
    'npx cytobench runs',
  ).action(async (dir: string | undefined, flags: CommonOptions) => {
    const { listRuns } = await import('../runs/run_list');
    const { runsFolder } = await import('../runs/run_folder');
    const { formatDuration } = await import('../core/progress');
    const runs = listRuns(dir ?? runsFolder());
    const line = ({
      run,
      state,
      problem,
      steps,
      totalSteps,
      epoch,
      AP50,
      subset,
      best,
      secondsLeft,
    }: RunState): string =>
      problem !== undefined
        ? `${state.padEnd(8)} ${problem}`
        : [
            state.padEnd(8),
            `step ${steps}${totalSteps === null ? '' : `/${totalSteps}`}`.padEnd(16),
            `epoch ${epoch ?? '–'}`.padEnd(10),
            `AP50 ${AP50?.toFixed(3) ?? '–'}${best ? ` (best ${best.AP50.toFixed(3)})` : ''}${AP50 !== null && subset ? ` of ${subset}` : ''}`.padEnd(
              24,
            ),
            secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left  `,
            run,
          ].join(' ');
    printResult(flags, { runs }, () => (runs.length ? runs.map(line).join('\n') : 'no run'));
  });
}
