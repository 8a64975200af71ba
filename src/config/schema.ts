// Every setting of a run: its type and range, its default, its unit, its meaning, and what a preset changes.
// Types, defaults, checks, `cytobench settings`, docs/settings.md and the completion in notebooks derive from here.
import { ConfigError } from '../core/errors';
import { checkTransforms, type Transform } from '../data/transforms/transforms';
import { ARCHITECTURE_NAMES, ARCHITECTURES, type ArchitectureName, BACKBONE_NAMES } from './architectures';
import type { PresetName } from './presets';
import {
  build,
  count,
  decay,
  either,
  flag,
  flatten,
  list,
  name,
  named,
  nonNegative,
  nullable,
  oneOf,
  positive,
  type Setting,
  setting,
  share,
  table,
  text,
  type Values,
  whole,
} from './setting';

const rgb = list(nonNegative, { length: 3 });

/** Every setting, section by section. Of `model`, an architecture changes some defaults: see architectures.ts. */
export const SETTINGS = {
  seed: setting(
    whole,
    0,
    'Seed of everything random: initial weights, split, order of images, augmentation, sampling.',
  ),
  model: {
    architecture: setting(
      oneOf(ARCHITECTURE_NAMES),
      'resnet50_fpn_v2',
      'The detector: a backbone with a feature pyramid and Mask R-CNN heads.',
      {
        presets: { smoke: 'efficientnet_lite0_fpn', cpu: 'efficientnet_lite0_fpn' },
      },
    ),
    weights: setting(
      name,
      'coco',
      "Initial weights: 'imagenet' (the backbone), 'coco' (the whole model), 'nuclei' (the model that comes with the product, of the light architecture), 'none' (random), the name of a published file, or a .pth or .safetensors file. Default: coco where it is published, else imagenet.",
    ),
    freeze: setting(
      list(text),
      [],
      'Parameters that are not trained: those whose name starts with one of these, such as "backbone.".',
    ),
    backbone: setting(
      oneOf(BACKBONE_NAMES),
      'resnet50',
      'The network that makes the feature maps. An architecture sets it.',
    ),
    norm: setting(
      oneOf(['frozen', 'live']),
      'frozen',
      'Batch norms of the backbone: frozen (their statistics are constants) or live (torchvision: live in v2).',
    ),
    normEpsilon: setting(
      nonNegative,
      1e-5,
      "Epsilon of the backbone's norms: 1e-3 in EfficientNet-Lite, 0 with torchvision's maskrcnn_resnet50_fpn_coco weights.",
    ),
    headNorm: setting(
      oneOf(['none', 'live']),
      'none',
      'Batch norms in the pyramid and the heads: live in v2.',
    ),
    numClasses: setting(count, 5, 'Classes with the background. A run takes it from its data.'),
    fpnChannels: setting(count, 256, 'Channels of the feature pyramid.'),
    image: {
      mean: setting(
        rgb,
        [0.485, 0.456, 0.406],
        'Mean of each channel that is subtracted from pixels in 0..1.',
      ),
      std: setting(
        rgb,
        [0.229, 0.224, 0.225],
        'Standard deviation of each channel that pixels are divided by.',
      ),
      resize: setting(
        oneOf(['always', 'testing', 'never']),
        'never',
        "When the model resizes images to minSize and maxSize: always, in testing alone (torchvision's _skip_resize), or never, so that the network sees images at the scale that augmentation.scale and validation.scale say.",
      ),
      minSize: setting(count, 800, 'Shorter side after the resize.', { unit: 'pixels' }),
      maxSize: setting(count, 1333, 'Limit of the longer side after the resize.', { unit: 'pixels' }),
    },
    anchors: {
      sizes: setting(
        list(list(positive, { least: 1 }), {
          length: 5,
          message: 'one list of sizes for each of the 5 pyramid levels',
        }),
        [[8], [16], [32], [64], [128]],
        "Sides of the anchors, one list a pyramid level. torchvision's: 32, 64, 128, 256, 512; the report's: 8 to 128.",
        { unit: "pixels of the network's input" },
      ),
      aspectRatios: setting(
        list(positive, { least: 1 }),
        [0.5, 1, 2],
        'Height over width of the anchors of every level.',
      ),
    },
    rpn: {
      convDepth: setting(
        count,
        1,
        'Convolutions of 3 x 3 in the head of the region proposal network: 2 in v2.',
      ),
      preNmsTopNTrain: setting(count, 2000, 'Proposals before NMS, per pyramid level, in training.'),
      preNmsTopNTest: setting(count, 1000, 'Proposals before NMS, per pyramid level, in testing.'),
      postNmsTopNTrain: setting(count, 2000, 'Proposals after NMS, per image, in training.'),
      postNmsTopNTest: setting(count, 1000, 'Proposals after NMS, per image, in testing.'),
      nmsThreshold: setting(share, 0.7, 'IoU over which the NMS of proposals drops the one of lower score.'),
      foregroundIou: setting(share, 0.7, 'IoU with a true cell from which an anchor is positive.'),
      backgroundIou: setting(share, 0.3, 'IoU under which an anchor is negative.'),
      batchSizePerImage: setting(
        count,
        256,
        'Anchors sampled per image for the losses of the region proposal network.',
      ),
      positiveFraction: setting(share, 0.5, 'Largest share of positive anchors among those sampled.'),
    },
    box: {
      head: setting(
        oneOf(['mlp', 'conv']),
        'mlp',
        'Box head: mlp (two fully connected layers) or conv (four convolutions with norms and one such layer; v2).',
      ),
      representationSize: setting(count, 1024, 'Width of the fully connected layers of the box head.'),
      foregroundIou: setting(share, 0.5, 'IoU with a true cell from which a proposal is positive.'),
      batchSizePerImage: setting(
        count,
        512,
        'Proposals sampled per image for the losses of box and mask head.',
      ),
      positiveFraction: setting(share, 0.25, 'Largest share of positive proposals among those sampled.'),
      scoreThreshold: setting(share, 0.05, 'Detections under this score are dropped by the model.'),
      nmsThreshold: setting(
        share,
        0.5,
        'IoU over which the NMS of detections of one class drops the one of lower score.',
      ),
      detectionsPerImage: setting(
        count,
        300,
        "Most detections of an image, all classes together. torchvision's: 100.",
      ),
    },
    mask: {
      depth: setting(count, 4, 'Convolutions of the mask head.'),
    },
  },
  data: {
    dir: setting(nullable(text), null, 'Folder in the dataset layout; null: synthetic tissue.'),
    synthetic: {
      images: setting(count, 24, 'Images of synthetic tissue.', { presets: { smoke: 16 } }),
      width: setting(count, 256, 'Their width.', { unit: 'pixels', presets: { smoke: 128 } }),
      height: setting(count, 256, 'Their height.', { unit: 'pixels', presets: { smoke: 128 } }),
      seed: setting(whole, 1, 'Seed of the tissue.'),
    },
    // Four slides of synthetic tissue in smoke, two on each side: the fewest that an interval over groups needs.
    validationShare: setting(
      share,
      0.2,
      'Share of the groups (slides, patients) that are kept for validation.',
      { presets: { smoke: 0.5 } },
    ),
    groupBy: setting(
      nullable(text),
      null,
      'What part of an id names its group: none, prefix:N or regex:…; null: as dataset.json says, else each image its own.',
    ),
    minInstancePixels: setting(
      count,
      6,
      'Instances of fewer pixels are not cells: after augmentation, as the network sees them.',
      { unit: 'pixels' },
    ),
    limit: setting(nullable(count), null, 'Use only the first so many images; null: all.'),
    sampling: setting(
      oneOf(['uniform', 'rareClasses']),
      'uniform',
      'uniform: each image once an epoch; rareClasses: drawn with replacement, images of rare classes more often.',
    ),
    emptyImages: setting(
      oneOf(['keep', 'skip', 'falseBox']),
      'keep',
      "Images without cells: keep (they train the proposals), skip, or falseBox (one cell of one pixel, as the report's code gave them).",
    ),
    cacheMb: setting(count, 256, 'Decoded images that are kept in memory, over all workers.', { unit: 'MB' }),
    onCorrupt: setting(
      oneOf(['stop', 'skip']),
      'stop',
      'A file that cannot be read ends the run before it starts (stop), or is left out and counted (skip).',
    ),
  },
  normalisation: {
    times: setting(
      oneOf([1, 2]),
      1,
      "How often the pixels are normalised: once; the report's code did it twice.",
    ),
  },
  augmentation: {
    level: setting(
      oneOf(['none', 'basic', 'full']),
      'full',
      'What happens to training images after crop and scale, unless transforms lists it: none, basic (flips, quarter turns), full (colour, blur, distortion too).',
      { presets: { smoke: 'basic', cpu: 'basic' } },
    ),
    transforms: setting(
      nullable(named<Transform>('transforms')),
      null,
      "A list of one's own in place of the level's.",
    ),
    crop: setting(nullable(count), null, 'Side of a random crop; null: the whole image.', {
      unit: 'pixels of the file',
      presets: { cpu: 256, full: 512 },
    }),
    scale: setting(
      positive,
      1,
      "Scale at which the network sees training images: pixels of the network's input per pixel of the file.",
      { presets: { cpu: 1.5 } },
    ),
    minVisible: setting(share, 0.25, 'A cell of which a crop leaves less than this share is dropped.'),
  },
  training: {
    epochs: setting(count, 30, 'Passes over the training images.'),
    steps: setting(nullable(count), null, 'Optimizer steps; where it is not null it overrides epochs.', {
      presets: { smoke: 6, cpu: 400 },
    }),
    batchSize: setting(count, 2, 'Images in a batch.', { presets: { smoke: 1, cpu: 1 } }),
    accumulate: setting(count, 1, 'Batches whose gradients are averaged into one step.'),
    workers: setting(
      nullable(whole),
      null,
      'Threads that decode and augment images; null: one fewer than the machine has cores, at least 1 and at most 8.',
      { presets: { smoke: 0 } },
    ),
    clipNorm: setting(
      nullable(positive),
      null,
      'Largest norm of all gradients together; null: no clipping.',
      { presets: { cpu: 10 } },
    ),
    emaDecay: setting(
      nullable(decay),
      null,
      'Decay of a running average of the weights, which is what is validated and kept as best; null: none.',
    ),
    checkpointMinutes: setting(
      positive,
      5,
      'Time between checkpoints within an epoch; each epoch ends with one.',
      { unit: 'minutes' },
    ),
  },
  optimizer: {
    kind: setting(
      oneOf(['sgd', 'adamw']),
      'sgd',
      'SGD with momentum, or AdamW (Loshchilov and Hutter 2019).',
    ),
    learningRate: setting(positive, 0.001, 'Base learning rate, before schedule and multipliers.', {
      presets: { cpu: 0.005 },
    }),
    momentum: setting(share, 0.9, 'sgd: momentum.'),
    weightDecay: setting(nonNegative, 0.0005, 'sgd: added to the gradient; adamw: taken from the weight.', {
      presets: { cpu: 0.0001 },
    }),
    beta1: setting(decay, 0.9, 'adamw: decay of the mean of the gradients.'),
    beta2: setting(decay, 0.999, 'adamw: decay of the mean of their squares.'),
    epsilon: setting(positive, 1e-8, 'adamw: added to the denominator.'),
    learningRateMultipliers: setting(
      table(nonNegative),
      {},
      'Multipliers of the learning rate, by the beginning of the name of a parameter, such as {"backbone.": 0.1}.',
    ),
  },
  schedule: {
    kind: setting(
      oneOf(['constant', 'steps', 'cosine', 'plateau']),
      'plateau',
      'How the learning rate changes: constant, steps (by milestones), cosine, or plateau (when the validation loss stops falling).',
      { presets: { cpu: 'steps' } },
    ),
    warmupSteps: setting(whole, 0, 'Steps over which the rate rises linearly from warmupFactor of itself.', {
      presets: { cpu: 100 },
    }),
    warmupFactor: setting(share, 0.001, 'Share of the rate at the first step of the warm-up.'),
    milestones: setting(
      list(share),
      [0.7, 0.9],
      'steps: shares of the run after which the rate is multiplied by factor.',
    ),
    factor: setting(share, 0.5, 'steps and plateau: what the rate is multiplied by.', {
      presets: { cpu: 0.1 },
    }),
    patience: setting(
      whole,
      3,
      'plateau: epochs without a better validation loss, counted from startEpoch.',
      { unit: 'epochs' },
    ),
    startEpoch: setting(whole, 5, 'plateau: the first epoch that counts.', { unit: 'epochs' }),
    minLearningRate: setting(nonNegative, 1e-5, 'The base rate never falls below this.'),
  },
  validation: {
    on: setting(
      oneOf(['val', 'train']),
      'val',
      'val: the images kept for it; train: the training images themselves, to see a model overfit.',
    ),
    mode: setting(
      oneOf(['evaluation', 'training']),
      'evaluation',
      "How losses are computed: evaluation (norms as in testing, fixed sampling) or training (as the report's code: random samples, and running statistics that are updated).",
    ),
    atStart: setting(
      flag,
      false,
      'Also validate once before the first step, to see what the initial weights find.',
    ),
    every: setting(whole, 1, 'Epochs between validations; the last epoch is always validated. 0: never.', {
      unit: 'epochs',
      presets: { cpu: 2 },
    }),
    images: setting(
      nullable(count),
      null,
      'Most images of a validation during training; null: all. `evaluate` always takes all.',
      { presets: { smoke: 2, cpu: 8 } },
    ),
    scale: setting(
      positive,
      1,
      'Scale at which the network sees whole images, in validation and prediction: pixels of its input per pixel of the file.',
      { presets: { cpu: 1.5 } },
    ),
    maxDets: setting(count, 300, "COCO's limit on detections, per image and class."),
  },
  earlyStopping: {
    patience: setting(
      nullable(count),
      10,
      'Validations without an improvement of the loss by minimumChange after which training stops; null: never.',
      { presets: { cpu: null } },
    ),
    minimumChange: setting(nonNegative, 0.001, 'The least improvement that counts.'),
  },
  prediction: {
    scoreThresholds: setting(
      either(share, list(share, { least: 1 })),
      0.5,
      'Score from which a detection counts for PQ, AJI, F1 and counts: one for all classes, or one each.',
    ),
  },
  runtime: {
    precision: setting(
      oneOf(['auto', 'float32', 'tf32', 'bfloat16']),
      'float32',
      'Precision of products: auto is bfloat16 where a short measurement says that the processor gains from it; tf32 is for a GPU, which then rounds factors to 11 bits. A run keeps what was chosen when it is resumed.',
      { presets: { cpu: 'auto' } },
    ),
    capture: setting(
      oneOf(['auto', 'on', 'off']),
      'auto',
      'Whether the ops of a step, and of a prediction, are handed to TensorFlow together, as functions: the same results with a hundredth of the calls. auto: off, unless CYTOBENCH_CAPTURE=1; it was compared to the bit on CPUs and has not been run on a card yet.',
    ),
    threads: setting(nullable(count), null, 'Threads of the native runtime; null: all cores.'),
  },
  logging: {
    tensorboard: setting(flag, false, 'Also write TensorBoard event files.'),
  },
};

/** Everything that a run is made of. Plain data: the `config` of `config.json`. */
export interface ExperimentConfig extends Values<typeof SETTINGS> {}

/** What a Mask R-CNN is built from. All of it is read at construction; nothing can be set afterwards. */
export type MaskRcnnConfig = Omit<ExperimentConfig['model'], 'architecture' | 'weights' | 'freeze'>;

/** Differences from something, at any depth; lists are replaced whole. */
export type Differences<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Differences<T[K]> }
    : T;

/** Every setting by its dotted key. */
export const SETTING_LIST: readonly (readonly [key: string, setting: Setting<unknown>])[] = flatten(SETTINGS);

/** The report's settings on an architecture. */
export function defaultConfig(architecture: ArchitectureName): ExperimentConfig {
  const config = build(SETTINGS, ({ value }) => value) as unknown as ExperimentConfig;
  const { coco } = ARCHITECTURES[architecture];
  const model = { ...networkOf(architecture), architecture, weights: coco ? 'coco' : 'imagenet', freeze: [] };
  return { ...config, model: { ...config.model, ...model } };
}

/** What an architecture builds, by its defaults. */
export function networkOf(architecture: ArchitectureName): MaskRcnnConfig {
  const {
    architecture: _,
    weights: _weights,
    freeze: _freeze,
    ...base
  } = build(SETTINGS.model, ({ value }) => value) as unknown as ExperimentConfig['model'];
  const { image, rpn, box, ...rest } = ARCHITECTURES[architecture].network;
  return {
    ...base,
    ...rest,
    image: { ...base.image, ...image },
    rpn: { ...base.rpn, ...rpn },
    box: { ...base.box, ...box } as MaskRcnnConfig['box'],
  };
}

/** What a preset changes before an experiment does. */
export function presetDifferences(preset: PresetName): Differences<ExperimentConfig> {
  return build(SETTINGS, ({ presets }) => presets[preset]) as Differences<ExperimentConfig>;
}

/** Rules between settings: the key that is told, and what is wrong with it; undefined where nothing is. */
const RULES: readonly [key: string, problem: (config: ExperimentConfig) => string | undefined][] = [
  [
    'model.rpn.backgroundIou',
    ({ model: { rpn } }) =>
      rpn.backgroundIou > rpn.foregroundIou ? `is over foregroundIou (${rpn.foregroundIou})` : undefined,
  ],
  [
    'schedule.kind',
    ({ schedule, validation }) =>
      schedule.kind === 'plateau' && validation.every === 0
        ? 'plateau needs a validation loss, and validation.every is 0'
        : undefined,
  ],
  [
    'model.image.resize',
    ({ model, augmentation }) =>
      model.image.resize === 'always' && (augmentation.scale !== 1 || augmentation.crop !== null)
        ? "the model's own resize would undo augmentation.scale and crop; use testing or never"
        : undefined,
  ],
  [
    'model.image.resize',
    ({ model, validation }) =>
      model.image.resize !== 'never' && validation.scale !== 1
        ? "the model's own resize would undo validation.scale; use never, or scale 1"
        : undefined,
  ],
  [
    'earlyStopping.patience',
    ({ earlyStopping, validation }) =>
      earlyStopping.patience !== null && validation.every === 0
        ? 'needs a validation loss, and validation.every is 0'
        : undefined,
  ],
];

/** Throws one line naming the first setting that is of a wrong type, out of range, or at odds with another. */
export function checkConfig(config: ExperimentConfig): void {
  for (const [key, { problems }] of SETTING_LIST) {
    const [first] = problems(valueAt(config, key));
    if (first) throw wrong(config, [key, ...first.path.map(String)].join('.'), first.message);
  }
  for (const [key, problem] of RULES) {
    const message = problem(config);
    if (message) throw wrong(config, key, message);
  }
  if (config.augmentation.transforms) checkTransforms(config.augmentation.transforms);
}

function wrong(config: ExperimentConfig, key: string, message: string): ConfigError {
  return new ConfigError(`${key}: ${message} (it is ${JSON.stringify(valueAt(config, key))})`);
}

/** The value of a setting by its dotted key. */
export function valueAt(config: ExperimentConfig, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], config);
}
