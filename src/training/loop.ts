import * as path from 'node:path';
import type { ExperimentConfig } from '../config/schema';
import { WeightsError } from '../core/errors';
import { nextTurn } from '../core/process';
import { createProgress } from '../core/progress';
import type { Loader } from '../data/loader/loader';
import type { Sample } from '../data/record';
import type { MaskRcnn } from '../models/mask_rcnn';
import type { Parameter } from '../nn/parameters';
import { restoreCheckpoint, saveBest, saveCheckpoint, type TrainingState } from './checkpoint';
import type { TrainingProgress } from './checkpoint_state';
import type { EpochMetrics, MetricsLog, StepMetrics } from './metrics_log';
import { afterEpoch, INITIAL_SCHEDULE } from './schedule';
import { NonFiniteError, requireFinite, takeStep } from './step';
import { openEvents } from './tensorboard';
import type { Validation } from './validation';

export type StopReason = 'complete' | 'early' | 'time' | 'SIGINT' | 'SIGTERM';

export interface TrainOptions {
  readonly config: ExperimentConfig;
  /** The run folder: checkpoints and logs go there. */
  readonly dir: string;
  readonly log: MetricsLog;
  readonly trainingState: TrainingState;
  readonly loader: Loader;
  /** null: it was interrupted. */
  readonly validate: (step: number) => Promise<Validation | null>;
  /** End in order after so many minutes. */
  readonly maxMinutes?: number;
  /** Asked after every step and every validated image. */
  readonly interrupted?: () => 'SIGINT' | 'SIGTERM' | null;
  readonly resume?: boolean;
  /** Whether the model has its initial weights; false: they come from the checkpoint, which must then be sound. */
  readonly initialised?: boolean;
  readonly say?: (line: string) => void;
}

export interface TrainResult {
  readonly steps: number;
  readonly epochs: number;
  readonly best: TrainingProgress['best'];
  readonly stopped: StopReason;
}

const INITIAL_STATE: TrainingProgress = {
  step: 0,
  epoch: 0,
  batch: 0,
  schedule: INITIAL_SCHEDULE,
  best: null,
  stopping: { best: null, since: 0 },
  ended: null,
};

/** Trains to the end, to a limit, or until it is asked to stop; every way ends with a checkpoint. */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { config, dir, log, trainingState, loader, say = () => {} } = options;
  const restored = options.resume ? restoreCheckpoint(dir, trainingState, say) : null;
  if (!restored && options.initialised === false)
    throw new WeightsError('no checkpoint of this run is sound', { where: dir, fix: 'Train it anew.' });
  let state = restored ?? INITIAL_STATE;
  if (options.resume) log.truncate(state.step, state.epoch);
  const total = totalSteps(config, loader);
  const clock = stopwatch(options);
  const progress = createProgress({ label: 'training', total, unit: 'steps', done: state.step });
  const events = config.logging.tensorboard ? openEvents(path.join(dir, 'tensorboard')) : null;
  const record = (line: StepMetrics | EpochMetrics): void => {
    log.append(line);
    events?.write(line);
  };
  const result = (stopped: StopReason): TrainResult => ({
    steps: state.step,
    epochs: state.epoch,
    best: state.best,
    stopped,
  });
  if (state.ended) return result(state.ended);
  if (state.step === 0 && state.epoch === 0 && config.validation.atStart)
    record(await validatedStart(options));
  const save = (): void => saveCheckpoint(dir, trainingState, state);
  for (;;) {
    const started = performance.now();
    let waited = loader.waitedMs;
    try {
      for await (const batches of stepBatches(loader, state, config.training.accumulate)) {
        if (state.step >= total) break;
        const waitedSeconds = (loader.waitedMs - waited) / 1000;
        waited = loader.waitedMs;
        const metrics = takeStep(trainingState, batches, state, total, config);
        record({ ...metrics, waitedSeconds });
        requireFinite(metrics.losses, metrics.gradientNorm, batches);
        state = { ...state, step: state.step + 1, batch: state.batch + batches.length };
        progress.update(
          state.step,
          `loss ${metrics.total.toFixed(3)}  rate ${metrics.learningRate.toPrecision(2)}`,
        );
        await nextTurn();
        const reason = clock.reason();
        if (reason || clock.checkpointDue()) save();
        if (reason) return result(reason);
        if (state.step >= total) break;
      }
    } catch (error) {
      throw keepProgress(error, save);
    }
    const ended = await endEpoch(options, state, total, started, record);
    if (!ended) {
      save();
      return result(clock.reason() ?? 'time');
    }
    state = ended;
    save();
    clock.saved();
    if (state.ended) break;
    const reason = clock.reason();
    if (reason) return result(reason);
  }
  progress.finish();
  return result(state.ended);
}

/** What was learned before an error is kept, unless it is the learning that failed; the error stays the one told. */
function keepProgress(error: unknown, save: () => void): unknown {
  if (error instanceof NonFiniteError) return error;
  try {
    save();
  } catch {
    // A full disk fails twice: the checkpoint before is still there.
  }
  return error;
}

export function totalSteps({ training }: ExperimentConfig, loader: Loader): number {
  return training.steps ?? training.epochs * Math.ceil(loader.batchesPerEpoch / training.accumulate);
}

/** Parameters that are neither frozen by the configuration nor buffers. */
export function trainableParameters(model: MaskRcnn, config: ExperimentConfig): Parameter[] {
  return model.parameters
    .trainable()
    .filter(({ name }) => !config.model.freeze.some((prefix) => name.startsWith(prefix)));
}

/** The batches of each step: `accumulate` of them, fewer at the end of an epoch. */
async function* stepBatches(
  loader: Loader,
  { epoch, batch }: TrainingProgress,
  accumulate: number,
): AsyncGenerator<Sample[][]> {
  let batches: Sample[][] = [];
  for await (const one of loader.epoch(epoch, { fromBatch: batch })) {
    batches.push(one);
    if (batches.length < accumulate) continue;
    yield batches;
    batches = [];
  }
  if (batches.length > 0) yield batches;
}

/** Time as the machine counts it: a clock that is set back changes nothing. */
function stopwatch({ config, maxMinutes, interrupted }: TrainOptions): {
  reason(): StopReason | null;
  checkpointDue(): boolean;
  saved(): void;
} {
  const deadline =
    maxMinutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + maxMinutes * 60000;
  let saved = performance.now();
  return {
    reason: () => interrupted?.() ?? (performance.now() > deadline ? 'time' : null),
    checkpointDue: () => {
      if (performance.now() - saved < config.training.checkpointMinutes * 60000) return false;
      saved = performance.now();
      return true;
    },
    saved: () => {
      saved = performance.now();
    },
  };
}

/** What the starting weights find: epoch -1, before the first step. */
async function validatedStart({ validate }: TrainOptions): Promise<EpochMetrics> {
  const started = performance.now();
  const validation = await validate(0);
  return {
    type: 'epoch',
    step: 0,
    epoch: -1,
    validation,
    learningRate: 0,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Validation where it is due, the schedule, the best checkpoint, early stopping; null where it was interrupted. */
async function endEpoch(
  { config, dir, trainingState, validate }: TrainOptions,
  state: TrainingProgress,
  total: number,
  started: number,
  record: (line: EpochMetrics) => void,
): Promise<TrainingProgress | null> {
  const { every } = config.validation;
  const last = state.step >= total;
  const due = every > 0 && ((state.epoch + 1) % every === 0 || last);
  const { model, average } = trainingState;
  const check = async (): Promise<TrainingProgress | null> => {
    const validation = due ? await validate(state.step) : null;
    if (due && !validation) return null;
    const next = afterValidation(config, state, validation, last);
    if (next.best !== state.best) saveBest(dir, model, next);
    record({
      type: 'epoch',
      step: state.step,
      epoch: state.epoch,
      validation,
      learningRate: config.optimizer.learningRate * state.schedule.factor,
      seconds: (performance.now() - started) / 1000,
    });
    return next;
  };
  return average ? await average.during(check) : await check();
}

/** The state that follows an epoch: a pure function of what was found. */
export function afterValidation(
  config: ExperimentConfig,
  state: TrainingProgress,
  validation: Validation | null,
  last: boolean,
): TrainingProgress {
  const next: TrainingProgress = {
    ...state,
    epoch: state.epoch + 1,
    batch: 0,
    ended: last ? 'complete' : null,
  };
  if (!validation) return next;
  const { patience, minimumChange } = config.earlyStopping;
  const { best, since } = state.stopping;
  const better = best === null || validation.total < best - minimumChange;
  const stopping = better ? { best: validation.total, since: 0 } : { best, since: since + 1 };
  const record = !state.best || validation.AP50 > state.best.AP50;
  return {
    ...next,
    schedule: afterEpoch(config.schedule, state.schedule, state.epoch, validation.total),
    best: record ? { epoch: state.epoch, AP50: validation.AP50 } : state.best,
    stopping,
    ended: last ? 'complete' : patience !== null && stopping.since >= patience ? 'early' : null,
  };
}
