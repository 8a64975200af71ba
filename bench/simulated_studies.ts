import type { Rng } from '../src/core/rng';
import type { Layout, Trained } from '../src/metrics/statistics/crossed';

/** Standard deviations of what a simulated statistic is made of. */
export interface Spread {
  /** Of a group, the same for all variants. */
  readonly group: number;
  /** Of a group in one variant: a difference of two variants has sqrt 2 of it. */
  readonly variantByGroup: number;
  /** Of a training, the same for all groups that its model scores. */
  readonly training: number;
  /** Of a training in a group. */
  readonly rest: number;
}

export interface SimulatedDesign {
  readonly groups: number;
  /** Seeds of each variant, in order. */
  readonly seeds: readonly number[];
  /** 1: every model scores every group. */
  readonly folds: number;
  readonly spread: Spread;
  /** [variants] true values; default: all 0. */
  readonly means?: readonly number[];
}

/** Groups dealt out to folds in turn. */
export function layoutOf({ groups, folds }: Pick<SimulatedDesign, 'groups' | 'folds'>): Layout {
  return { groups, foldOf: folds === 1 ? null : Int32Array.from({ length: groups }, (_, g) => g % folds) };
}

/** A study drawn from the model of `crossed.ts`: the statistic is a mean over groups, so pseudo-values are the groups' own. */
export function drawStudy(rng: Rng, { groups, seeds, folds, spread, means }: SimulatedDesign): Trained[] {
  const common = Float64Array.from({ length: groups }, () => rng.normal(0, spread.group));
  return seeds.map((trainings, v) => {
    const own = common.map((value) => value + (means?.[v] ?? 0) + rng.normal(0, spread.variantByGroup));
    const pseudo = Array.from({ length: trainings }, () => {
      const models = Array.from({ length: folds }, () => rng.normal(0, spread.training));
      return own.map((value, g) => value + models[g % folds] + rng.normal(0, spread.rest));
    });
    const values = pseudo.map((row) => row.reduce((sum, value) => sum + value, 0) / groups);
    return { values, pseudo };
  });
}

/** Half-width of the 95 % interval of a difference of two variants of `trainings` seeds, for who knows every variance. */
export function oracleHalfWidth(design: SimulatedDesign, trainings: number): number {
  const { groups, spread } = design;
  const sizes = new Array<number>(design.folds).fill(0);
  for (let g = 0; g < groups; g++) sizes[g % design.folds]++;
  const h = sizes.reduce((sum, n) => sum + (n / groups) ** 2, 0);
  const variance =
    (2 * spread.variantByGroup ** 2) / groups +
    (2 * h * spread.training ** 2) / trainings +
    (2 * spread.rest ** 2) / (groups * trainings);
  return 1.959964 * Math.sqrt(variance);
}
