import type { Attribute } from './native_op';
import type { Tensor } from './tf';

/**
 * Values that kernels hand on in bfloat16, where products round them anyway: two in each int32 along the last axis, so
 * that [N, H, W, C] is an int32 tensor of [N, H, W, C / 2]. The gradient of a packed tensor is float32 and not packed.
 */
export function isPacked(x: Tensor): boolean {
  return x.dtype === 'int32';
}

/** The type of an op's argument that may be packed. */
export function typeOf(packed: boolean): Attribute {
  return { type: packed ? 'int32' : 'float32' };
}
