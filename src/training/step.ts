import type { ExperimentConfig } from '../config/schema';
import { CytobenchError } from '../core/errors';
import { createRng } from '../core/rng';
import type { Sample } from '../data/record';
import type { LossOptions, MaskRcnn } from '../models/mask_rcnn';
import { sampleRandom } from '../models/sampler';
import { type Losses, readLosses, totalLoss } from '../nn/losses';
import type { Parameter } from '../nn/parameters';
import { withCapture } from '../runtime/capture';
import { computeGradients } from '../runtime/gradients';
import { type Tensor, tf } from '../runtime/tf';
import type { TrainingState } from './checkpoint';
import type { TrainingProgress } from './checkpoint_state';
import type { StepMetrics } from './metrics_log';
import { gradientNorm, learningRateMultiplier } from './optimizers';
import { learningRate } from './schedule';

/** Losses of a step and the gradients of its parameters, averaged over its batches. The caller disposes `grads`. */
export interface StepGradients {
  readonly losses: Readonly<Record<string, number>>;
  readonly total: number;
  /** One a parameter; null where the loss does not depend on it. */
  readonly grads: (Tensor | null)[];
}

/**
 * Forward and backward over the batches of one step; their gradients are averaged. A function of (seed, step) and the
 * samples. Live norms update their running statistics.
 */
export function stepGradients(
  model: MaskRcnn,
  parameters: readonly Parameter[],
  batches: readonly (readonly Sample[])[],
  options: StepGradientOptions,
): StepGradients {
  return withCapture(model.capture, () => averagedGradients(model, parameters, batches, options));
}

export interface StepGradientOptions {
  readonly seed: number;
  readonly step: number;
  readonly simulateProposals?: boolean;
}

function averagedGradients(
  model: MaskRcnn,
  parameters: readonly Parameter[],
  batches: readonly (readonly Sample[])[],
  { seed, step, simulateProposals }: StepGradientOptions,
): StepGradients {
  const rng = createRng(seed).fork(`sampling-${step}`);
  const parts = batches.map((batch, i) =>
    batchGradients(model, parameters, batch, {
      training: true,
      sampler: sampleRandom(i === 0 ? rng : rng.fork(i)),
      simulateProposals,
    }),
  );
  const mean = (name: string): number =>
    parts.reduce((sum, { losses }) => sum + losses[name], 0) / parts.length;
  const losses = Object.fromEntries(Object.keys(parts[0].losses).map((name) => [name, mean(name)]));
  const total = Object.values(losses).reduce((sum, value) => sum + value, 0);
  if (parts.length === 1) return { losses, total, grads: parts[0].grads };
  const grads = parameters.map((_, i) => averaged(parts.map((part) => part.grads[i])));
  return { losses, total, grads };
}

export function disposeGradients(grads: readonly (Tensor | null)[]): void {
  tf.dispose(grads.filter((gradient): gradient is Tensor => gradient !== null));
}

/** The losses of one batch, and the gradients of their sum. The caller disposes `grads`. */
export function batchGradients(
  model: MaskRcnn,
  parameters: readonly Parameter[],
  batch: Parameters<MaskRcnn['losses']>[0],
  options: LossOptions,
): Pick<StepGradients, 'losses' | 'grads'> {
  let terms: Losses = {};
  const { value, grads } = computeGradients(
    () => {
      terms = model.losses(batch, options);
      for (const term of Object.values(terms)) tf.keep(term);
      return totalLoss(terms);
    },
    parameters.map(({ variable }) => variable),
  );
  // Read after the backward pass was handed over: a read waits for all that was, which on a GPU leaves it idle.
  const losses = readLosses(terms);
  tf.dispose([value, ...Object.values(terms)]);
  return { losses, grads };
}

/** The mean of what batches gave, a missing gradient counting as zero; its parts are disposed. */
function averaged(parts: readonly (Tensor | null)[]): Tensor | null {
  const present = parts.filter((gradient): gradient is Tensor => gradient !== null);
  if (present.length === 0) return null;
  const mean = tf.tidy(() => tf.mul(tf.addN([...present]), 1 / parts.length));
  tf.dispose(present);
  return mean;
}

/** A loss or gradient that is not a number: where it came from, and the batch it came with. */
export class NonFiniteError extends CytobenchError {
  constructor(
    readonly term: string,
    value: number,
    readonly batches: readonly (readonly Sample[])[],
  ) {
    super(`${term} is ${value}`, {
      where: batches.flatMap((batch) => batch.map(({ id }) => id)).join(', '),
      fix: 'Lower optimizer.learningRate, or set training.clipNorm.',
    });
  }
}

export function requireFinite(
  losses: Readonly<Record<string, number>>,
  norm: number,
  batches: readonly (readonly Sample[])[],
): void {
  const bad = Object.keys(losses).find((name) => !Number.isFinite(losses[name]));
  if (bad !== undefined) throw new NonFiniteError(bad, losses[bad], batches);
  if (!Number.isFinite(norm)) throw new NonFiniteError('the gradient', norm, batches);
}

/**
 * One optimizer step. It owns nothing of the batches and leaves no tensor behind. A loss or gradient that is not a
 * number moves nothing: the caller finds it in the metrics.
 */
export function takeStep(
  trainingState: TrainingState,
  batches: readonly (readonly Sample[])[],
  state: TrainingProgress,
  total: number,
  config: ExperimentConfig,
): StepMetrics {
  const work = (): StepMetrics => step(trainingState, batches, state, total, config);
  return withCapture(trainingState.model.capture, work);
}

function step(
  { model, optimizer, average }: TrainingState,
  batches: readonly (readonly Sample[])[],
  state: TrainingProgress,
  total: number,
  config: ExperimentConfig,
): StepMetrics {
  const started = performance.now();
  const { clipNorm } = config.training;
  const at = { seed: config.seed, step: state.step };
  const gradients = stepGradients(model, optimizer.parameters, batches, at);
  try {
    const norm = gradientNorm(gradients.grads);
    const rate = learningRate(
      config.optimizer.learningRate,
      config.schedule,
      state.schedule,
      state.step,
      total,
    );
    if (Number.isFinite(norm) && Number.isFinite(gradients.total)) {
      optimizer.step(gradients.grads, {
        rate: ({ name }) => rate * learningRateMultiplier(config.optimizer, name),
        scale: clipNorm !== null && norm > clipNorm ? clipNorm / (norm + 1e-6) : 1,
        done: state.step,
      });
      average?.update(state.step);
    }
    // The gradients are disposed below.
    const own = gradients.grads.filter((gradient) => gradient !== null).length;
    return {
      type: 'step',
      step: state.step,
      epoch: state.epoch,
      losses: gradients.losses,
      total: gradients.total,
      learningRate: rate,
      gradientNorm: norm,
      tensors: tf.memory().numTensors - own,
      rssMb: Math.round(process.memoryUsage.rss() / 1e6),
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    disposeGradients(gradients.grads);
  }
}
