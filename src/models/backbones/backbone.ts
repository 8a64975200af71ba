import type { Mode, NormMode } from '../../nn/conv';
import type { Tensor4D } from '../../runtime/tf';

/** A network that gives feature maps of strides 4, 8, 16 and 32. */
export interface Backbone {
  readonly channels: readonly number[];
  /** [N, H, W, 3] -> four maps, finest first. */
  apply(images: Tensor4D, mode: Mode): Tensor4D[];
}

/** Norms of a backbone. */
export interface BackboneNorm {
  readonly mode: NormMode;
  readonly epsilon: number;
}
