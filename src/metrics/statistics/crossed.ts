/**
 * Differences between variants with all that is random in them: the groups of images, and training.
 *
 * Letters: v variant, s training (seed), g group, f fold; G groups, F folds, K trainings a variant.
 * Model of a statistic's pseudo-values:  y[v,s,g] = mean[v] + group[v,g] + training[v,s,f(g)] + rest[v,s,g],
 * where without folds one model is scored on every group (F = 1), and with folds each group by the model of its own fold.
 *
 * Variance of a difference of two variants, K trainings each:
 *   var(group[b] - group[a]) / G  +  2 h var(training) / K  +  2 var(rest) / (G K),     h = sum over folds of (n_f / G)^2.
 * Each part is estimated without bias from mean squares, as in any two-way layout with random effects (Brennan,
 * Generalizability Theory, 2001, chapter 3; Owen, The pigeonhole bootstrap, 2007, for why resampling both ways as it stands
 * counts `rest` twice); the degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946).
 */
import { DIFFERENCE_OF_SHARES, type Estimate, studentP, variance } from './interval';

/** One statistic of one variant. */
export interface Trained {
  /** [trainings] over all groups. */
  readonly values: readonly number[];
  /** [trainings][groups] */
  readonly pseudo: readonly Float64Array[];
}

/** How groups and trained models meet. */
export interface Layout {
  readonly groups: number;
  /** [groups] the fold whose model scores the group; null: every model scores every group. */
  readonly foldOf: Int32Array | null;
}

/** What training again changes in a statistic over all groups of a data set. Variances of one training of one variant. */
export interface TrainingNoise {
  /** Between trainings, of the statistic. */
  readonly variance: number;
  readonly freedom: number;
  /** The part of it that differs from group to group and is in the spread of groups already: var(rest) / G. */
  readonly interaction: number;
  readonly interactionFreedom: number;
}

/**
 * Training noise pooled over the variants that were trained more than once; null where none was. Taken to be the same for
 * all variants of an experiment.
 */
export function poolTrainingNoise(variants: readonly Trained[]): TrainingNoise | null {
  let [between, freedom, rest, restFreedom] = [0, 0, 0, 0];
  for (const { values, pseudo } of variants) {
    const [trainings, groups] = [values.length, pseudo[0]?.length ?? 0];
    if (trainings < 2) continue;
    between += variance(values) * (trainings - 1);
    freedom += trainings - 1;
    rest += residualSquares(pseudo) / groups;
    restFreedom += (trainings - 1) * (groups - 1);
  }
  if (freedom === 0) return null;
  return {
    variance: between / freedom,
    freedom,
    interaction: rest / restFreedom,
    interactionFreedom: restFreedom,
  };
}

/** Sum of squares of what neither the training nor the group explains. */
function residualSquares(pseudo: readonly Float64Array[]): number {
  const groupMeans = meanOf(pseudo);
  const all = average(groupMeans);
  let sum = 0;
  for (const row of pseudo) {
    const own = average(row);
    for (let g = 0; g < row.length; g++) sum += (row[g] - own - groupMeans[g] + all) ** 2;
  }
  return sum;
}

/** An estimated part of a variance: its share in the sum, the mean square, and the degrees of freedom of that. */
interface Part {
  readonly share: number;
  readonly square: number;
  readonly freedom: number;
}

/** The sum of the parts with its degrees of freedom; never under `least`, which is known to be in it. */
function combine(
  parts: readonly Part[],
  least: Part,
): { readonly variance: number; readonly freedom: number } {
  const used = parts.filter(({ share, freedom }) => share !== 0 && freedom > 0);
  const sum = used.reduce((total, { share, square }) => total + share * square, 0);
  if (!(sum > least.share * least.square))
    return { variance: least.share * least.square, freedom: least.freedom };
  const spread = used.reduce(
    (total, { share, square, freedom }) => total + (share * square) ** 2 / freedom,
    0,
  );
  return { variance: sum, freedom: spread === 0 ? 1 : Math.max(1, Math.min(1e6, sum ** 2 / spread)) };
}

/**
 * The difference b - a of two variants over trainings and groups; null where training noise is in it but not known (one
 * training a side without folds and without `noise`). `others` are all variants of the study scored in the same folds,
 * a and b among them: with folds the noise of training is told from how variants differ between folds.
 *
 * Folds share training images, so that their models are no independent draws of a training set. The estimate is of the mean
 * difference of the models trained on folds of these images; for that an interval that takes fold models as independent
 * holds (Bayle et al., Cross-validation confidence intervals for test error, NeurIPS 2020). For models trained on fresh
 * images it need not hold (Nadeau and Bengio, Machine Learning 52, 2003; Bates, Hastie and Tibshirani, JASA 119, 2024);
 * bench/shared_training_data.ts shows by how much, with learners that learn: by nothing that can be seen.
 */
export function crossedDifference(
  a: Trained,
  b: Trained,
  layout: Layout,
  context: { readonly noise: TrainingNoise | null; readonly others?: readonly Trained[] },
): Estimate | null {
  const value = average(b.values) - average(a.values);
  const [first, second] = [meanOf(a.pseudo), meanOf(b.pseudo)];
  const difference = second.map((y, g) => y - first[g]);
  const { groups, foldOf } = layout;
  if (foldOf !== null) {
    const others = (context.others ?? [a, b]).map(({ pseudo }) => meanOf(pseudo));
    return {
      value,
      ...foldedError(foldSquaresOf(difference, others.length < 2 ? [first, second] : others, foldOf), foldOf),
    };
  }
  const { noise } = context;
  if (noise === null) return null;
  const times = 1 / a.values.length + 1 / b.values.length;
  return { value, ...crossedError(variance(difference), noise, times, groups) };
}

/**
 * Two-sided p-value of no difference, as claims are tested by: with no more degrees of freedom than groups less one. Far out,
 * where Holm's procedure looks, Satterthwaite's approximation takes five or six groups for more than they are (in
 * bench/interval_coverage.ts 5.8 % of experiments without any difference would claim one; so it is under 5 %).
 */
export function differenceP(estimate: Estimate, groups: number): number {
  const freedom = Math.min(estimate.freedom, groups - 1);
  return studentP({ ...estimate, freedom }, DIFFERENCE_OF_SHARES);
}

/** A variant's own value over trainings and groups; without known noise over groups alone. */
export function crossedValue(
  own: Trained,
  { groups, foldOf }: Layout,
  noise: TrainingNoise | null,
): Estimate {
  const value = average(own.values);
  const y = meanOf(own.pseudo);
  if (foldOf !== null) return { value, ...foldedError(foldSquaresOf(y, null, foldOf), foldOf) };
  if (noise === null) return { value, error: Math.sqrt(variance(y) / groups), freedom: groups - 1 };
  return { value, ...crossedError(variance(y), noise, 1 / own.values.length, groups) };
}

/** `spread`: variance over groups; `times`: how often the noise of one training is in the estimate. */
export function crossedError(
  spread: number,
  noise: TrainingNoise,
  times: number,
  groups: number,
): Pick<Estimate, 'error' | 'freedom'> {
  const overGroups: Part = { share: 1 / groups, square: spread, freedom: groups - 1 };
  const training: Part = { share: times, square: noise.variance, freedom: noise.freedom };
  const twice: Part = { share: -times, square: noise.interaction, freedom: noise.interactionFreedom };
  const larger = overGroups.share * overGroups.square > times * noise.variance ? overGroups : training;
  const { variance: total, freedom } = combine([overGroups, training, twice], larger);
  return { error: Math.sqrt(total), freedom };
}

/** Sums of squares of a group-wise series between and within folds. */
function sumsOfSquares(y: Float64Array, foldOf: Int32Array): { between: number; within: number } {
  const { sizes } = foldSizes(foldOf);
  const sums = new Float64Array(sizes.length);
  for (let g = 0; g < y.length; g++) sums[foldOf[g]] += y[g];
  const all = average(y);
  let [between, within] = [0, 0];
  for (let f = 0; f < sizes.length; f++)
    between += sizes[f] === 0 ? 0 : sizes[f] * (sums[f] / sizes[f] - all) ** 2;
  for (let g = 0; g < y.length; g++) within += (y[g] - sums[foldOf[g]] / sizes[foldOf[g]]) ** 2;
  return { between, within };
}

export function foldSizes(foldOf: Int32Array): { sizes: Float64Array; folds: number; h: number; n0: number } {
  const sizes = new Float64Array(Math.max(...foldOf) + 1);
  for (const fold of foldOf) sizes[fold]++;
  const folds = sizes.filter((n) => n > 0).length;
  const squares = sizes.reduce((sum, n) => sum + n * n, 0);
  const G = foldOf.length;
  return { sizes, folds, h: squares / (G * G), n0: (G - squares / G) / (folds - 1) };
}

/** Mean squares of a comparison in folds, and of all contrasts of the variants but its own. */
export interface FoldSquares {
  readonly between: number;
  readonly within: number;
  /** Of unit length, one contrast's share; `contrasts` counts them, the comparison's own with them. */
  readonly elsewhere?: { readonly between: number; readonly within: number };
  readonly contrasts: number;
  /** 2 for a difference of two variants, in which the noise of one model is twice; 1 for a value. */
  readonly length: 1 | 2;
}

/**
 * With folds: the spread over all groups, and what it leaves out of the noise that the groups of a fold share. The noise is
 * pooled over all contrasts of the variants, the spread is the comparison's own.
 */
export function foldedError(
  { between, within, elsewhere, contrasts, length }: FoldSquares,
  foldOf: Int32Array,
): Pick<Estimate, 'error' | 'freedom'> {
  const G = foldOf.length;
  const { folds, h, n0 } = foldSizes(foldOf);
  const [inside, among] = [G - folds, folds - 1];
  if (inside <= 0) return { error: Math.sqrt(between / G), freedom: among };
  const total = (among * between + inside * within) / (G - 1);
  const missing = (length * (h - (1 - h) / (G - 1))) / n0;
  const own = missing / contrasts / length;
  const ownParts: Part[] = [
    { share: among / (G * (G - 1)) + own, square: between, freedom: among },
    { share: inside / (G * (G - 1)) - own, square: within, freedom: inside },
  ];
  if (!elsewhere || contrasts === 1) {
    // With folds of one size this is Student's interval of their means: only those say what models add.
    const sum = ownParts.reduce((all, part) => all + part.share * part.square, 0);
    return { error: Math.sqrt(Math.max(sum, between / G)), freedom: among };
  }
  const share = (missing * (contrasts - 1)) / contrasts;
  const { variance: sum, freedom } = combine(
    [
      ...ownParts,
      { share, square: elsewhere.between, freedom: (contrasts - 1) * among },
      { share: -share, square: elsewhere.within, freedom: (contrasts - 1) * inside },
    ],
    { share: 1 / G, square: total, freedom: G - 1 },
  );
  return { error: Math.sqrt(sum), freedom };
}

/** Mean squares of `y`, and of what the contrasts of `others` have beside it. */
export function foldSquaresOf(
  y: Float64Array,
  others: readonly Float64Array[] | null,
  foldOf: Int32Array,
): FoldSquares {
  const { folds } = foldSizes(foldOf);
  const [inside, among] = [y.length - folds, folds - 1];
  const own = sumsOfSquares(y, foldOf);
  const base = { between: own.between / among, within: inside > 0 ? own.within / inside : 0 };
  if (others === null) return { ...base, contrasts: 1, length: 1 };
  const contrasts = others.length - 1;
  if (contrasts < 2 || inside <= 0) return { ...base, contrasts: 1, length: 2 };
  const pooled = contrastSquares(others, foldOf);
  const elsewhere = {
    between: Math.max(0, pooled.between - own.between / 2) / ((contrasts - 1) * among),
    within: Math.max(0, pooled.within - own.within / 2) / ((contrasts - 1) * inside),
  };
  return { ...base, elsewhere, contrasts, length: 2 };
}

/** Sums of squares between and within folds of what is left of the variants after the mean of each group is taken out. */
function contrastSquares(
  variants: readonly Float64Array[],
  foldOf: Int32Array,
): { between: number; within: number } {
  const mean = meanOf(variants);
  let [between, within] = [0, 0];
  for (const y of variants) {
    const found = sumsOfSquares(
      y.map((value, g) => value - mean[g]),
      foldOf,
    );
    between += found.between;
    within += found.within;
  }
  return { between, within };
}

/** [groups] the mean over rows. */
export function meanOf(rows: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(rows[0].length);
  for (const row of rows) for (let g = 0; g < row.length; g++) mean[g] += row[g] / rows.length;
  return mean;
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
