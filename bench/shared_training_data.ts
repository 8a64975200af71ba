// Folds of one study share training images. How often do intervals over five folds hold the true difference of two learners that
// really learn: that of the models trained on these folds, and that of models trained on fresh data of the same size?
//   npm run build && node dist/bench/shared_training_data.js [studies]      about a minute for 2,000
import { createRng, type Rng } from '../src/core/rng';
import { crossedDifference, type Trained } from '../src/metrics/statistics/crossed';
import { studentInterval } from '../src/metrics/statistics/interval';

const FEATURES = 8;

/** Samples of one group (a slide): features shifted together, and a class that hangs on them. */
interface Group {
  readonly x: readonly Float64Array[];
  readonly y: readonly number[];
}

function drawGroup(rng: Rng, size: number): Group {
  const shift = Float64Array.from({ length: FEATURES }, () => rng.normal(0, 0.4));
  const bias = rng.normal(0, 0.5);
  const x = Array.from({ length: size }, () => shift.map((value) => value + rng.normal()));
  const y = x.map((row) => (row[0] + 0.7 * row[1] + 0.4 * row[2] + bias + rng.normal(0, 1.2) > 0 ? 1 : -1));
  return { x, y };
}

/** Least squares on the first `used` features with a ridge, from samples drawn again with replacement: its training noise. */
function learn(rng: Rng, groups: readonly Group[], used: number): Float64Array {
  const size = used + 1;
  const matrix = Array.from({ length: size }, (_, i) => {
    const row = new Float64Array(size + 1);
    row[i] = 1;
    return row;
  });
  for (const { x, y } of groups)
    for (let draw = 0; draw < x.length; draw++) {
      const i = rng.integer(0, x.length);
      const row = [...x[i].subarray(0, used), 1];
      for (let a = 0; a < size; a++) {
        for (let b = 0; b < size; b++) matrix[a][b] += row[a] * row[b];
        matrix[a][size] += row[a] * y[i];
      }
    }
  return solve(matrix);
}

/** Gaussian elimination of a positive definite system, the right side in the last column. */
function solve(matrix: Float64Array[]): Float64Array {
  const n = matrix.length;
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const factor = matrix[j][i] / matrix[i][i];
      for (let k = i; k <= n; k++) matrix[j][k] -= factor * matrix[i][k];
    }
  const weights = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = matrix[i][n];
    for (let k = i + 1; k < n; k++) sum -= matrix[i][k] * weights[k];
    weights[i] = sum / matrix[i][i];
  }
  return weights;
}

function accuracy(weights: Float64Array, { x, y }: Group): number {
  const used = weights.length - 1;
  let right = 0;
  for (const [i, row] of x.entries()) {
    let sum = weights[used];
    for (let k = 0; k < used; k++) sum += weights[k] * row[k];
    if (sum > 0 === y[i] > 0) right++;
  }
  return right / y.length;
}

export interface SharedCoverage {
  /** Share of intervals that hold the mean difference of the models of the five folds, on all groups there could be. */
  readonly ofTheseModels: number;
  /** The same of the mean difference of models trained on fresh data. */
  readonly ofFreshData: number;
}

/** Two learners, of three and of all features, compared over five folds of `groups` groups of 20 samples. */
export function sharedCoverage(groups: number, studies: number, seed: number): SharedCoverage {
  const rng = createRng(seed).fork('shared training data');
  const world = Array.from({ length: 400 }, () => drawGroup(rng, 20));
  const onWorld = (weights: Float64Array): number =>
    world.reduce((sum, one) => sum + accuracy(weights, one) / world.length, 0);
  const foldOf = Int32Array.from({ length: groups }, (_, g) => g % 5);
  const found: { low: number; high: number; ofModels: number }[] = [];
  for (let i = 0; i < studies; i++) {
    const data = Array.from({ length: groups }, () => drawGroup(rng, 20));
    const truths = [0, 0];
    const variants = [3, FEATURES].map((used, v): Trained => {
      const models = Array.from({ length: 5 }, (_, fold) =>
        learn(
          rng,
          data.filter((_, g) => foldOf[g] !== fold),
          used,
        ),
      );
      truths[v] = models.reduce((sum, weights) => sum + onWorld(weights) / 5, 0);
      const pseudo = Float64Array.from(data, (group, g) => accuracy(models[foldOf[g]], group));
      return { values: [pseudo.reduce((sum, value) => sum + value, 0) / groups], pseudo: [pseudo] };
    });
    const estimate = crossedDifference(variants[0], variants[1], { groups, foldOf }, { noise: null });
    if (!estimate) throw new Error('no estimate');
    found.push({ ...studentInterval(estimate, [-1, 1]), ofModels: truths[1] - truths[0] });
  }
  const fresh = found.reduce((sum, { ofModels }) => sum + ofModels / studies, 0);
  const share = (truth: (one: (typeof found)[number]) => number): number =>
    found.filter((one) => one.low <= truth(one) && truth(one) <= one.high).length / studies;
  return { ofTheseModels: share(({ ofModels }) => ofModels), ofFreshData: share(() => fresh) };
}

function main(): void {
  const studies = Number(process.argv[2] ?? 2000);
  process.stdout.write('| groups | holds: these models | holds: fresh data |\n|---|---|---|\n');
  for (const groups of [10, 15, 27, 60]) {
    const { ofTheseModels, ofFreshData } = sharedCoverage(groups, studies, 1);
    process.stdout.write(
      `| ${groups} | ${(100 * ofTheseModels).toFixed(1)} % | ${(100 * ofFreshData).toFixed(1)} % |\n`,
    );
  }
}

if (require.main === module) main();
