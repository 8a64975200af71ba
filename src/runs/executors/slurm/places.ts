import { type RunState, runState } from '../../run_list';
import type { JobProgress } from '../executor';
import type { TaskView } from './tasks';

/** `anchors:small, seed 1: pending (12_3, Priority)` */
export function describePlace({ name, state, job, node, reason }: TaskView): string {
  const words =
    state === 'new' ? 'never handed in' : state === 'gone' ? 'left the queue before it began' : state;
  const where = [job, node, reason].filter((part) => part !== null);
  return `${name}: ${words}${where.length > 0 ? ` (${where.join(', ')})` : ''}`;
}

/** Runs of which a look reads the log: as many as a person reads lines of. */
const MOST_READ = 20;

/** Where tasks are, as a table of running work shows it. */
export function progressOfTasks(views: readonly TaskView[]): JobProgress[] {
  let read = 0;
  return views.map((view): JobProgress => {
    const base = { name: view.name, steps: 0, totalSteps: null, secondsLeft: null, seconds: 0 };
    if (view.state === 'done') return { ...base, state: 'done' };
    if (view.state === 'pending' || view.state === 'new') return { ...base, state: 'waiting' };
    if (view.state !== 'running') return { ...base, state: 'failed' };
    const state = view.run === null || read++ >= MOST_READ ? null : stateIfThere(view.run);
    if (!state || state.state === 'new') return { ...base, state: 'starting' };
    const { steps, totalSteps, secondsLeft } = state;
    return { ...base, state: 'running', steps, totalSteps, secondsLeft };
  });
}

function stateIfThere(run: string): RunState | null {
  try {
    return runState(run);
  } catch {
    return null;
  }
}
