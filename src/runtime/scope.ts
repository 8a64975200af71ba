import { tf } from './tf';

/**
 * Disposes every tensor made in `work` and returns what it computed, which must hold none. `tf.tidy` itself would
 * search a returned array element by element for tensors: seconds for a layer's weights.
 */
export function scoped<T>(work: () => T): T {
  let result: T | undefined;
  tf.tidy(() => {
    result = work();
  });
  return result as T;
}
