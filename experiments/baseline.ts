// The report's model without its optimisations: the library's anchors, no augmentation, no refinement.
// The report: AP50 about 0.340, from ImageNet weights as its text says; its code starts from COCO weights.
//   npx cytobench experiment baseline --data DIR --preset cpu      about 5 minutes a variant on one core
//   npx cytobench experiment baseline --data DIR --preset full     30 epochs, for a GPU
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'baseline',
  claim: 'The model without optimisations reaches AP50 0.340.',
  claims: [
    {
      variant: 'text',
      against: 'random',
      difference: 0.34,
      words: 'base model about 0.340; a model that has learned nothing has 0',
    },
  ],
  sections: ['curves', 'examples'],
  config: {
    model: { anchors: { sizes: [[32], [64], [128], [256], [512]] } },
    augmentation: { level: 'none' },
  },
  presets: {
    // No COCO weights are published for the light model: both variants start where its weights are, or from none.
    smoke: { model: { weights: 'imagenet' } },
    cpu: { model: { weights: 'imagenet' } },
    full: {
      model: { weights: 'coco', image: { resize: 'always' } },
      augmentation: { crop: null },
      earlyStopping: { patience: 5 },
    },
  },
  variants: {
    // The preset decides: COCO weights in `full`, as the report's code; ImageNet weights in `cpu` and `smoke`.
    code: {},
    text: { model: { weights: 'imagenet' } },
    random: { model: { weights: 'none' } },
  },
} as const satisfies Experiment;
