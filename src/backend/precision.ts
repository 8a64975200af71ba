/** In what the products of convolutions and matrices are computed. Weights, sums and everything else are float32. */
export type Precision = 'float32' | 'bfloat16';

let precision: Precision = 'float32';

/** Sets the precision of every layer applied from now on. It takes effect where the kernels are (`hasKernels`). */
export function setPrecision(value: Precision): void {
  precision = value;
}

export function currentPrecision(): Precision {
  return precision;
}
