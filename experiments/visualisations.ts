// Images: ground truth and prediction side by side, successes and failures alike.
// The report shows successes.
//   npx cytobench experiment visualisations --data DIR --preset cpu      about 5 minutes on one core
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'visualisations',
  claim: 'Predictions outline most cells of all four classes.',
  sections: ['examples'],
  config: { augmentation: { level: 'basic' } },
  variants: { base: {} },
} as const satisfies Experiment;
