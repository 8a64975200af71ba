import type { JobProgress } from '../../runs/executors/executor';
import { say } from '../command';

/** The runs of a study on standard error: drawn over itself in a terminal, twice a minute elsewhere. */
export async function progressTable(
  jobs: number,
  noun = 'runs',
): Promise<{ show: (all: readonly JobProgress[]) => void; say: (line: string) => void }> {
  const { secondsUntilDone } = await import('../../studies/side_by_side');
  const { formatDuration } = await import('../../core/progress');
  const terminal = process.stderr.isTTY === true;
  let [drawn, last] = [0, Number.NEGATIVE_INFINITY];
  const clear = (): void => {
    if (drawn > 0) process.stderr.write(`\x1b[${drawn}A\x1b[0J`);
    drawn = 0;
  };
  return {
    show: (all) => {
      const now = performance.now();
      const ended = all.every(({ state }) => state === 'done' || state === 'failed');
      if (!ended && now - last < (terminal ? 1000 : 30_000)) return;
      last = now;
      const left = secondsUntilDone(all, jobs);
      const count = (wanted: JobProgress['state']): number =>
        all.filter(({ state }) => state === wanted).length;
      const failed = count('failed') ? `, ${count('failed')} failed` : '';
      const lines = [
        `${count('done')} of ${all.length} ${noun} done${failed}, ${count('waiting')} waiting${left === null ? '' : `, ${formatDuration(left)} left`}`,
        ...all
          .filter(({ state }) => ['starting', 'running', 'predicting'].includes(state))
          .map(
            ({ name, state, steps, totalSteps, secondsLeft }) =>
              `  ${name.padEnd(32)} ${state !== 'running' ? state : `step ${steps}${totalSteps === null ? '' : `/${totalSteps}`}`}${secondsLeft === null ? '' : `  ${formatDuration(secondsLeft)} left`}`,
          ),
      ];
      if (terminal) clear();
      process.stderr.write(`${lines.join('\n')}\n`);
      if (terminal) drawn = lines.length;
    },
    say: (line) => {
      if (terminal) clear();
      say(line);
    },
  };
}
