import {
  crossedError,
  foldedError,
  foldSizes,
  foldSquaresOf,
  type Layout,
  meanOf,
  poolTrainingNoise,
  type Trained,
  type TrainingNoise,
} from './crossed';
import { studentQuantile } from './distributions';
import { variance } from './interval';

/** What a difference of two variants varies by (letters as in `crossed.ts`): enough to say how sure another design would be. */
export interface VarianceParts {
  /** Of the difference between groups: var(group[b] - group[a]). */
  readonly groups: number;
  /** Of one training of one variant, for all groups that its model scores; null where it is not known. */
  readonly training: number | null;
  /** Of one training in one group. */
  readonly rest: number;
  /** Of a fold in the difference, whatever the seeds: what its training images do. */
  readonly fold: number;
  /** Degrees of freedom that `training` was estimated with. */
  readonly freedom: number;
}

/** Another way to run a study. */
export interface StudyDesign {
  /** Groups that are scored. */
  readonly groups: number;
  /** Null: every model scores every group. */
  readonly folds: number | null;
  /** Trainings of each variant (and fold). */
  readonly seeds: number;
  readonly variants: number;
}

/** Parts of the difference b - a; `others` are all variants of the study, a and b among them. */
export function varianceParts(
  a: Trained,
  b: Trained,
  others: readonly Trained[],
  { groups, foldOf }: Layout,
  noise: TrainingNoise | null,
): VarianceParts {
  const first = meanOf(a.pseudo);
  const difference = meanOf(b.pseudo).map((y, g) => y - first[g]);
  const times = 1 / a.values.length + 1 / b.values.length;
  if (foldOf === null) {
    const rest = noise ? noise.interaction * groups : 0;
    return {
      groups: Math.max(0, variance(difference) - times * rest),
      training: noise && Math.max(0, noise.variance - noise.interaction),
      rest,
      fold: 0,
      freedom: noise?.freedom ?? 0,
    };
  }
  const { n0, folds } = foldSizes(foldOf);
  const squares = foldSquaresOf(
    difference,
    others.map(({ pseudo }) => meanOf(pseudo)),
    foldOf,
  );
  const { between, within, elsewhere, contrasts } = squares;
  const pooled = (own: number, rest: number): number => (own / 2 + (contrasts - 1) * rest) / contrasts;
  const alone = groups === folds;
  const added = alone
    ? 0
    : Math.max(0, (pooled(between, elsewhere?.between ?? 0) - pooled(within, elsewhere?.within ?? 0)) / n0);
  const freedom = contrasts * (folds - 1);
  const trainings = Math.min(a.values.length, b.values.length);
  const seeds = trainings > 1 ? noiseInFolds(others, foldOf) : null;
  const training = seeds ? seeds.training : added * trainings;
  const rest = seeds?.rest ?? 0;
  return {
    groups: Math.max(0, (alone ? between : within) - times * rest),
    training,
    rest,
    fold: 2 * Math.max(0, added - training / trainings),
    freedom,
  };
}

/** Training noise of one model and of one group, from what seeds differ by in each fold; null without several seeds. */
function noiseInFolds(
  variants: readonly Trained[],
  foldOf: Int32Array,
): { readonly training: number; readonly rest: number } | null {
  let [sum, rest, freedom] = [0, 0, 0];
  for (let fold = 0; fold <= Math.max(...foldOf); fold++) {
    const inside = [...foldOf.keys()].filter((g) => foldOf[g] === fold);
    const found = poolTrainingNoise(
      variants.map(({ pseudo }) => {
        const rows = pseudo.map((row) => Float64Array.from(inside, (g) => row[g]));
        return { values: rows.map((row) => row.reduce((all, y) => all + y, 0) / row.length), pseudo: rows };
      }),
    );
    if (!found) return null;
    const interaction = inside.length > 1 ? found.interaction : 0;
    sum += (found.variance - interaction) * found.freedom;
    rest += interaction * inside.length * found.freedom;
    freedom += found.freedom;
  }
  return { training: Math.max(0, sum / freedom), rest: rest / freedom };
}

/**
 * The mean half-width of the interval of a difference that a design would give, by the same formulas as the interval's own
 * with expected mean squares in them; null where training noise is not known, or one training a side would not tell it.
 */
export function predictHalfWidth(
  parts: VarianceParts,
  { groups, folds, seeds, variants }: StudyDesign,
  level = 0.95,
): number | null {
  const { training, rest } = parts;
  if (training === null) return null;
  const spread = parts.groups + (2 * rest) / seeds;
  if (folds !== null) {
    const foldOf = Int32Array.from({ length: groups }, (_, g) => g % folds);
    const added = training / seeds + parts.fold / 2;
    const between = spread / 2 + foldSizes(foldOf).n0 * added;
    const contrasts = groups === folds ? 1 : Math.max(1, variants - 1);
    return meanHalfWidth(
      foldedError(
        {
          between: 2 * between,
          within: spread,
          elsewhere: { between, within: spread / 2 },
          contrasts,
          length: 2,
        },
        foldOf,
      ),
      level,
    );
  }
  const freedom = seeds > 1 ? variants * (seeds - 1) : parts.freedom;
  if (freedom === 0) return null;
  const noise: TrainingNoise = {
    variance: training + rest / groups,
    freedom,
    interaction: rest / groups,
    interactionFreedom: freedom * (groups - 1),
  };
  return meanHalfWidth(crossedError(spread, noise, 2 / seeds, groups), level);
}

/** With the mean of an estimated standard deviation beside the true one: 1 - 1 / 4n + 1 / 32n^2 (Johnson, Kotz, 1994, 18.2). */
function meanHalfWidth({ error, freedom }: { error: number; freedom: number }, level: number): number {
  const less = 1 - 1 / (4 * freedom) + 1 / (32 * freedom ** 2);
  return studentQuantile((1 + level) / 2, freedom) * error * less;
}
