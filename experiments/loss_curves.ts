// Losses over up to 30 epochs: all five terms, training and validation, learning rate, early stopping.
// The report: training falls from above 1 to near 0.5, validation stays near 0.8 from about epoch 5.
//   npx cytobench experiment loss_curves --data DIR --preset cpu      at most 10 minutes on two cores
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'loss_curves',
  claim:
    'The training loss falls from above 1 to near 0.5; the validation loss is flat near 0.8 from about epoch 5.',
  sections: ['curves'],
  config: { augmentation: { level: 'basic' } },
  presets: {
    cpu: {
      training: { steps: null, epochs: 6 },
      optimizer: { learningRate: 0.005 },
      schedule: { kind: 'plateau', warmupSteps: 150, startEpoch: 2, patience: 1 },
      validation: { every: 1, images: 8 },
      earlyStopping: { patience: 3 },
    },
  },
  variants: { base: {} },
} as const satisfies Experiment;
