import { ConfigError } from '../../core/errors';
import { createRng } from '../../core/rng';

/**
 * The images of one epoch, as positions in the list of ids: each once, shuffled; with weights, as many draws with
 * replacement. A function of (seed, epoch) alone.
 */
export function epochOrder(
  count: number,
  seed: number,
  epoch: number,
  weights?: readonly number[],
): Int32Array {
  const rng = createRng(seed).fork('order').fork(epoch);
  if (!weights) return rng.shuffle(Int32Array.from({ length: count }, (_, i) => i));
  if (weights.length !== count || weights.some((weight) => !(weight >= 0 && Number.isFinite(weight))))
    throw new ConfigError(`weights: expected ${count} numbers from 0, one an image`);
  const sums = new Float64Array(count);
  let total = 0;
  weights.forEach((weight, i) => {
    sums[i] = total += weight;
  });
  if (total <= 0) throw new ConfigError('weights: all are 0');
  return Int32Array.from({ length: count }, () => {
    const draw = rng.next() * total;
    const found = sums.findIndex((sum) => draw < sum);
    return found < 0 ? count - 1 : found;
  });
}

/**
 * Weights that show rare classes more often: (most frequent / count of the class) ** 0.5 averaged over an image's cells;
 * an image without cells gets the least.
 * @param counts [images][K] instances a class.
 */
export function rareClassWeights(counts: readonly (readonly number[])[]): number[] {
  const classes = counts[0]?.length ?? 0;
  const totals = Array.from({ length: classes }, (_, c) => counts.reduce((sum, count) => sum + count[c], 0));
  const most = Math.max(1, ...totals);
  const rarity = totals.map((total) => (total > 0 ? Math.sqrt(most / total) : 0));
  return counts.map((count) => {
    const cells = count.reduce((sum, n) => sum + n, 0);
    return cells === 0 ? 1 : count.reduce((sum, n, c) => sum + n * rarity[c], 0) / cells;
  });
}
