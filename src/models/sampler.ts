import type { Rng } from '../core/rng';

export interface SampledIndices {
  readonly positive: Int32Array;
  readonly negative: Int32Array;
}

/** Picks `count` of `candidates`. */
export type Sampler = (candidates: Int32Array, count: number) => Int32Array;

/** Without replacement, uniformly; ascending, so that the order of a sum is fixed. */
export const sampleRandom =
  (rng: Rng): Sampler =>
  (candidates, count) => {
    if (candidates.length <= count) return candidates;
    const pool = candidates.slice();
    for (let i = 0; i < count; i++) {
      const j = rng.integer(i, pool.length);
      [pool[i], pool[j]] = [pool[j], pool[i]];
    }
    return pool.slice(0, count).sort();
  };

/** The lowest indices: what the golden files and validation losses are computed with. */
export const sampleFirst: Sampler = (candidates, count) => candidates.slice(0, count);

/** At most `size * positiveFraction` positives, filled up to `size` with negatives (torchvision's balanced sampler). */
export function sampleBalanced(
  isPositive: (i: number) => boolean,
  isNegative: (i: number) => boolean,
  total: number,
  size: number,
  positiveFraction: number,
  sampler: Sampler,
): SampledIndices {
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let i = 0; i < total; i++)
    if (isPositive(i)) positives.push(i);
    else if (isNegative(i)) negatives.push(i);
  const positive = sampler(
    Int32Array.from(positives),
    Math.min(positives.length, Math.floor(size * positiveFraction)),
  );
  const negative = sampler(Int32Array.from(negatives), Math.min(negatives.length, size - positive.length));
  return { positive, negative };
}
