// Augmentation none, basic (flips, quarter turns), full (also colour, distortion, blur), all else equal.
// The report: AP50 0.412, 0.438 (+6.3 %), 0.455 (+10.4 %); one seed, one split, no interval.
//   npx cytobench experiment augmentation --data DIR --preset cpu --seeds 0,1,2      about 5 minutes a run on one core
import type { Experiment } from '../src/config/experiment';

export const experiment = {
  name: 'augmentation',
  claim: 'AP50 is 0.412 without augmentation, 0.438 with flips and turns, 0.455 with all of it.',
  claims: [
    { variant: 'basic', difference: 0.026, words: '0.412 to 0.438 (+6.3 %)' },
    { variant: 'full', difference: 0.043, words: '0.412 to 0.455 (+10.4 %)' },
  ],
  sections: ['curves'],
  config: {},
  variants: {
    none: { augmentation: { level: 'none' } },
    basic: { augmentation: { level: 'basic' } },
    full: { augmentation: { level: 'full' } },
  },
} as const satisfies Experiment;
