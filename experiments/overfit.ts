// Overfitting eight images: the first thing to try on any new data. A model that cannot learn eight images by heart has a
// fault in its data, its rate or its sizes, and no amount of training will fix it.
// The report claims nothing about it.
//   npx cytobench train overfit:light --preset cpu                       synthetic tissue: AP50 over 0.95 in about 8 minutes
//   npx cytobench train overfit:resnet18 --preset cpu                    random weights, live norms: over 0.80
//   npx cytobench train overfit:light --preset cpu --data DIR            eight images of your own
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'overfit',
  claim: '',
  sections: ['curves', 'examples'],
  config: {
    data: { synthetic: { images: 8, width: 256, height: 256, seed: 1 }, limit: 8 },
    augmentation: { level: 'none', crop: null, scale: 1 },
    training: { steps: 800, batchSize: 1, clipNorm: 10 },
    optimizer: { kind: 'sgd', learningRate: 0.02, momentum: 0.9, weightDecay: 0.0005 },
    schedule: { kind: 'constant', warmupSteps: 50, warmupFactor: 0.02 },
    validation: { on: 'train', every: 25, scale: 1 },
    earlyStopping: { patience: null },
  },
  variants: {
    light: { model: { architecture: 'efficientnet_lite0_fpn' } },
    resnet18: {
      training: { steps: 500 },
      model: { architecture: 'resnet18_fpn', weights: 'none', norm: 'live', image: { resize: 'never' } },
    },
  },
} as const satisfies Experiment;
