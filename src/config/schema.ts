import { z } from 'zod';
import { ConfigError } from '../core/errors';
import { type AugmentationLevel, checkTransforms, type Transform } from '../data/transforms/transforms';
import { type MaskRcnnConfig, MODEL_NAMES, MODELS, type ModelName } from './architectures';

/** The size of a run. */
export type PresetName = 'smoke' | 'cpu' | 'full';
export const PRESETS: readonly PresetName[] = ['smoke', 'cpu', 'full'];

export interface ModelSection extends MaskRcnnConfig {
  readonly architecture: ModelName;
  /**
   * Where the weights start: 'starter' (trained on synthetic tissue, class predictors fresh), 'imagenet' (backbone),
   * 'coco' (whole model), 'none' (random), or a file.
   */
  readonly weights: string;
  /** Stages of the backbone that are not trained: parameters whose name starts with one of these. */
  readonly freeze: readonly string[];
}

export interface DataSection {
  /** A folder in the data set layout; null: synthetic tissue of `synthetic`. */
  readonly dir: string | null;
  readonly synthetic: {
    readonly images: number;
    readonly width: number;
    readonly height: number;
    readonly seed: number;
  };
  /** Share of the groups kept for validation. */
  readonly validationShare: number;
  /** none, prefix:N or regex:…: what part of an id names its group; null: `dataset.json`, else each image its own. */
  readonly groupBy: string | null;
  /** Instances of fewer pixels are not cells: after augmentation, in pixels the network sees. */
  readonly minInstancePixels: number;
  /** Use the first so many images alone; null: all. */
  readonly limit: number | null;
  /** uniform: each image once an epoch; rareClasses: drawn with replacement, images of rare classes more often. */
  readonly sampling: 'uniform' | 'rareClasses';
  /** keep: an image without cells trains the proposals; skip: it is left out; falseBox: it gets one cell of one pixel, as the report's code gave it. */
  readonly emptyImages: 'keep' | 'skip' | 'falseBox';
  /** A file that cannot be read ends the run before it starts, or is left out and counted. */
  readonly onCorrupt: 'stop' | 'skip';
}

export interface NormalisationSection {
  /** How often mean and standard deviation are taken out of the pixels: once; the report's code did it twice. */
  readonly times: 1 | 2;
}

export interface AugmentationSection {
  /** What happens after crop and scaling, unless `transforms` says it. */
  readonly level: AugmentationLevel;
  /** A list of one's own in place of the level's. */
  readonly transforms: readonly Transform[] | null;
  /** Side of a random crop in pixels of the file; null: the whole image. */
  readonly crop: number | null;
  /** Factor by which the crop is scaled for the network. */
  readonly scale: number;
  /** A cell of which less than this share is left after a crop goes. */
  readonly minVisible: number;
}

export interface TrainingSection {
  readonly epochs: number;
  /** Optimizer steps; overrides `epochs` where it is not null. */
  readonly steps: number | null;
  readonly batchSize: number;
  /** Batches whose gradients are averaged into one step. */
  readonly accumulate: number;
  /** Threads that decode and augment. */
  readonly workers: number;
  /** Largest norm of all gradients together; null: no clipping. */
  readonly clipNorm: number | null;
  /** Decay of a running average of the weights, which is what is validated and kept as best; null: none. */
  readonly emaDecay: number | null;
  /** Minutes between checkpoints within an epoch; each epoch ends with one. */
  readonly checkpointMinutes: number;
}

export interface OptimizerSection {
  readonly kind: 'sgd' | 'adamw';
  readonly learningRate: number;
  /** sgd */
  readonly momentum: number;
  /** sgd: added to the gradient; adamw: taken from the weight (Loshchilov and Hutter 2019). */
  readonly weightDecay: number;
  /** adamw */
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Factors of the learning rate by the beginning of a parameter's name. */
  readonly learningRateMultipliers: Readonly<Record<string, number>>;
}

export interface ScheduleSection {
  readonly kind: 'constant' | 'steps' | 'cosine' | 'plateau';
  /** Steps over which the rate rises linearly from `warmupFactor` of itself. */
  readonly warmupSteps: number;
  readonly warmupFactor: number;
  /** steps: shares of the run after which the rate is multiplied by `factor`. */
  readonly milestones: readonly number[];
  readonly factor: number;
  /** plateau: epochs without a better validation loss, counted from `startEpoch`. */
  readonly patience: number;
  readonly startEpoch: number;
  readonly minLearningRate: number;
}

export interface ValidationSection {
  /** val: the images kept for it; train: the training images themselves, to see a model overfit. */
  readonly on: 'val' | 'train';
  /** Losses as in testing with fixed sampling; `training`: as the report's code, random samples and moving norms. */
  readonly mode: 'evaluation' | 'training';
  /** Epochs between validations; the last epoch is always validated. 0: never. */
  readonly every: number;
  /** Also once before the first step, to see what the starting weights find. */
  readonly atStart: boolean;
  /** At most this many images each time; null: all. The final evaluation always takes all. */
  readonly images: number | null;
  /** Factor by which whole images are scaled for the network. */
  readonly scale: number;
  /** COCO's limit, per image and class. */
  readonly maxDets: number;
}

export interface EarlyStoppingSection {
  /** Validations without an improvement of the loss by `minimumChange`; null: never stop early. */
  readonly patience: number | null;
  readonly minimumChange: number;
}

export interface PredictionSection {
  /** Score from which a detection counts for PQ, AJI, F1 and counts: one for all classes, or one each. */
  readonly scoreThresholds: number | readonly number[];
}

export interface RuntimeSection {
  /** auto: bfloat16 where a short measurement says that the processor gains from it; kept by the run on resume. */
  readonly precision: 'auto' | 'float32' | 'bfloat16';
  /** Threads of the native runtime; null: all cores. */
  readonly threads: number | null;
}

export interface LoggingSection {
  /** Also write TensorBoard event files. */
  readonly tensorboard: boolean;
}

/** Everything a run is made of. Plain data: what is in `config.json`. */
export interface ExperimentConfig {
  readonly seed: number;
  readonly model: ModelSection;
  readonly data: DataSection;
  readonly normalisation: NormalisationSection;
  readonly augmentation: AugmentationSection;
  readonly training: TrainingSection;
  readonly optimizer: OptimizerSection;
  readonly schedule: ScheduleSection;
  readonly validation: ValidationSection;
  readonly earlyStopping: EarlyStoppingSection;
  readonly prediction: PredictionSection;
  readonly runtime: RuntimeSection;
  readonly logging: LoggingSection;
}

/** Differences from something, at any depth; lists are replaced whole. */
export type Differences<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Differences<T[K]> }
    : T;

/** What the report says of one variant: a difference of AP50 on its own data and model. */
export interface Claim {
  readonly variant: string;
  /** A step after the model, by its name in the ablation: what it does to the variant, in place of a comparison. */
  readonly step?: string;
  /** Compared with; default: the first variant. */
  readonly against?: string;
  /** variant - against; 0: the report's text says that nothing should change. */
  readonly difference: number;
  /** Where the report says it, in a few words. */
  readonly words: string;
}

/** What a report of an experiment shows beside its table. */
export type ReportSection = 'curves' | 'thresholds' | 'refinement' | 'pictures';

/** One file of `experiments/`. */
export interface Experiment {
  readonly name: string;
  /** What the report claims, in one sentence; empty where it claims nothing. */
  readonly claim: string;
  readonly claims?: readonly Claim[];
  readonly sections?: readonly ReportSection[];
  /** Differences from the defaults that all variants share. */
  readonly config: Differences<ExperimentConfig>;
  /** Differences by preset, applied after `config`. */
  readonly presets?: Readonly<Partial<Record<PresetName, Differences<ExperimentConfig>>>>;
  /** Named variants, the first being the one others are compared with. */
  readonly variants: Readonly<Record<string, Differences<ExperimentConfig>>>;
}

/** The report's settings; every default of a run stands here. */
export function defaultConfig(architecture: ModelName): ExperimentConfig {
  return {
    seed: 0,
    model: {
      ...MODELS[architecture],
      architecture,
      weights: architecture === 'efficientnet_lite0_fpn' ? 'imagenet' : 'coco',
      freeze: [],
    },
    data: {
      dir: null,
      synthetic: { images: 24, width: 256, height: 256, seed: 1 },
      validationShare: 0.2,
      groupBy: null,
      minInstancePixels: 6,
      limit: null,
      sampling: 'uniform',
      emptyImages: 'keep',
      onCorrupt: 'stop',
    },
    normalisation: { times: 1 },
    augmentation: { level: 'full', transforms: null, crop: null, scale: 1, minVisible: 0.25 },
    training: {
      epochs: 30,
      steps: null,
      batchSize: 2,
      accumulate: 1,
      workers: 1,
      clipNorm: null,
      emaDecay: null,
      checkpointMinutes: 5,
    },
    optimizer: {
      kind: 'sgd',
      learningRate: 0.001,
      momentum: 0.9,
      weightDecay: 0.0005,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      learningRateMultipliers: {},
    },
    schedule: {
      kind: 'plateau',
      warmupSteps: 0,
      warmupFactor: 0.001,
      milestones: [0.7, 0.9],
      factor: 0.5,
      patience: 3,
      startEpoch: 5,
      minLearningRate: 1e-5,
    },
    validation: {
      on: 'val',
      mode: 'evaluation',
      every: 1,
      atStart: false,
      images: null,
      scale: 1,
      maxDets: 300,
    },
    earlyStopping: { patience: 5, minimumChange: 0.001 },
    prediction: { scoreThresholds: 0.5 },
    runtime: { precision: 'float32', threads: null },
    logging: { tensorboard: false },
  };
}

/** What a preset changes before an experiment does. */
export const PRESET_DIFFERENCES: Readonly<Record<PresetName, Differences<ExperimentConfig>>> = {
  smoke: {
    model: { architecture: 'efficientnet_lite0_fpn' },
    // Four slides, two on each side: the least that an interval over groups needs.
    data: { synthetic: { images: 16, width: 128, height: 128, seed: 1 }, validationShare: 0.5 },
    augmentation: { level: 'basic' },
    training: { steps: 6, batchSize: 1, workers: 0 },
    validation: { images: 2 },
  },
  cpu: {
    model: { architecture: 'efficientnet_lite0_fpn' },
    augmentation: { level: 'basic', crop: 256, scale: 1.5 },
    training: { steps: 400, batchSize: 1, clipNorm: 10 },
    optimizer: { learningRate: 0.005, weightDecay: 0.0001 },
    schedule: { kind: 'steps', warmupSteps: 100, factor: 0.1 },
    validation: { every: 0, scale: 1.5 },
    earlyStopping: { patience: null },
    runtime: { precision: 'auto' },
  },
  full: { model: { architecture: 'resnet50_fpn_v2' } },
};

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
    std: triple,
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
      scale: positive,
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
      learningRateMultipliers: z.record(z.string(), z.number().min(0)),
    }),
    schedule: z.strictObject({
      kind: z.enum(['constant', 'steps', 'cosine', 'plateau']),
      warmupSteps: steps,
      warmupFactor: share,
      milestones: z.array(share),
      factor: share,
      patience: steps,
      startEpoch: steps,
      minLearningRate: z.number().min(0),
    }),
    validation: z.strictObject({
      on: z.enum(['val', 'train']),
      mode: z.enum(['evaluation', 'training']),
      atStart: z.boolean(),
      every: steps,
      images: count.nullable(),
      scale: positive,
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
    if (resize === 'always' && (config.augmentation.scale !== 1 || config.augmentation.crop !== null))
      reject(
        'model.image.resize',
        "the model's own resize would undo augmentation.scale and crop; use testing or never",
      );
    if (resize !== 'never' && config.validation.scale !== 1)
      reject(
        'model.image.resize',
        "the model's own resize would undo validation.scale; use never, or scale 1",
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
