import * as os from 'node:os';
import type { ExperimentConfig } from '../config/schema';
import { peakRssMb } from '../core/process';
import type { Loader } from '../data/loader/loader';
import type { Sample } from '../data/record';
import { Predictor } from '../inference/predictor';
import type { MaskRcnn } from '../models/mask_rcnn';
import { type Sampler, sampleFirst } from '../models/sampler';
import { imageScale } from '../models/scale';
import { affine } from '../nn/linear';
import type { Parameter } from '../nn/parameters';
import { withPrecision } from '../runtime/precision';
import { scoped } from '../runtime/scope';
import { captureReport } from '../runtime/segments';
import { type Tensor1D, type Tensor2D, tf } from '../runtime/tf';
import { totalSteps } from './loop';
import { disposeGradients, stepGradients } from './step';
import type { ValidationSet } from './validation';

/** What a run does to real images, looked at before its first step. Nothing of the run is changed by it. */
export interface Probe {
  /** Images that went through, and their sizes as the loader gave them and as the network saw them, [height, width]. */
  readonly images: readonly {
    readonly id: string;
    readonly loaded: readonly [number, number];
    readonly seen: readonly [number, number];
    readonly cells: number;
    readonly transforms: readonly string[];
  }[];
  /** Mean and standard deviation per channel that the network's input undoes, found from what it makes of black and white. */
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /** Proposals of the first image in training. */
  readonly proposals: number;
  /** Images in each batch that the loader gave. */
  readonly batches: readonly number[];
  /** What was sampled of the first batch for the losses, image by image: first anchors, then regions. */
  readonly sampled: { readonly anchors: readonly Sampled[]; readonly regions: readonly Sampled[] };
  /** What the runtime makes of 1 + 2^-9 times 1 in the model's precision: 1 where factors are rounded to bfloat16. */
  readonly product: number;
  /** The same of 1 + 2^-12, which float32 keeps and TF32, with ten bits for the fraction, does not. */
  readonly finerProduct: number;
  /** Functions of many ops that the last step's gradients called: 0 where ops run one by one; null after one step. */
  readonly functionCalls: number | null;
  /** Detections of the first validation image. */
  readonly detections: number | null;
  readonly secondsPerStep: number;
  readonly secondsPerValidatedImage: number | null;
  /** Largest resident memory so far, with what the optimizer will keep, MB. */
  readonly memoryMb: number;
}

/** How many positive and negative candidates there were, and how many of them were taken. */
export interface Sampled {
  readonly positives: number;
  readonly positivesTaken: number;
  readonly negatives: number;
  readonly negativesTaken: number;
}

/** Time and memory of a whole run, from what was probed. */
export interface Estimate {
  readonly seconds: number;
  readonly memoryMb: number;
}

/** From how many times the pixels of the first batches the largest image is tried too. */
const MORE = 1.1;
/** Timed steps; the first warms up and does not count. */
const STEPS = 3;
/** Of the matrices whose product tells the precision: large enough for a card's matrix units. */
const SIDE = 64;

/**
 * Three steps' gradients on real batches, one more on the largest image, and one detection; nothing is changed by them.
 * @param largest the sample that takes the most memory; default: one of the first.
 */
export async function probeRun(
  model: MaskRcnn,
  parameters: readonly Parameter[],
  loader: Loader,
  validation: ValidationSet | null,
  config: ExperimentConfig,
  largest?: Sample,
): Promise<Probe> {
  const restore = keepBuffers(model);
  const seconds: number[] = [];
  const seen: Sample[] = [];
  const sizes: number[] = [];
  let firstBatch: readonly Sample[] = [];
  let functionCalls = 0;
  for (let step = 0; step < STEPS; step++) {
    const batches = await firstBatches(loader, step * config.training.accumulate, config.training.accumulate);
    if (batches.length === 0) break;
    seen.push(...batches.flat());
    sizes.push(...batches.map(({ length }) => length));
    if (step === 0) [firstBatch] = batches;
    const how = { seed: config.seed, step, simulateProposals: true };
    const started = performance.now();
    const calls = captureReport().calls;
    disposeGradients(stepGradients(model, parameters, batches, how).grads);
    functionCalls = captureReport().calls - calls;
    seconds.push((performance.now() - started) / 1000);
  }
  const area = ({ height, width }: Sample): number => height * width;
  // The first batches may be small: memory is what the largest image takes.
  if (largest && area(largest) > MORE * Math.max(...seen.map(area))) {
    const batch = Array.from({ length: config.training.batchSize }, () => largest);
    const how = { seed: config.seed, step: 0, simulateProposals: true };
    disposeGradients(stepGradients(model, parameters, [batch], how).grads);
  }
  restore();
  const first = [...(validation?.samples ?? [])].sort((a, b) => area(b) - area(a))[0];
  const { scale } = config.validation;
  let validated: { detections: number; seconds: number } | null = null;
  if (first) {
    const started = performance.now();
    const { instances } = new Predictor(model).predict(first, { scale, masks: null });
    const detections = instances.scores.length;
    model.evaluateLosses([first], imageScale(first, model.config.image, 'testing', scale));
    validated = { detections, seconds: (performance.now() - started) / 1000 };
  }
  return {
    images: seen.map((sample) => ({
      id: sample.id,
      loaded: [sample.height, sample.width] as const,
      seen: sizeSeen(model, sample),
      cells: sample.labels.length,
      transforms: sample.applied ?? [],
    })),
    normalisation: normalisationOf(model),
    proposals: countProposals(model, seen[0]),
    batches: sizes,
    sampled: whatIsSampled(model, firstBatch),
    product: roundedProduct(model, 9),
    finerProduct: roundedProduct(model, 12),
    // The first step of a kind runs op by op in any case.
    functionCalls: seconds.length > 1 ? functionCalls : null,
    detections: validated?.detections ?? null,
    secondsPerStep: Math.min(...(seconds.length > 1 ? seconds.slice(1) : seconds)),
    secondsPerValidatedImage: validated?.seconds ?? null,
    memoryMb: Math.round(peakRssMb() + optimizerMb(parameters, config)),
  };
}

/** One buffer a parameter, two of AdamW: they are made with the first step. */
function optimizerMb(parameters: readonly Parameter[], { optimizer }: ExperimentConfig): number {
  const values = parameters.reduce((sum, { variable }) => sum + variable.size, 0);
  return (4 * values * (optimizer.kind === 'adamw' ? 2 : 1)) / 1e6;
}

/** What the whole run will take. */
export function estimateRun(
  probe: Probe,
  config: ExperimentConfig,
  loader: Loader,
  validationImages: number,
): Estimate {
  const steps = totalSteps(config, loader);
  const { every, images } = config.validation;
  const perEpoch = Math.ceil(loader.batchesPerEpoch / config.training.accumulate);
  const epochs = Math.ceil(steps / perEpoch);
  const validations = every > 0 ? Math.ceil(epochs / every) : 0;
  const each = (probe.secondsPerValidatedImage ?? 0) * Math.min(images ?? validationImages, validationImages);
  return { seconds: steps * probe.secondsPerStep + validations * each, memoryMb: probe.memoryMb };
}

async function firstBatches(loader: Loader, from: number, count: number): Promise<Sample[][]> {
  const batches: Sample[][] = [];
  const start = from % loader.batchesPerEpoch;
  for await (const batch of loader.epoch(0, { fromBatch: start })) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  return batches;
}

/** Live norms update their running statistics in each forward pass: they are put back. */
function keepBuffers(model: MaskRcnn): () => void {
  const kept = model.parameters
    .all()
    .filter(({ buffer }) => buffer)
    .map(({ variable }) => ({ variable, value: tf.keep(variable.clone()) }));
  return () => {
    for (const { variable, value } of kept) {
      variable.assign(value);
      value.dispose();
    }
  };
}

function sizeSeen(model: MaskRcnn, sample: Sample): readonly [number, number] {
  return scoped(() => model.batch([sample], 'training').sizes[0]);
}

/** (pixel / 255 - mean) / standard deviation, solved from the network's view of a black and of a white image. */
function normalisationOf(model: MaskRcnn): Probe['normalisation'] {
  const seen = (level: number): number[] =>
    scoped(() => {
      const image = new Uint8Array(32 * 32 * 3).fill(level);
      return [
        ...model
          .batch([{ image, height: 32, width: 32 }], 'training')
          .tensor.dataSync()
          .slice(0, 3),
      ];
    });
  const black = seen(0);
  const white = seen(255);
  const std = white.map((value, c) => 1 / (value - black[c]));
  return { mean: black.map((value, c) => -value * std[c]), std };
}

function countProposals(model: MaskRcnn, sample: Sample): number {
  return scoped(() => {
    const batch = model.batch([sample], 'training');
    const features = model.features(batch, { training: false });
    const rpn = withPrecision(model.precision, () => model.rpn.apply(features, batch));
    return model.rpn.propose(rpn, batch.sizes, true)[0].scores.length;
  });
}

/** What to do where a run will not fit: lines for a person, none where it fits. */
export function memoryAdvice(
  memoryMb: number,
  { augmentation, training }: ExperimentConfig,
  totalMb: number = os.totalmem() / 1e6,
): string[] {
  if (memoryMb < 0.9 * totalMb) return [];
  const fixes = [
    ...(training.batchSize > 1
      ? [
          `training.batchSize=${Math.ceil(training.batchSize / 2)} with training.accumulate=${2 * training.accumulate}`,
        ]
      : []),
    augmentation.crop === null
      ? 'augmentation.crop=256'
      : `augmentation.crop=${Math.round(augmentation.crop * 0.7)}`,
  ];
  return [
    `warning: ${(memoryMb / 1000).toFixed(1)} GB will hardly fit into ${(totalMb / 1000).toFixed(1)} GB; try ${fixes.join(', or ')}`,
  ];
}

/** Counts of the candidates that the samplers of both stages choose from, and of those that they take. */
function whatIsSampled(model: MaskRcnn, batch: readonly Sample[]): Probe['sampled'] {
  const calls: { available: number; taken: number }[] = [];
  const sampler: Sampler = (candidates, count) => {
    calls.push({ available: candidates.length, taken: count });
    return sampleFirst(candidates, count);
  };
  scoped(() => void model.losses(batch, { training: false, sampler, simulateProposals: true }));
  // Each image asks for positives, then for negatives: first all images for anchors, then all for regions.
  const sampled = Array.from({ length: 2 * batch.length }, (_, row): Sampled => {
    const [positive, negative] = [calls[2 * row], calls[2 * row + 1]];
    return {
      positives: positive.available,
      positivesTaken: positive.taken,
      negatives: negative.available,
      negativesTaken: negative.taken,
    };
  });
  return { anchors: sampled.slice(0, batch.length), regions: sampled.slice(batch.length) };
}

/** (1 + 2^-bits) x 1 by the kernel of the layers: bfloat16 has seven bits for the fraction, TF32 ten, float32 twenty-three. */
function roundedProduct(model: MaskRcnn, bits: number): number {
  return scoped(() =>
    withPrecision(model.precision, () => {
      const x = tf.fill([SIDE, SIDE], 1 + 2 ** -bits) as Tensor2D;
      const one = tf.eye(SIDE) as Tensor2D;
      return affine(x, one, tf.zeros([SIDE]) as Tensor1D, 'none').dataSync()[0];
    }),
  );
}
