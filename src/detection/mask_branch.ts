import { reshapeValues } from '../backend/packed';
import { type Scalar, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '../backend/tf';
import { applyChain } from '../layers/chain';
import { Conv, type Mode } from '../layers/conv';
import { kaimingNormal, zeros } from '../layers/init';
import { affine } from '../layers/linear';
import { binaryCrossEntropyWithLogits, zeroLoss } from '../layers/losses';
import type { Parameter, ParameterStore } from '../layers/parameters';
import type { MaskRcnnConfig } from './config';

/** Side of a mask RoI after pooling, and of the mask predicted from it. */
export const MASK_POOL = 14;
export const MASK_SIZE = 28;

/**
 * Masks of pooled regions. The transposed convolution (2 x 2, stride 2) touches each input pixel alone, so it and the
 * last layer are matrix products; its four outputs a pixel are put in their places last, on K channels instead of 256.
 */
export class MaskBranch {
  private readonly convs: readonly Conv[];
  private readonly upsample: Parameter;
  private readonly upsampleBias: Parameter;
  private readonly logits: Parameter;
  private readonly logitsBias: Parameter;

  constructor(
    store: ParameterStore,
    private readonly config: MaskRcnnConfig,
  ) {
    const { fpnChannels: width, numClasses, headNorm, mask } = config;
    this.convs = Array.from({ length: mask.depth }, (_, i) => {
      const name = `roi_heads.mask_head.${i}`;
      const live = headNorm === 'live';
      return new Conv(store, {
        name: `${name}.0`,
        inputs: width,
        outputs: width,
        size: 3,
        bias: !live,
        norm: live ? { mode: 'live', epsilon: 1e-5, name: `${name}.1` } : undefined,
        activation: 'relu',
        init: kaimingNormal,
      });
    });
    const predictor = 'roi_heads.mask_predictor';
    this.upsample = store.create(
      `${predictor}.conv5_mask.weight`,
      [width, width, 2, 2],
      'deconv',
      kaimingNormal,
    );
    this.upsampleBias = store.create(`${predictor}.conv5_mask.bias`, [width], 'vector', zeros);
    this.logits = store.create(
      `${predictor}.mask_fcn_logits.weight`,
      [numClasses, width, 1, 1],
      'conv',
      kaimingNormal,
    );
    this.logitsBias = store.create(`${predictor}.mask_fcn_logits.bias`, [numClasses], 'vector', zeros);
  }

  /** [n, 14, 14, C] -> [n, 14, 14, 2, 2, K] flattened to [n * 784, K]: pixel (2y + a, 2x + b) stands at (y, x, a, b). */
  apply(pooled: Tensor4D, mode: Mode): Tensor2D {
    const { fpnChannels: width, numClasses } = this.config;
    const hidden = applyChain(this.convs, pooled, mode);
    const pixels = pooled.shape[0] * MASK_POOL * MASK_POOL;
    // The four outputs of a pixel share one bias a channel.
    const up = affine(
      hidden.reshape([-1, width]) as Tensor2D,
      this.upsample.variable as unknown as Tensor2D,
      tf.tile(this.upsampleBias.variable as unknown as Tensor1D, [4]),
      'relu',
      width % 2 === 0,
    );
    return affine(
      reshapeValues<Tensor2D>(up, [pixels * 4, width]),
      this.logits.variable.reshape([width, numClasses]) as Tensor2D,
      this.logitsBias.variable as unknown as Tensor1D,
      'none',
    );
  }

  /** @param targets [n * 784] in 0..1, image order. @param labels [n] 1..K-1 */
  loss(logits: Tensor2D, labels: Int32Array, targets: Float32Array): Scalar {
    if (!labels.length) return zeroLoss();
    const { numClasses } = this.config;
    const chosen = tf
      .oneHot(tf.tensor1d(labels, 'int32'), numClasses)
      .reshape([labels.length, 1, numClasses]);
    const own = tf.sum(tf.mul(logits.reshape([labels.length, -1, numClasses]), chosen), 2);
    return binaryCrossEntropyWithLogits(
      own,
      tf.tensor2d(toBlocks(targets), [labels.length, MASK_SIZE * MASK_SIZE]),
    );
  }
}

/** The place of image pixel i (row by row) of a mask in the order of `apply`. */
export function blockIndex(i: number): number {
  const y = Math.floor(i / MASK_SIZE);
  const x = i % MASK_SIZE;
  return ((y >> 1) * MASK_POOL + (x >> 1)) * 4 + (y & 1) * 2 + (x & 1);
}

function toBlocks(masks: Float32Array): Float32Array {
  const size = MASK_SIZE * MASK_SIZE;
  const out = new Float32Array(masks.length);
  for (let i = 0; i < size; i++) {
    const to = blockIndex(i);
    for (let n = 0; n < masks.length; n += size) out[n + to] = masks[n + i];
  }
  return out;
}
