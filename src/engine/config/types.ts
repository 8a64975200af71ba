import type { AugmentationLevel } from '../../data/augmentation/levels';
import type { Transform } from '../../data/augmentation/transforms';
import type { MaskRcnnConfig, ModelName } from '../../detection/config';

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
  /** How often mean and deviation are taken out of the pixels: once; the report's code did it twice. */
  readonly times: 1 | 2;
}

export interface AugmentationSection {
  /** What happens after crop and enlargement, unless `transforms` says it. */
  readonly level: AugmentationLevel;
  /** A list of one's own in place of the level's. */
  readonly transforms: readonly Transform[] | null;
  /** Side of a random crop in pixels of the file; null: the whole image. */
  readonly crop: number | null;
  /** Factor by which the network sees the crop enlarged. */
  readonly enlarge: number;
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
  readonly rateFactors: Readonly<Record<string, number>>;
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
  readonly minimumRate: number;
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
  /** Factor by which the network sees whole images enlarged. */
  readonly enlarge: number;
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

/** Everything a run is made of. Plain data: what stands in `config.json`. */
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
  /** Compared with; default: the first variant. */
  readonly against?: string;
  /** variant - against; 0: the report's text says that nothing should change. */
  readonly difference: number;
  /** Where the report says it, in a few words. */
  readonly words: string;
}

/** What a report of an experiment shows beside its table. */
export type Look = 'curves' | 'thresholds' | 'refinement' | 'pictures';

/** One file of `experiments/`. */
export interface Experiment {
  readonly name: string;
  /** What the report claims, in one sentence; empty where it claims nothing. */
  readonly claim: string;
  readonly claims?: readonly Claim[];
  readonly looks?: readonly Look[];
  /** Differences from the defaults that all variants share. */
  readonly config: Differences<ExperimentConfig>;
  /** Differences by preset, applied after `config`. */
  readonly presets?: Readonly<Partial<Record<PresetName, Differences<ExperimentConfig>>>>;
  /** Named variants, the first being the one others are compared with. */
  readonly variants: Readonly<Record<string, Differences<ExperimentConfig>>>;
}
