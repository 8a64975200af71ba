import * as path from 'node:path';
import type { Command } from 'commander';
import type { ListedRun } from '../runs/executors/slurm/cluster_runs';
import { jobsOf } from './cluster/slurm';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** Tasks that are no runs, of which a person is shown a line each. */
const MOST_SHOWN = 20;

/** `runs [DIR]`: all runs. */
export function registerRuns(program: Command): void {
  withCommonOptions(
    program
      .command('runs')
      .description('all runs: state, epoch, AP50, time left; on a cluster also queue, node and restarts')
      .argument('[dir]', 'the folder of runs (default: results/runs)'),
    'npx cytobench runs',
  ).action(async (dir: string | undefined, flags: CommonOptions) => {
    const { listRuns } = await import('../runs/run_list');
    const { runsFolder } = await import('../runs/run_folder');
    const { currentTasks } = await import('../runs/executors/slurm/follow');
    const { runsOnCluster } = await import('../runs/executors/slurm/cluster_runs');
    const { describePlace } = await import('../runs/executors/slurm/places');
    const { formatDuration } = await import('../core/progress');
    const views = await currentTasks();
    const { runs, tasks } = runsOnCluster(listRuns(dir ?? runsFolder()), views, dir !== undefined);
    const lines = (run: ListedRun): string[] => [lineOf(run, formatDuration), ...clusterLines(run)];
    const shown = tasks.slice(0, MOST_SHOWN).map(describePlace);
    const more = tasks.length - shown.length;
    printResult(flags, { runs, tasks: jobsOf(tasks) }, () =>
      [
        ...(runs.length ? runs.flatMap(lines) : ['no run']),
        ...shown,
        ...(more > 0 ? [`… and ${more} tasks more (--json lists all)`] : []),
      ].join('\n'),
    );
  });
}

/** A run among the others goes by its name, which every command takes. */
function shortName(run: string): string {
  const { runsFolder } = require('../runs/run_folder') as typeof import('../runs/run_folder');
  return path.dirname(path.resolve(run)) === path.resolve(runsFolder()) ? path.basename(run) : run;
}

function lineOf(
  { run, state, problem, steps, totalSteps, epoch, AP50, subset, best, secondsLeft }: ListedRun,
  formatDuration: (seconds: number) => string,
): string {
  if (problem !== undefined) return `${state.padEnd(8)} ${problem}`;
  return [
    state.padEnd(8),
    `step ${steps}${totalSteps === null ? '' : `/${totalSteps}`}`.padEnd(16),
    `epoch ${epoch ?? '–'}`.padEnd(10),
    `AP50 ${AP50?.toFixed(3) ?? '–'}${best ? ` (best ${best.AP50.toFixed(3)})` : ''}${AP50 !== null && subset ? ` of ${subset}` : ''}`.padEnd(
      24,
    ),
    secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left  `,
    shortName(run),
  ].join(' ');
}

/** Where a run is on the cluster, and what its log says where it did not end well. */
function clusterLines({ job, queue, reason, partition, node, restarts, message, log }: ListedRun): string[] {
  if (queue === undefined) return [];
  const parts = [
    `job ${job ?? '–'}: ${queue}`,
    ...(reason ? [reason] : []),
    ...(partition ? [`partition ${partition}`] : []),
    ...(node ? [`node ${node}`] : []),
    ...(restarts ? [`${restarts} restart${restarts === 1 ? '' : 's'}`] : []),
    ...(message ? [message] : []),
  ];
  return [`         ${parts.join(', ')}`, ...(log ?? []).map((line) => `         | ${line}`)];
}
