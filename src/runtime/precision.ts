import { hasKernels } from './kernels';

/** In what the products of convolutions and matrices are computed. Weights, sums and everything else are float32. */
export type Precision = 'float32' | 'bfloat16';

let current: Precision = 'float32';

/**
 * Every layer applied by `work` computes in this precision, and so does its gradient whenever that is taken. It takes
 * effect where the kernels are (`appliedPrecision`).
 */
export function withPrecision<T>(precision: Precision, work: () => T): T {
  const before = current;
  current = precision;
  try {
    return work();
  } finally {
    current = before;
  }
}

/** What a wish comes to: products in bfloat16 need the kernels, and without them are float32. */
export function appliedPrecision(requested: Precision): Precision {
  return hasKernels() ? requested : 'float32';
}

export function currentPrecision(): Precision {
  return current;
}
