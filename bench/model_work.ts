import type { MaskRcnn } from '../src/models/mask_rcnn';
import { sampleFirst } from '../src/models/sampler';
import { type Losses, readLosses, totalLoss } from '../src/nn/losses';
import { computeGradients } from '../src/runtime/gradients';
import { type Scalar, tf } from '../src/runtime/tf';
import { Sgd } from '../src/training/optimizers';
import { disposeGradients } from '../src/training/step';
import { jobSample, type ModelJob } from './model_job';

/** Runs a part of the work under a name. */
export type Phase = <T>(name: string, part: () => T) => T;
/** One step or one prediction; its losses, or what it found. */
export type Work = (phase: Phase) => Record<string, number>;

export const untraced: Phase = (_, part) => part();

const OPTIMIZER = { momentum: 0.9, weightDecay: 5e-4 };
const RATE = 1e-5;

/** Training steps on the job's image: forward, backward, SGD. */
export function trainingWork(model: MaskRcnn, job: ModelJob): Work {
  const sample = jobSample(job);
  const parameters = model.parameters.trainable();
  const optimizer = new Sgd(parameters, OPTIMIZER);
  let done = 0;
  return (phase) => {
    let terms: Losses = {};
    const forward = (): Scalar => {
      terms = model.losses([sample], { training: true, sampler: sampleFirst });
      for (const term of Object.values(terms)) tf.keep(term);
      return totalLoss(terms);
    };
    const { value, grads } = phase('gradients', () =>
      computeGradients(
        () => phase('forward', forward),
        parameters.map(({ variable }) => variable),
      ),
    );
    const values = readLosses(terms);
    tf.dispose([value, ...Object.values(terms)]);
    phase('optimizer', () => optimizer.step(grads, { rate: () => RATE, scale: 1, done: done++ }));
    disposeGradients(grads);
    return values;
  };
}

/** Predictions of the job's image, to instances with masks. */
export function predictionWork(model: MaskRcnn, job: ModelJob): Work {
  const sample = jobSample(job);
  return (phase) => {
    const [found] = phase('detect', () => model.detect([sample]));
    return { detections: found.scores.length, best: found.scores[0] ?? 0 };
  };
}
