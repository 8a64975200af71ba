import type { Command } from 'commander';
import { type CommonOptions, printResult, withCommonOptions } from './command';

/** `stop RUN`: ends a run in order. */
export function registerStop(program: Command): void {
  withCommonOptions(
    program
      .command('stop')
      .description('end a run in order, with a checkpoint; `train --resume RUN` continues it')
      .argument('<run>', 'a run folder'),
    'npx cytobench stop RUN',
  ).action(async (dir: string, flags: CommonOptions) => {
    const { attachRun } = await import('../runs/executors/child_process');
    const run = attachRun(dir);
    const before = run.state().state;
    const state = await run.stop();
    printResult(flags, { ...state, stopped: before === 'running' }, () =>
      before === 'running'
        ? `ended after ${state.steps} steps; continue it with \`cytobench train --resume ${dir}\``
        : `was not training (${state.state}, ${state.steps} steps)`,
    );
  });
}
