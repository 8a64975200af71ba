import type { ExperimentConfig } from '../config/schema';
import { nextTurn } from '../core/process';
import { createProgress } from '../core/progress';
import { createRng } from '../core/rng';
import type { Dataset } from '../data/dataset';
import { recordToSample, type Sample } from '../data/record';
import type { Instances } from '../geometry/instances';
import { Predictor } from '../inference/predictor';
import { evaluateCoco } from '../metrics/coco/evaluate';
import { type EvaluationImage, groundTruthImage } from '../metrics/evaluation_image';
import type { MaskRcnn } from '../models/mask_rcnn';
import { sampleRandom } from '../models/sampler';
import { imageScale } from '../models/scale';
import { readLosses } from '../nn/losses';
import { scoped } from '../runtime/scope';

/** What a validation finds. */
export interface Validation {
  readonly losses: Readonly<Record<string, number>>;
  readonly total: number;
  readonly AP50: number;
}

/** Images that are never augmented and shared with nothing, held for repeated validation. */
export interface ValidationSet {
  readonly samples: readonly Sample[];
  readonly groundTruth: readonly EvaluationImage[];
}

/** Loads the images `ids` as they are. */
export async function loadValidationSet(
  dataset: Dataset,
  ids: readonly string[],
  groupOf: (id: string) => string = (id) => dataset.groups[id] ?? id,
): Promise<ValidationSet> {
  const samples: Sample[] = [];
  // Ground truth is everything that is labelled, however small.
  for (const id of ids) samples.push(recordToSample(await dataset.load(id), 1));
  return {
    samples,
    groundTruth: samples.map((sample) =>
      groundTruthImage(sample, dataset.classes.length, groupOf(sample.id)),
    ),
  };
}

/** Predictions image by image, at the scale of every other prediction; signals are heard between them. */
export async function* predictEach(
  model: MaskRcnn,
  samples: readonly Sample[],
  scale: number,
): AsyncGenerator<Instances> {
  const predictor = new Predictor(model);
  const progress = createProgress({ label: 'predicting', total: samples.length, unit: 'images' });
  for (const [i, sample] of samples.entries()) {
    progress.update(i, sample.id);
    yield predictor.predict(sample, { scale, masks: null }).instances;
    await nextTurn();
  }
  progress.finish();
}

/** Predictions for every image. */
export async function predictSet(
  model: MaskRcnn,
  samples: readonly Sample[],
  scale: number,
): Promise<Instances[]> {
  const predictions: Instances[] = [];
  for await (const found of predictEach(model, samples, scale)) predictions.push(found);
  return predictions;
}

export interface ValidateOptions {
  /** Steps done: what random samples of `validation.mode` training are drawn by. */
  readonly step: number;
  /** Asked between images; true ends the validation without a result. */
  readonly interrupted?: () => boolean;
}

/**
 * Losses as in testing, with fixed sampling, and AP50 of the masks; no state is touched. With `validation.mode` training
 * losses are those of the report's code: random samples, and live norms that take the validation images in.
 */
export async function validate(
  model: MaskRcnn,
  set: ValidationSet,
  config: ExperimentConfig,
  { step, interrupted }: ValidateOptions,
): Promise<Validation | null> {
  const { images, scale, maxDets, mode } = config.validation;
  const samples = images === null ? set.samples : set.samples.slice(0, images);
  const losses: Record<string, number> = {};
  const seenAt = (sample: Sample): number => imageScale(sample, model.config.image, 'testing', scale);
  const rng = createRng(config.seed).fork(`validation-${step}`);
  for (const [i, sample] of samples.entries()) {
    const values =
      mode === 'evaluation'
        ? model.evaluateLosses([sample], seenAt(sample))
        : trainingLosses(model, sample, seenAt(sample), rng.fork(i));
    for (const [name, value] of Object.entries(values))
      losses[name] = (losses[name] ?? 0) + value / samples.length;
    await nextTurn();
    if (interrupted?.()) return null;
  }
  const predictions: Instances[] = [];
  for await (const found of predictEach(model, samples, scale)) {
    predictions.push(found);
    if (interrupted?.()) return null;
  }
  const { AP50 } = evaluateCoco(set.groundTruth.slice(0, samples.length), predictions, {
    classes: config.model.numClasses - 1,
    maxDets,
  });
  return {
    losses,
    total: Object.values(losses).reduce((sum, value) => sum + value, 0),
    AP50: Math.max(AP50, 0),
  };
}

function trainingLosses(
  model: MaskRcnn,
  sample: Sample,
  scale: number,
  rng: ReturnType<typeof createRng>,
): Record<string, number> {
  return scoped(() =>
    readLosses(model.losses([sample], { training: true, sampler: sampleRandom(rng), scale })),
  );
}
