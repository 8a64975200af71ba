import type { Experiment } from '../config/experiment';
import { CytobenchError } from '../core/errors';
import type { Ablation } from '../evaluation/ablate';
import { HEADLINE, type Headline, PRIMARY } from '../metrics/headline';
import type { TrainingNoise } from '../metrics/statistics/crossed';
import type { Interval, PairedInterval } from '../metrics/statistics/interval';
import { claimDifferences, type NoiseSource, StudyIntervals } from '../metrics/statistics/study_intervals';
import type { Tally } from '../metrics/tally';
import { type ClaimVerdict, type StudySize, verdictOn } from './verdict';

/** The images that a variant was scored on. */
export interface ScoredImages {
  readonly ids: readonly string[];
  /** [images] patient, slide or tile. */
  readonly groupOf: readonly string[];
  /** [images] the fold whose model scored the image; null without folds. */
  readonly foldOf: readonly number[] | null;
}

/** All runs of one variant: one a seed (with folds, one a seed and fold), on the same images. */
export interface VariantTallies {
  readonly variant: string;
  readonly seeds: readonly number[];
  /** One a seed, all folds together. */
  readonly tallies: readonly Tally[];
  readonly images: ScoredImages;
}

/** One row of an experiment's table. */
export interface ComparedVariant {
  readonly variant: string;
  readonly metric: Headline;
  /** One a seed. */
  readonly values: readonly (number | null)[];
  /** Of the mean over seeds; over groups, and training noise where it is known. */
  readonly interval: Interval;
  /** variant - first variant; null for the first itself, and where the images are others. */
  readonly difference: PairedInterval | null;
}

/** What the report claimed of two variants, beside what was found. */
export interface ComparedClaim extends ClaimVerdict {
  readonly variant: string;
  readonly against: string;
  readonly claimed: number;
  readonly words: string;
  readonly difference: PairedInterval;
}

export interface StudyComparison {
  readonly groups: number;
  readonly rows: readonly ComparedVariant[];
  readonly claims: readonly ComparedClaim[];
  /** What the intervals hold of training, for the primary metric. */
  readonly noise: {
    readonly source: NoiseSource;
    /** Standard deviation of AP50 between trainings of one variant; null where it is not known by itself. */
    readonly std: number | null;
    readonly freedom: number | null;
  };
  /** Comparisons of the primary metric that are tested together, by Holm's procedure. */
  readonly comparisons: number;
  /** Error rate that the claims of the study keep together. */
  readonly alpha: number;
  /** What cannot be compared, and why. */
  readonly notes: readonly string[];
}

export interface CompareOptions extends Omit<StudySize, 'comparisons'> {
  /** Default 0.05; less at one of several looks. */
  readonly alpha?: number;
  /** What steps after the model do to the first variant, for claims about them. */
  readonly steps?: readonly Ablation[] | null;
  /** Training noise from elsewhere, for variants of one seed. */
  readonly noise?: Readonly<Partial<Record<Headline, TrainingNoise>>>;
}

/** Two variants by their place. */
type Pair = readonly [a: number, b: number];

/** Every variant against the first, and every claim of the report against its numbers. */
export function compareVariants(
  variants: readonly VariantTallies[],
  { claims = [] }: Pick<Experiment, 'claims'>,
  { preset, synthetic, alpha = 0.05, noise, steps }: CompareOptions,
): StudyComparison {
  const [{ images: first }] = variants;
  const comparable = variants.filter(({ images }) => images.ids.join('\n') === first.ids.join('\n'));
  const level = 1 - alpha;
  const study = new StudyIntervals({
    groupOf: first.groupOf,
    foldOf: first.foldOf,
    tallies: comparable.map(({ tallies }) => tallies),
    noise,
  });
  const at = (name: string): number => comparable.findIndex(({ variant }) => variant === name);
  const asked = claims
    .filter(({ step }) => step === undefined)
    .map((claim) => ({ ...claim, against: claim.against ?? variants[0].variant }))
    .filter(({ variant, against }) => at(variant) >= 0 && at(against) >= 0);
  const tested = new Map<string, PairedInterval>();
  const pairs: Pair[] = [
    ...comparable.slice(1).map((_, i): Pair => [0, i + 1]),
    ...asked.map(({ variant, against }): Pair => [at(against), at(variant)]),
  ];
  // Two names of one run are not compared: nothing could differ.
  const unlike = pairs.filter(([a, b]) => !study.same(a, b));
  const distinct = new Map(unlike.map((pair) => [[...pair].sort().join(), pair]));
  const found = [...distinct.values()].map(([a, b]) => study.difference(a, b, PRIMARY, level));
  const ofSteps = claims.flatMap((claim) =>
    claim.step === undefined ? [] : [{ claim, effect: effectOf(claim.step, steps) }],
  );
  const claimed = claimDifferences([...found, ...ofSteps.map(({ effect }) => effect)], alpha);
  for (const [i, key] of [...distinct.keys()].entries()) tested.set(key, claimed[i]);
  const difference = (a: number, b: number, metric: Headline): PairedInterval => {
    const own = study.difference(a, b, metric, level);
    return metric === PRIMARY ? { ...own, shown: tested.get([a, b].sort().join())?.shown ?? false } : own;
  };
  const rows = variants.flatMap((own): ComparedVariant[] => {
    const v = comparable.indexOf(own);
    const alone = v >= 0 ? study : new StudyIntervals({ ...own.images, tallies: [own.tallies] });
    return HEADLINE.map(({ key }) => ({
      variant: own.variant,
      metric: key,
      values: alone.values(Math.max(0, v), key),
      interval: alone.value(Math.max(0, v), key, level),
      difference: v > 0 ? difference(0, v, key) : null,
    }));
  });
  const comparisons = claimed.length;
  const size: StudySize = { preset, synthetic, comparisons };
  const judged = asked.map(({ variant, against, difference: claimed, words }): ComparedClaim => {
    const own = difference(at(against), at(variant), PRIMARY);
    return { variant, against, claimed, words, difference: own, ...verdictOn(claimed, own, size) };
  });
  const judgedSteps = ofSteps.map(({ claim }, i): ComparedClaim => {
    const own = claimed[found.length + i];
    const { variant, step = '', difference: stated, words } = claim;
    return {
      variant: step,
      against: `${variant} without it`,
      claimed: stated,
      words,
      difference: own,
      ...verdictOn(stated, own, size),
    };
  });
  const { source, noise: known } = study.noise(PRIMARY);
  return {
    groups: study.groups,
    rows,
    claims: [...judged, ...judgedSteps],
    noise: { source, std: known && Math.sqrt(known.variance), freedom: known?.freedom ?? null },
    comparisons,
    alpha,
    notes: [
      ...variants
        .filter((own) => !comparable.includes(own))
        .map(({ variant }) => `${variant} was validated on other images than ${variants[0].variant}`),
      ...(source === 'unknown' && distinct.size > 0
        ? [
            'training noise is unknown: every variant was trained once, intervals are over groups alone, and no difference can be claimed',
          ]
        : []),
    ],
  };
}

/** What a step does to the primary metric. */
function effectOf(step: string, steps: readonly Ablation[] | null | undefined): PairedInterval {
  const found = steps?.find((one) => one.step === step);
  if (!found)
    throw new CytobenchError(`a claim is about the step "${step}", which was not tried`, {
      fix: `Tried: ${(steps ?? []).map((one) => one.step).join(', ') || 'none'}.`,
    });
  return found.effects[PRIMARY];
}
