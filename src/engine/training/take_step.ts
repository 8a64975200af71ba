import { tf } from '../../backend/tf';
import type { Sample } from '../../data/sample';
import type { ExperimentConfig } from '../config/types';
import type { StepMetrics } from '../run/run_folder';
import type { TrainingState } from '../run/saved_state';
import type { Trainee } from './checkpoint';
import { gradientNorm, rateFactor } from './optimizer';
import { learningRate } from './schedule';
import { disposeGradients, stepGradients } from './step';

/**
 * One optimizer step. It owns nothing of the batches and leaves no tensor behind. A loss or gradient that is not a
 * number moves nothing: the caller finds it in the metrics.
 */
export function takeStep(
  { model, optimizer, average }: Trainee,
  batches: readonly (readonly Sample[])[],
  state: TrainingState,
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
        rate: ({ name }) => rate * rateFactor(config.optimizer, name),
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
