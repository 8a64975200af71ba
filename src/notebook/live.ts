import { formatDuration } from '../core/progress';
import { lossFigure } from '../plots/curves';
import { figureToSvg, svgToPng } from '../plots/svg';
import { curvePoints } from '../report/sections';
import type { RunHandle } from '../runs/executors/executor';
import type { RunState } from '../runs/run_list';
import { stepsOf } from '../training/metrics_log';

interface Screen {
  png(data: Uint8Array): void;
  text(data: string): void;
}

/** Losses of a run that trains elsewhere, drawn over themselves until it ends; resolves with its last state. */
export async function showLive(run: RunHandle): Promise<RunState> {
  const { newDisplay } = require('tslab') as { newDisplay: () => Screen };
  const [words, curves] = [newDisplay(), newDisplay()];
  let drawn = -1;
  return await run.finished((state) => {
    if (state.steps === drawn && state.state === 'running') return;
    drawn = state.steps;
    words.text(describe(state));
    const metrics = run.metrics();
    const steps = stepsOf(metrics);
    if (steps.length > 1) curves.png(svgToPng(figureToSvg(lossFigure(steps, curvePoints(metrics))), 1.5));
  });
}

function describe({ state, steps, totalSteps, AP50, subset, secondsLeft }: RunState): string {
  return [
    state,
    `step ${steps}${totalSteps === null ? '' : `/${totalSteps}`}`,
    AP50 === null ? '' : `AP50 ${AP50.toFixed(3)}${subset ? ` of ${subset}` : ''}`,
    secondsLeft === null ? '' : `${formatDuration(secondsLeft)} left`,
  ]
    .filter(Boolean)
    .join('   ');
}
