import { runNativeOp } from '../kernels';
import { type Tensor, tf, type Variable } from '../tf';

export interface SgdSettings {
  readonly momentum: number;
  readonly weightDecay: number;
  /** Multiplies every gradient. */
  readonly scale: number;
  /** Learning rate of each variable. */
  readonly rates: readonly number[];
}

/**
 * v = momentum v + (scale g + decay p); p = p - rate v, for all variables in one native call. Variables and velocities
 * are changed where they lie; a variable that shares its values with a clone gets values of its own first. Needs the kernels (`hasKernels`).
 *
 * @param gradients null is a gradient of zero. @param velocities of the variables' shapes.
 */
export function fusedSgd(
  variables: readonly Variable[],
  gradients: readonly (Tensor | null)[],
  velocities: readonly Tensor[],
  { momentum, weightDecay, scale, rates }: SgdSettings,
): void {
  if (!variables.length) return;
  for (const variable of variables) ownValues(variable);
  const settings = tf.tensor1d([momentum, weightDecay, scale, ...rates]);
  const none = tf.zeros([0]);
  const [done] = runNativeOp(
    'CytobenchSgd',
    { N: { int: variables.length } },
    [...variables, ...gradients.map((gradient) => gradient ?? none), ...velocities, settings],
    1,
  );
  tf.dispose([settings, none, done]);
}

/** A clone shares the values of its original until one of them changes. */
function ownValues(variable: Variable): void {
  if (tf.engine().backend.refCount(variable.dataId) < 2) return;
  const copy = tf.tidy(() => tf.mul(variable, 1));
  variable.assign(copy);
  copy.dispose();
}

/** The norm of all tensors together, as one number. Needs the kernels. */
export function fusedNorm(tensors: readonly Tensor[]): number {
  if (!tensors.length) return 0;
  const [norm] = runNativeOp('CytobenchNorm', { N: { int: tensors.length } }, tensors, 1);
  const value = norm.dataSync()[0];
  norm.dispose();
  return value;
}
