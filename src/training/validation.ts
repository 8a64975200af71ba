import type { ExperimentConfig } from '../config/schema';
import { nextTurn } from '../core/process';
import { createProgress } from '../core/progress';
import { createRng } from '../core/rng';
import { cropSample } from '../data/crop_sample';
import type { Dataset } from '../data/dataset';
import { recordToSample, type Sample } from '../data/record';
import type { Instances } from '../geometry/instances';
import { Predictor } from '../inference/predictor';
import { tileGrid } from '../inference/tiling';
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

/** Largest side that losses are computed on at once, pixels of the network's input: what torchvision's resize allows. */
const LOSS_TILE = 1333;
/** A cell of which less than this share is in a tile is not the tile's. */
const VISIBLE = 0.25;

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
    const tiles = lossTiles(sample, seenAt(sample));
    for (const [t, tile] of tiles.entries()) {
      const values =
        mode === 'evaluation'
          ? model.evaluateLosses([tile], seenAt(sample))
          : trainingLosses(model, tile, seenAt(sample), t === 0 ? rng.fork(i) : rng.fork(i).fork(t));
      for (const [name, value] of Object.entries(values))
        losses[name] = (losses[name] ?? 0) + value / tiles.length / samples.length;
    }
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

/**
 * The parts of an image whose losses are computed one by one, so that memory does not grow with it: the image itself where
 * the network sees at most LOSS_TILE pixels of a side.
 */
function lossTiles(sample: Sample, scale: number): readonly Sample[] {
  const { height, width } = sample;
  if (Math.max(height, width) * scale <= LOSS_TILE) return [sample];
  const tile = Math.floor(LOSS_TILE / scale);
  return tileGrid(height, width, { tile, overlap: 0 }).map(({ view }) => cropSample(sample, view, VISIBLE));
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
