import type { Tensor4D } from '../backend/tf';
import type { Conv, Mode } from './conv';

/**
 * Convolutions one after the other. What lies between two of them is released at once: gradients hold their own
 * reference to what they need, and the rest would stay to the end of the forward pass.
 */
export function applyChain(convs: readonly Conv[], x: Tensor4D, mode: Mode): Tensor4D {
  let y = x;
  convs.forEach((conv, i) => {
    const next = conv.apply(y, mode, convs[i + 1]);
    if (y !== x) y.dispose();
    y = next;
  });
  return y;
}
