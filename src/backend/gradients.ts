import { type Scalar, type Tensor, tf, type Variable } from './tf';

export interface Gradients {
  readonly value: Scalar;
  /** One for each variable, in order; null where the loss does not depend on it. */
  readonly grads: (Tensor | null)[];
}

/**
 * Gradients of a scalar with respect to variables. Unlike `tf.variableGrads` it takes a loss that does not depend on
 * some variable: an image without instances trains the proposal network alone. The caller owns value and gradients.
 */
export function computeGradients(loss: () => Scalar, variables: readonly Variable[]): Gradients {
  const { value, grads } = tf
    .engine()
    .gradients(loss as () => Tensor, variables as unknown as Tensor[], undefined, true);
  return { value: value as Scalar, grads: grads.map((gradient) => gradient ?? null) };
}
