// The recipe of a published comparison: the light model on CoNSeP crops, as torchvision was trained with it.
// torchvision's light model reaches AP50 0.291 after 1,750 steps and 0.359 after 3,500 (masks, 300 detections).
//   npx cytobench train consep_mark --data DIR --split SPLIT.json --preset cpu    about 30 minutes on two cores
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'consep_mark',
  claim: '',
  config: {
    model: { architecture: 'efficientnet_lite0_fpn', box: { scoreThreshold: 0.02 } },
    data: { minInstancePixels: 24 },
    augmentation: {
      crop: 256,
      scale: 1.5,
      minVisible: 0,
      transforms: [
        { name: 'HorizontalFlip', p: 0.5 },
        { name: 'VerticalFlip', p: 0.5 },
        { name: 'RandomRotate90' },
        { name: 'RandomBrightnessContrast', brightnessLimit: [-0.1, 0.1], contrastLimit: [-0.2, 0.2], p: 1 },
        { name: 'ChannelShift', std: 0.03 },
      ],
    },
    training: { steps: 1750, batchSize: 1, clipNorm: 10 },
    optimizer: { learningRate: 0.005, momentum: 0.9, weightDecay: 0.0001 },
    schedule: { kind: 'steps', warmupSteps: 300, factor: 0.1, milestones: [0.7, 0.9] },
    // The recipe enlarges whole images 1.5 times, to 750 px, and torchvision's transform then resizes them to 800 in
    // testing (its _skip_resize holds in training alone): 1.6 in all.
    validation: { every: 5, scale: 1.6, maxDets: 300 },
    earlyStopping: { patience: null },
    runtime: { precision: 'float32' },
  },
  variants: { steps1750: {}, steps3500: { training: { steps: 3500 } } },
} as const satisfies Experiment;
