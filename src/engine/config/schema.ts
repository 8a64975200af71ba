import { z } from 'zod';
import { ConfigError } from '../../core/errors';
import { checkTransforms } from '../../data/augmentation/transforms';
import { MODEL_NAMES } from '../../detection/config';
import type { ExperimentConfig } from './types';

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.number().int().positive();
const steps = z.number().int().min(0);
const triple = z.array(z.number()).length(3);

const model = z.strictObject({
  architecture: z.enum(MODEL_NAMES as [string, ...string[]]),
  weights: z.string().min(1),
  freeze: z.array(z.string()),
  backbone: z.enum(['resnet18', 'resnet50', 'efficientnet_lite0']),
  norm: z.enum(['frozen', 'live']),
  normEpsilon: z.number().min(0),
  headNorm: z.enum(['none', 'live']),
  numClasses: z.number().int().min(2),
  fpnChannels: count,
  image: z.strictObject({
    mean: triple,
    deviation: triple,
    resize: z.enum(['always', 'testing', 'never']),
    minSize: count,
    maxSize: count,
  }),
  anchors: z.strictObject({
    sizes: z.array(z.array(positive).min(1)).length(5, 'one list of sizes for each of the 5 pyramid levels'),
    aspectRatios: z.array(positive).min(1),
  }),
  rpn: z.strictObject({
    convDepth: count,
    preNmsTopNTrain: count,
    preNmsTopNTest: count,
    postNmsTopNTrain: count,
    postNmsTopNTest: count,
    nmsThreshold: share,
    foregroundIou: share,
    backgroundIou: share,
    batchSizePerImage: count,
    positiveFraction: share,
  }),
  box: z.strictObject({
    head: z.enum(['mlp', 'conv']),
    representationSize: count,
    foregroundIou: share,
    batchSizePerImage: count,
    positiveFraction: share,
    scoreThreshold: share,
    nmsThreshold: share,
    detectionsPerImage: count,
  }),
  mask: z.strictObject({ depth: count }),
});

const schema = z
  .strictObject({
    seed: z.number().int().min(0),
    model,
    data: z.strictObject({
      dir: z.string().nullable(),
      synthetic: z.strictObject({ images: count, width: count, height: count, seed: steps }),
      validationShare: share,
      groupBy: z.string().nullable(),
      minInstancePixels: count,
      limit: count.nullable(),
      sampling: z.enum(['uniform', 'rareClasses']),
      emptyImages: z.enum(['keep', 'skip', 'falseBox']),
      onCorrupt: z.enum(['stop', 'skip']),
    }),
    normalisation: z.strictObject({ times: z.literal([1, 2]) }),
    augmentation: z.strictObject({
      level: z.enum(['none', 'basic', 'full']),
      transforms: z.array(z.looseObject({ name: z.string() })).nullable(),
      crop: count.nullable(),
      enlarge: positive,
      minVisible: share,
    }),
    training: z.strictObject({
      epochs: count,
      steps: count.nullable(),
      batchSize: count,
      accumulate: count,
      workers: steps,
      clipNorm: positive.nullable(),
      emaDecay: share.lt(1).nullable(),
      checkpointMinutes: positive,
    }),
    optimizer: z.strictObject({
      kind: z.enum(['sgd', 'adamw']),
      beta1: share.lt(1),
      beta2: share.lt(1),
      epsilon: positive,
      learningRate: positive,
      momentum: share,
      weightDecay: z.number().min(0),
      rateFactors: z.record(z.string(), z.number().min(0)),
    }),
    schedule: z.strictObject({
      kind: z.enum(['constant', 'steps', 'cosine', 'plateau']),
      warmupSteps: steps,
      warmupFactor: share,
      milestones: z.array(share),
      factor: share,
      patience: steps,
      startEpoch: steps,
      minimumRate: z.number().min(0),
    }),
    validation: z.strictObject({
      on: z.enum(['val', 'train']),
      mode: z.enum(['evaluation', 'training']),
      atStart: z.boolean(),
      every: steps,
      images: count.nullable(),
      enlarge: positive,
      maxDets: count,
    }),
    earlyStopping: z.strictObject({ patience: count.nullable(), minimumChange: z.number().min(0) }),
    prediction: z.strictObject({ scoreThresholds: z.union([share, z.array(share).min(1)]) }),
    runtime: z.strictObject({
      precision: z.enum(['auto', 'float32', 'bfloat16']),
      threads: count.nullable(),
    }),
    logging: z.strictObject({ tensorboard: z.boolean() }),
  })
  .superRefine((config, context) => {
    const { rpn } = config.model;
    const reject = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path.split('.'), message });
    if (rpn.backgroundIou > rpn.foregroundIou)
      reject('model.rpn.backgroundIou', `is over foregroundIou (${rpn.foregroundIou})`);
    if (config.schedule.kind === 'plateau' && config.validation.every === 0)
      reject('schedule.kind', 'plateau needs a validation loss, and validation.every is 0');
    const { resize } = config.model.image;
    if (resize === 'always' && (config.augmentation.enlarge !== 1 || config.augmentation.crop !== null))
      reject(
        'model.image.resize',
        "the model's own resize would undo augmentation.enlarge and crop; use testing or never",
      );
    if (resize !== 'never' && config.validation.enlarge !== 1)
      reject(
        'model.image.resize',
        "the model's own resize would undo validation.enlarge; use never, or enlarge 1",
      );
    if (config.earlyStopping.patience !== null && config.validation.every === 0)
      reject('earlyStopping.patience', 'needs a validation loss, and validation.every is 0');
  });

/** Throws one line naming the first setting that is of a wrong type, out of range, or at odds with another. */
export function checkConfig(config: ExperimentConfig): void {
  const result = schema.safeParse(config);
  if (result.success) {
    if (config.augmentation.transforms) checkTransforms(config.augmentation.transforms);
    return;
  }
  const { path, message } = result.error.issues[0];
  const value = path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    config,
  );
  throw new ConfigError(`${path.join('.')}: ${message} (it is ${JSON.stringify(value)})`);
}
