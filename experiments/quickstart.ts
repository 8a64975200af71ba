// Quickstart: a first model, from ImageNet weights to cells found, in minutes.
// The report claims nothing about it.
//   npm run demo                                                                  synthetic tissue
//   npx cytobench train quickstart --data DIR --preset cpu                        real cells, about 10 minutes on two cores
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'quickstart',
  claim: '',
  sections: ['curves', 'examples'],
  config: {},
  variants: {
    base: {},
    // Measured on synthetic tissue of 256 px: AP50 0.63 after 200 steps at this rate, 0 at a tenth of it.
    demo: {
      model: { weights: 'nuclei' },
      data: { synthetic: { images: 60, width: 256, height: 256, seed: 1 }, validationShare: 0.2 },
      augmentation: { level: 'basic', crop: null, scale: 1 },
      training: { steps: 200, batchSize: 1, clipNorm: 10 },
      optimizer: { learningRate: 0.02, weightDecay: 0.0001 },
      schedule: { kind: 'steps', warmupSteps: 50, warmupFactor: 0.02, factor: 0.1, milestones: [0.75, 0.92] },
      validation: { every: 1, atStart: true, scale: 1 },
      earlyStopping: { patience: null },
    },
  },
} as const satisfies Experiment;
