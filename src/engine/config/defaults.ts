import { MODELS, type ModelName } from '../../detection/config';
import type { Differences, ExperimentConfig, PresetName } from './types';

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
    augmentation: { level: 'full', transforms: null, crop: null, enlarge: 1, minVisible: 0.25 },
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
      rateFactors: {},
    },
    schedule: {
      kind: 'plateau',
      warmupSteps: 0,
      warmupFactor: 0.001,
      milestones: [0.7, 0.9],
      factor: 0.5,
      patience: 3,
      startEpoch: 5,
      minimumRate: 1e-5,
    },
    validation: {
      on: 'val',
      mode: 'evaluation',
      every: 1,
      atStart: false,
      images: null,
      enlarge: 1,
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
    augmentation: { level: 'basic', crop: 256, enlarge: 1.5 },
    training: { steps: 400, batchSize: 1, clipNorm: 10 },
    optimizer: { learningRate: 0.005, weightDecay: 0.0001 },
    schedule: { kind: 'steps', warmupSteps: 100, factor: 0.1 },
    validation: { every: 0, enlarge: 1.5 },
    earlyStopping: { patience: null },
    runtime: { precision: 'auto' },
  },
  full: { model: { architecture: 'resnet50_fpn_v2' } },
};
