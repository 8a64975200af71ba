import { createProgress } from '../../core/progress';
import type { Dataset } from '../../data/dataset';
import { recordToSample } from '../../data/record';
import type { Sample } from '../../data/sample';
import { LOSS_NAMES, type LossName, type MaskRcnn } from '../../detection/mask_rcnn';
import { evaluateCoco } from '../../metrics/coco';
import { type EvaluationImage, truthImage } from '../../metrics/evaluation_image';
import type { Instances } from '../../structures/instances';
import type { ExperimentConfig } from '../config/types';
import type { Validation } from './trainer';

/** Images that are never augmented and shared with nothing, held for repeated validation. */
export interface ValidationSet {
  readonly samples: readonly Sample[];
  readonly truth: readonly EvaluationImage[];
}

/** Loads the images `ids` as they are. */
export async function loadValidationSet(
  dataset: Dataset,
  ids: readonly string[],
  groupOf: (id: string) => string = (id) => dataset.groups[id] ?? id,
): Promise<ValidationSet> {
  const samples: Sample[] = [];
  // Truth is everything that is labelled, however small.
  for (const id of ids) samples.push(recordToSample(await dataset.load(id), 1));
  return {
    samples,
    truth: samples.map((sample) => truthImage(sample, dataset.classes.length, groupOf(sample.id))),
  };
}

/** Predictions for every image. */
export function predictSet(model: MaskRcnn, samples: readonly Sample[], enlarge: number): Instances[] {
  const progress = createProgress({ label: 'predicting', total: samples.length, unit: 'images' });
  const predictions = samples.map((sample, i) => {
    progress.update(i, sample.id);
    return model.detect([sample], { enlarge })[0];
  });
  progress.finish();
  return predictions;
}

/** Losses as in testing, with fixed sampling, and AP50 of the masks. No state is touched. */
export function validate(model: MaskRcnn, set: ValidationSet, config: ExperimentConfig): Validation {
  const { images, enlarge, maxDets } = config.validation;
  const samples = images === null ? set.samples : set.samples.slice(0, images);
  const losses = {} as Record<LossName, number>;
  for (const name of LOSS_NAMES) losses[name] = 0;
  for (const sample of samples) {
    const values = model.evaluateLosses([sample], enlarge);
    for (const name of LOSS_NAMES) losses[name] += values[name] / samples.length;
  }
  const predictions = predictSet(model, samples, enlarge);
  const { AP50 } = evaluateCoco(set.truth.slice(0, samples.length), predictions, {
    classes: config.model.numClasses - 1,
    maxDets,
  });
  return { losses, total: LOSS_NAMES.reduce((sum, name) => sum + losses[name], 0), AP50: Math.max(AP50, 0) };
}
