// Each step after the model, on and off: class thresholds, size-aware scores, morphology, boundary refinement, mask NMS.
// The report: with mask refinement and score adjustment AP50 rises from about 0.40 to 0.455.
//   npx cytobench experiment refinement --data DIR --preset cpu --folds 5      about 5 minutes a fold on one core
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'refinement',
  claim: 'Mask refinement and score adjustment raise AP50 from about 0.40 to 0.455.',
  claims: [
    {
      variant: 'base',
      step: 'the report’s refinement',
      difference: 0.055,
      words: 'mask refinement and score adjustment: about 0.40 to 0.455',
    },
  ],
  sections: ['refinement', 'examples'],
  config: { augmentation: { level: 'basic' } },
  variants: { base: {} },
} as const satisfies Experiment;
