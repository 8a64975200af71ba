// Our own recipe for CoNSeP, against the marks of a published comparison: AP50 0.359 after 3,500 steps (consep_mark).
// It sees cells twice their size, in stains and sizes that vary, images of rare classes more often; keeps an average of
// the weights; and is let to find 600 cells an image.
//   npx cytobench train consep_best --data DIR --split SPLIT.json --preset cpu      about 55 minutes on one core
//   npx cytobench train consep_best:all --data DIR --preset cpu                     every tile, for a submission
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'consep_best',
  claim: '',
  sections: ['curves', 'refinement', 'examples'],
  config: {
    model: {
      architecture: 'efficientnet_lite0_fpn',
      rpn: { postNmsTopNTrain: 1000, postNmsTopNTest: 1000 },
      box: { scoreThreshold: 0.02, detectionsPerImage: 600 },
    },
    data: { minInstancePixels: 24, sampling: 'rareClasses' },
    augmentation: {
      crop: 200,
      scale: 2,
      minVisible: 0.25,
      transforms: [
        { name: 'HorizontalFlip', p: 0.5 },
        { name: 'VerticalFlip', p: 0.5 },
        { name: 'RandomRotate90' },
        { name: 'RandomScale', scaleLimit: [-0.2, 0.2], p: 0.7 },
        { name: 'StainAugmentation', sigma1: 0.15, sigma2: 0.1, p: 0.7 },
        {
          name: 'RandomBrightnessContrast',
          brightnessLimit: [-0.1, 0.1],
          contrastLimit: [-0.2, 0.2],
          p: 0.7,
        },
      ],
    },
    training: { steps: 5500, batchSize: 1, clipNorm: 10, emaDecay: 0.998 },
    optimizer: { learningRate: 0.005, momentum: 0.9, weightDecay: 0.0001 },
    schedule: { kind: 'cosine', warmupSteps: 300, warmupFactor: 0.01, minLearningRate: 0.00005 },
    validation: { every: 0, scale: 2, maxDets: 300 },
    earlyStopping: { patience: null },
    runtime: { precision: 'auto' },
  },
  variants: {
    best: {},
    // No tile is kept back: 108 images in place of 88, seen as often, and nothing to validate on.
    all: { training: { steps: 6750 }, validation: { on: 'train' } },
  },
} as const satisfies Experiment;
