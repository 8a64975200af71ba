import * as path from 'node:path';
import type { Command } from 'commander';
import { DataError } from '../core/errors';
import { jobsOf } from './cluster/slurm';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `stop RUN`: ends a run in order. */
export function registerStop(program: Command): void {
  withCommonOptions(
    program
      .command('stop')
      .description('end a run in order, with a checkpoint; `train --resume RUN` continues it')
      .argument('<run>', 'a run folder, or a job of the cluster: 12, or 12_3 for one task of an array'),
    'npx cytobench stop RUN',
    'npx cytobench stop 12_3',
  ).action(async (name: string, flags: CommonOptions) => {
    if (await stopOnCluster(name, flags)) return;
    const { attachRun } = await import('../runs/executors/child_process');
    const run = attachRun(name);
    const before = run.state().state;
    const state = await run.stop();
    printResult(flags, { ...state, stopped: before === 'running' }, () =>
      before === 'running'
        ? `ended after ${state.steps} steps; continue it with \`cytobench train --resume ${name}\``
        : `was not training (${state.state}, ${state.steps} steps)`,
    );
  });
}

/** Ends what a cluster has of a run or a job; false where that is nothing. */
async function stopOnCluster(name: string, flags: CommonOptions): Promise<boolean> {
  const { currentTasks, isOver, stopTasks, tasksNamed } = await import('../runs/executors/slurm/follow');
  const { resolveRun } = await import('../runs/run_folder');
  const { runState } = await import('../runs/run_list');
  const isJob = /^\d+(_\d+)?$/.test(name);
  const found = tasksNamed(isJob ? name : path.resolve(resolveRun(name)), await currentTasks());
  const open = found.filter((view) => !isOver(view));
  if (open.length === 0 && !isJob) return false;
  if (found.length === 0)
    throw new DataError(`no job ${name} of cytobench is known`, {
      fix: '`cytobench runs` lists them; `scancel` ends jobs of others.',
    });
  await stopTasks(open);
  const [{ run, state }] = found;
  const folder = found.length === 1 && run !== null ? runState(run) : null;
  const jobs = jobsOf(found);
  printResult(flags, { ...folder, stopped: open.length > 0, jobs }, () => {
    if (open.length === 0)
      return found.length === 1 ? `was not running (${state})` : `none of ${found.length} tasks was running`;
    const ended = folder ? ` after ${folder.steps} steps` : '';
    return open.length === 1
      ? `ended ${open[0].name}${ended}; the same command continues it`
      : `ended ${open.length} tasks; the same command continues them`;
  });
  return true;
}
