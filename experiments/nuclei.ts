// The model `nuclei` that comes with the product: nuclei in fluorescence, stained tissue and cytology, one class.
// Trained on four fifths of DSB2018 (BBBC038, CC0, the only set here whose licence lets weights be shipped); sizes and
// colours vary widely, since nothing is known of the images that it will meet.
//   npx cytobench data split DIR --val 0.2 --out SPLIT.json
//   npx cytobench train nuclei --data DIR --split SPLIT.json --preset cpu --set runtime.threads=1
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'nuclei',
  claim: '',
  sections: ['curves', 'examples'],
  config: {
    model: {
      architecture: 'efficientnet_lite0_fpn',
      rpn: { postNmsTopNTrain: 1000, postNmsTopNTest: 1000 },
      box: { scoreThreshold: 0.05, detectionsPerImage: 1000 },
    },
    data: { minInstancePixels: 16 },
    augmentation: {
      crop: 192,
      scale: 1.5,
      minVisible: 0.25,
      transforms: [
        { name: 'HorizontalFlip', p: 0.5 },
        { name: 'VerticalFlip', p: 0.5 },
        { name: 'RandomRotate90' },
        { name: 'RandomScale', scaleLimit: [-0.4, 0.5], p: 0.8 },
        // By the mean of the image: a share of 255 would blacken fluorescence.
        {
          name: 'RandomBrightnessContrast',
          brightnessLimit: [-0.3, 0.3],
          contrastLimit: [-0.3, 0.6],
          brightnessByMax: false,
          p: 0.7,
        },
        {
          name: 'ColorJitter',
          brightness: [0.9, 1.1],
          contrast: [0.9, 1.1],
          saturation: [0.4, 1.4],
          hue: [-0.12, 0.12],
          p: 0.7,
        },
        { name: 'GaussianBlur', sigmaLimit: [0.5, 1.5], p: 0.2 },
      ],
    },
    training: { steps: 4500, batchSize: 1, clipNorm: 10, emaDecay: 0.998 },
    optimizer: { learningRate: 0.005, momentum: 0.9, weightDecay: 0.0001 },
    schedule: { kind: 'cosine', warmupSteps: 300, warmupFactor: 0.01, minLearningRate: 0.00005 },
    validation: { every: 0, scale: 1.5, maxDets: 1000 },
    earlyStopping: { patience: null },
    runtime: { precision: 'auto' },
  },
  variants: { shipped: {} },
} as const satisfies Experiment;
