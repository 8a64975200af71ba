import { computeGradients } from '../../backend/gradients';
import { type Scalar, type Tensor, tf } from '../../backend/tf';
import { CytobenchError } from '../../core/errors';
import { createProgress } from '../../core/progress';
import { createRng } from '../../core/rng';
import type { Loader } from '../../data/loader/loader';
import type { Sample } from '../../data/sample';
import { LOSS_NAMES, type LossName, type MaskRcnn } from '../../detection/mask_rcnn';
import { pickRandom } from '../../detection/sampler';
import type { Parameter } from '../../layers/parameters';
import type { ExperimentConfig } from '../config/types';
import type { RunFolder, StepMetrics } from '../run/run_folder';
import { INITIAL_STATE, restoreCheckpoint, saveBest, saveCheckpoint, type TrainingState } from './checkpoint';
import { gradientNorm, Sgd } from './optimizer';
import { afterEpoch, INITIAL_SCHEDULE, learningRate } from './schedule';

/** What a validation finds. */
export interface Validation {
  readonly losses: Readonly<Record<LossName, number>>;
  readonly total: number;
  readonly AP50: number;
}

export type StopReason = 'complete' | 'early' | 'time' | 'SIGINT' | 'SIGTERM';

export interface TrainOptions {
  readonly config: ExperimentConfig;
  readonly model: MaskRcnn;
  readonly run: RunFolder;
  readonly loader: Loader;
  readonly validate: () => Validation | Promise<Validation>;
  /** End in order after so many minutes. */
  readonly maxMinutes?: number;
  /** Asked after every step. */
  readonly interrupted?: () => 'SIGINT' | 'SIGTERM' | null;
  readonly resume?: boolean;
}

export interface TrainResult {
  readonly steps: number;
  readonly epochs: number;
  readonly best: TrainingState['best'];
  readonly stopped: StopReason;
}

/** Trains to the end, to a limit, or until it is asked to stop; every way ends with a checkpoint. */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { config, model, run, loader } = options;
  const parameters = trainableParameters(model, config);
  const optimizer = new Sgd(parameters, config.optimizer);
  const restored = options.resume ? restoreCheckpoint(run, model, optimizer) : null;
  let state: TrainingState = restored ?? { ...INITIAL_STATE, schedule: INITIAL_SCHEDULE };
  if (options.resume) run.truncateMetrics(state.step);
  const total = totalSteps(config, loader);
  const progress = createProgress({ label: 'training', total, unit: 'steps' });
  const deadline =
    options.maxMinutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.maxMinutes * 60000;
  let stopped: StopReason = 'complete';
  const started = state.step;
  try {
    if (state.step === 0 && config.validation.atStart) await validateAtStart(options);
    epochs: while (state.step < total) {
      const epochStarted = Date.now();
      for await (const batch of loader.epoch(state.epoch, { fromBatch: state.batch })) {
        const metrics = step(model, optimizer, parameters, batch, state, total, config);
        run.append(metrics);
        state = { ...state, step: state.step + 1, batch: state.batch + 1 };
        progress.update(
          state.step - started,
          `loss ${metrics.total.toFixed(3)}  rate ${metrics.learningRate.toPrecision(2)}`,
        );
        const signal = options.interrupted?.();
        if (signal || Date.now() > deadline) {
          stopped = signal ?? 'time';
          break epochs;
        }
        if (state.step >= total) break;
      }
      const ended = await endEpoch(options, state, state.step >= total, epochStarted);
      state = ended.state;
      saveCheckpoint(run, model, optimizer, state);
      if (ended.stop) {
        stopped = 'early';
        break;
      }
    }
    progress.finish();
    if (stopped !== 'complete' && stopped !== 'early') saveCheckpoint(run, model, optimizer, state);
    return { steps: state.step, epochs: state.epoch, best: state.best, stopped };
  } finally {
    optimizer.dispose();
  }
}

export function totalSteps({ training }: ExperimentConfig, loader: Loader): number {
  return training.steps ?? training.epochs * loader.batchesPerEpoch;
}

/** Parameters that are neither frozen by the configuration nor buffers. */
export function trainableParameters(model: MaskRcnn, config: ExperimentConfig): Parameter[] {
  return model.parameters
    .trainable()
    .filter(({ name }) => !config.model.freeze.some((prefix) => name.startsWith(prefix)));
}

/** One optimizer step; owns nothing of the batch, leaves no tensor behind. */
function step(
  model: MaskRcnn,
  optimizer: Sgd,
  parameters: readonly Parameter[],
  batch: readonly Sample[],
  state: TrainingState,
  total: number,
  config: ExperimentConfig,
): StepMetrics {
  const started = Date.now();
  const pick = pickRandom(createRng(config.seed).fork(`sampling-${state.step}`));
  const losses = {} as Record<LossName, number>;
  const { value, grads } = computeGradients(
    () => {
      const terms = model.losses(batch, { training: true, pick });
      for (const name of LOSS_NAMES) losses[name] = terms[name].dataSync()[0];
      return tf.addN(LOSS_NAMES.map((name) => terms[name])) as Scalar;
    },
    parameters.map(({ variable }) => variable),
  );
  try {
    const norm = gradientNorm(grads);
    requireFinite(losses, norm, batch);
    const rate = learningRate(
      config.optimizer.learningRate,
      config.schedule,
      state.schedule,
      state.step,
      total,
    );
    const { clipNorm } = config.training;
    const scale = clipNorm !== null && norm > clipNorm ? clipNorm / (norm + 1e-6) : 1;
    optimizer.step(grads, ({ name }) => rate * rateFactor(config, name), scale);
    const sum = LOSS_NAMES.reduce((acc, name) => acc + losses[name], 0);
    // Value and gradients are disposed below.
    const own = 1 + grads.filter((gradient) => gradient !== null).length;
    return {
      type: 'step',
      step: state.step,
      epoch: state.epoch,
      losses,
      total: sum,
      learningRate: rate,
      gradientNorm: norm,
      tensors: tf.memory().numTensors - own,
      rssMb: Math.round(process.memoryUsage.rss() / 1e6),
      seconds: (Date.now() - started) / 1000,
    };
  } finally {
    tf.dispose([value, ...grads.filter((gradient): gradient is Tensor => gradient !== null)]);
  }
}

/** The factor of the longest prefix that fits. */
function rateFactor({ optimizer }: ExperimentConfig, name: string): number {
  const fitting = Object.keys(optimizer.rateFactors).filter((prefix) => name.startsWith(prefix));
  if (!fitting.length) return 1;
  return optimizer.rateFactors[fitting.reduce((a, b) => (b.length > a.length ? b : a))];
}

function requireFinite(losses: Record<LossName, number>, norm: number, batch: readonly Sample[]): void {
  const bad = LOSS_NAMES.find((name) => !Number.isFinite(losses[name]));
  if (bad === undefined && Number.isFinite(norm)) return;
  throw new CytobenchError(`${bad ?? 'the gradient'} is ${bad ? losses[bad] : norm}`, {
    where: batch.map(({ id }) => id).join(', '),
    fix: 'Lower optimizer.learningRate, or set training.clipNorm.',
  });
}

/** What the starting weights find: epoch -1, before the first step. */
async function validateAtStart({ run, validate }: TrainOptions): Promise<void> {
  const started = Date.now();
  const validation = await validate();
  run.append({
    type: 'epoch',
    step: 0,
    epoch: -1,
    validation,
    learningRate: 0,
    seconds: (Date.now() - started) / 1000,
  });
}

/** Validation where it is due, the schedule, the best checkpoint, early stopping. */
async function endEpoch(
  { config, run, model, validate }: TrainOptions,
  state: TrainingState,
  last: boolean,
  started: number,
): Promise<{ state: TrainingState; stop: boolean }> {
  const { every } = config.validation;
  const due = every > 0 && ((state.epoch + 1) % every === 0 || last);
  const validation = due ? await validate() : null;
  run.append({
    type: 'epoch',
    step: state.step,
    epoch: state.epoch,
    validation,
    learningRate: config.optimizer.learningRate * state.schedule.factor,
    seconds: (Date.now() - started) / 1000,
  });
  let next: TrainingState = { ...state, epoch: state.epoch + 1, batch: 0 };
  if (!validation) return { state: next, stop: false };
  next = { ...next, schedule: afterEpoch(config.schedule, state.schedule, state.epoch, validation.total) };
  if (!state.best || validation.AP50 > state.best.AP50) {
    next = { ...next, best: { epoch: state.epoch, AP50: validation.AP50 } };
    saveBest(run, model, next);
  }
  const { patience, minimumChange } = config.earlyStopping;
  const better = state.stopping.best === null || validation.total < state.stopping.best - minimumChange;
  const since = better ? 0 : state.stopping.since + 1;
  next = { ...next, stopping: { best: better ? validation.total : state.stopping.best, since } };
  return { state: next, stop: patience !== null && since >= patience };
}
