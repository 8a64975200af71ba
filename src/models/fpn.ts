import type { MaskRcnnConfig } from '../config/schema';
import { Conv, type Mode } from '../nn/conv';
import { kaimingUniform } from '../nn/init';
import type { ParameterStore } from '../nn/parameters';
import { add } from '../runtime/ops/elementwise';
import { type Tensor4D, tf } from '../runtime/tf';

/** Feature pyramid (Lin et al. 2017) with a fifth level of stride 64 taken from the fourth. */
export class FeaturePyramid {
  private readonly inner: readonly Conv[];
  private readonly layer: readonly Conv[];

  constructor(store: ParameterStore, channels: readonly number[], config: MaskRcnnConfig) {
    const conv = (kind: 'inner' | 'layer', level: number, inputs: number, size: number): Conv => {
      const prefix = `backbone.fpn.${kind}_blocks.${level}`;
      const live = config.headNorm === 'live';
      return new Conv(store, {
        name: `${prefix}.0`,
        inputs,
        outputs: config.fpnChannels,
        size,
        bias: !live,
        norm: live ? { mode: 'live', epsilon: 1e-5, name: `${prefix}.1` } : undefined,
        init: kaimingUniform,
      });
    };
    this.inner = channels.map((inputs, level) => conv('inner', level, inputs, 1));
    this.layer = channels.map((_, level) => conv('layer', level, config.fpnChannels, 3));
  }

  /** Four maps [N, H_l, W_l, C_l] -> five [N, H_l, W_l, fpnChannels]. */
  apply(maps: readonly Tensor4D[], mode: Mode): Tensor4D[] {
    const out: Tensor4D[] = new Array(maps.length);
    let top: Tensor4D | undefined;
    for (let level = maps.length - 1; level >= 0; level--) {
      const lateral = this.inner[level].apply(maps[level], mode);
      top = top
        ? add(lateral, tf.image.resizeNearestNeighbor(top, [lateral.shape[1], lateral.shape[2]]))
        : lateral;
      out[level] = this.layer[level].apply(top, mode);
    }
    return [...out, tf.maxPool(out[out.length - 1], 1, 2, 'valid')];
  }
}
