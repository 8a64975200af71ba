import type { ExperimentConfig } from '../config/schema';

/** What a schedule remembers between epochs: part of a checkpoint. */
export interface ScheduleState {
  /** plateau: what the rate has been multiplied by so far. */
  readonly factor: number;
  readonly best: number | null;
  readonly badEpochs: number;
}

export const INITIAL_SCHEDULE: ScheduleState = { factor: 1, best: null, badEpochs: 0 };

/** Learning rate of step `step` (from 0) of `total`. */
export function learningRate(
  base: number,
  schedule: ExperimentConfig['schedule'],
  state: ScheduleState,
  step: number,
  total: number,
): number {
  const { warmupSteps, warmupFactor } = schedule;
  if (step < warmupSteps) return base * (warmupFactor + ((1 - warmupFactor) * (step + 1)) / warmupSteps);
  if (schedule.kind === 'constant') return base;
  if (schedule.kind === 'plateau') return Math.max(base * state.factor, schedule.minLearningRate);
  if (schedule.kind === 'steps') {
    const passed = schedule.milestones.filter((share) => step >= share * total).length;
    return Math.max(base * schedule.factor ** passed, schedule.minLearningRate);
  }
  const progress = (step - warmupSteps) / Math.max(total - warmupSteps, 1);
  return (
    schedule.minLearningRate + ((base - schedule.minLearningRate) * (1 + Math.cos(Math.PI * progress))) / 2
  );
}

/**
 * The state after the validation of an epoch (from 0): PyTorch's ReduceLROnPlateau, mode min, relative threshold 1e-4,
 * counting from `startEpoch`.
 */
export function afterEpoch(
  schedule: ExperimentConfig['schedule'],
  state: ScheduleState,
  epoch: number,
  loss: number,
): ScheduleState {
  if (schedule.kind !== 'plateau' || epoch < schedule.startEpoch) return state;
  if (state.best === null || loss < state.best * (1 - 1e-4)) return { ...state, best: loss, badEpochs: 0 };
  if (state.badEpochs + 1 <= schedule.patience) return { ...state, badEpochs: state.badEpochs + 1 };
  return { ...state, badEpochs: 0, factor: state.factor * schedule.factor };
}
