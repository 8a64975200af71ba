import type { Change } from './acted';

const validated = ['validation.every=1'];
const epochs = ['training.steps=null', 'training.epochs=3', 'data.limit=3', 'data.groupBy=none'];
const plateau = [
  ...epochs,
  'schedule.kind=plateau',
  'schedule.patience=0',
  'schedule.startEpoch=0',
  'schedule.minLearningRate=0',
  'optimizer.learningRate=1e-9',
];
const adamw = ['optimizer.kind=adamw'];
const live = ['model.norm=live'];
const resized = ['model.image.resize=always', 'model.image.minSize=96', 'model.image.maxSize=160'];
/** Untrained classes score about 1 / 5: without a threshold under that nothing is found. */
const found = ['model.box.scoreThreshold=0'];

/** One change for every key of the schema, and where it shows. */
export const CHANGES: readonly Change[] = [
  { key: 'seed', value: 7 },
  { key: 'model.backbone', value: 'resnet18', base: ['model.weights=none'] },
  { key: 'model.architecture', value: 'resnet18_fpn', base: ['model.weights=none'] },
  { key: 'model.weights', value: 'none' },
  { key: 'model.freeze', value: ['backbone.'] },
  { key: 'model.norm', value: 'live' },
  { key: 'model.normEpsilon', value: 0.1 },
  { key: 'model.headNorm', value: 'live' },
  { key: 'model.fpnChannels', value: 16 },
  { key: 'model.image.mean', value: [0.4, 0.4, 0.4] },
  { key: 'model.image.std', value: [0.4, 0.4, 0.4] },
  { key: 'model.image.resize', value: 'always', base: ['model.image.minSize=96'] },
  { key: 'model.image.minSize', value: 128, base: resized },
  { key: 'model.image.maxSize', value: 80, base: resized },
  { key: 'model.anchors.sizes', value: [[4], [8], [16], [32], [64]] },
  { key: 'model.anchors.aspectRatios', value: [0.7, 1, 1.4] },
  { key: 'model.rpn.convDepth', value: 2 },
  { key: 'model.rpn.preNmsTopNTrain', value: 50 },
  { key: 'model.rpn.preNmsTopNTest', value: 50, base: validated },
  { key: 'model.rpn.postNmsTopNTrain', value: 10 },
  { key: 'model.rpn.postNmsTopNTest', value: 1, base: found },
  { key: 'model.rpn.nmsThreshold', value: 0.3 },
  { key: 'model.rpn.foregroundIou', value: 0.5 },
  { key: 'model.rpn.backgroundIou', value: 0.1 },
  { key: 'model.rpn.batchSizePerImage', value: 64 },
  { key: 'model.rpn.positiveFraction', value: 0.01 },
  { key: 'model.box.head', value: 'conv' },
  { key: 'model.box.representationSize', value: 32 },
  { key: 'model.box.foregroundIou', value: 0.7 },
  { key: 'model.box.batchSizePerImage', value: 8 },
  { key: 'model.box.positiveFraction', value: 0.1 },
  { key: 'model.box.scoreThreshold', value: 0.9, base: validated },
  { key: 'model.box.nmsThreshold', value: 0.05, base: found },
  { key: 'model.box.detectionsPerImage', value: 1, base: found },
  { key: 'model.mask.depth', value: 2 },
  { key: 'data.synthetic.images', value: 12 },
  { key: 'data.synthetic.width', value: 96 },
  { key: 'data.synthetic.height', value: 96 },
  { key: 'data.synthetic.seed', value: 2 },
  { key: 'data.validationShare', value: 0.6 },
  { key: 'data.groupBy', value: 'none' },
  { key: 'data.minInstancePixels', value: 200 },
  { key: 'data.limit', value: 5 },
  { key: 'data.sampling', value: 'rareClasses', base: ['data.limit=6', 'training.steps=4'] },
  { key: 'normalisation.times', value: 2 },
  { key: 'augmentation.level', value: 'full' },
  { key: 'augmentation.transforms', value: [{ name: 'GaussNoise', p: 1 }] },
  { key: 'augmentation.crop', value: 48 },
  { key: 'augmentation.scale', value: 1.5 },
  { key: 'augmentation.minVisible', value: 1, base: ['augmentation.crop=40'] },
  { key: 'training.epochs', value: 2, base: epochs },
  { key: 'training.steps', value: 2 },
  { key: 'training.batchSize', value: 2 },
  { key: 'training.accumulate', value: 2 },
  { key: 'training.clipNorm', value: 0.1 },
  { key: 'training.emaDecay', value: 0.5 },
  { key: 'optimizer.kind', value: 'adamw' },
  { key: 'optimizer.learningRate', value: 0.01 },
  { key: 'optimizer.momentum', value: 0.5 },
  { key: 'optimizer.weightDecay', value: 0.1 },
  { key: 'optimizer.beta1', value: 0.5, base: adamw },
  { key: 'optimizer.beta2', value: 0.5, base: adamw },
  { key: 'optimizer.epsilon', value: 0.01, base: adamw },
  { key: 'optimizer.learningRateMultipliers', value: { 'backbone.': 0.1 } },
  { key: 'schedule.kind', value: 'cosine' },
  { key: 'schedule.warmupSteps', value: 2 },
  { key: 'schedule.warmupFactor', value: 0.5, base: ['schedule.warmupSteps=2'] },
  { key: 'schedule.milestones', value: [0.3], base: ['schedule.kind=steps'] },
  { key: 'schedule.factor', value: 0.3, base: ['schedule.kind=steps', 'schedule.milestones=[0.3]'] },
  { key: 'schedule.patience', value: 5, base: plateau },
  { key: 'schedule.startEpoch', value: 9, base: plateau },
  { key: 'schedule.minLearningRate', value: 0.015, base: ['schedule.kind=cosine'] },
  { key: 'validation.on', value: 'train' },
  { key: 'validation.mode', value: 'training', base: live },
  { key: 'validation.every', value: 2, base: epochs },
  { key: 'validation.atStart', value: true },
  { key: 'validation.images', value: 2 },
  { key: 'validation.scale', value: 1.5 },
  { key: 'earlyStopping.patience', value: 1, base: [...epochs, 'earlyStopping.minimumChange=9'] },
  { key: 'earlyStopping.minimumChange', value: 9, base: [...epochs, 'earlyStopping.patience=1'] },
  { key: 'logging.tensorboard', value: true },
];

/** Keys whose effect is not in a run's numbers: each is shown by the test named. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  'model.numClasses': 'the data decides it',
  'data.dir': 'trains on the folder it is given',
  'data.emptyImages': 'keeps, skips, or gives a false box to an image without cells',
  'data.onCorrupt': 'stops before it starts at a corrupt file, or leaves it out and says so',
  'data.cacheMb': 'keeps so many megabytes of decoded images, and decodes the others again',
  'training.workers': 'is the same with 0 and 2 workers, which are there',
  'training.checkpointMinutes': 'writes a checkpoint within an epoch',
  'validation.maxDets': 'cuts what AP50 counts',
  'prediction.scoreThresholds': 'decides what counts as a cell in evaluation',
  'runtime.precision': 'computes in the precision it is asked for',
  'runtime.capture': 'hands the ops of a step over together, or one by one',
  'runtime.threads': 'gives the native runtime so many threads',
};

/** Keys that stand for others: no wire leads from them, so none can be dead. */
export const SHORTHANDS: Readonly<Record<string, string>> = {
  'model.architecture':
    'sets the defaults of model.backbone, model.norm and the rest, each with its own test',
};
