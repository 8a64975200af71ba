import type { MaskRcnnConfig } from '../../config/schema';
import { selectBoxes } from '../../geometry/boxes';
import type { CropMask } from '../../geometry/masks';
import { applyChain, Conv, type Mode } from '../../nn/conv';
import { kaimingNormal, zeros } from '../../nn/init';
import { affine } from '../../nn/linear';
import { binaryCrossEntropyWithLogits, type Losses, zeroLoss } from '../../nn/losses';
import type { Parameter, ParameterStore } from '../../nn/parameters';
import { reshapeValues } from '../../runtime/ops/bfloat16_pairs';
import { scoped } from '../../runtime/scope';
import { type Scalar, type Tensor1D, type Tensor2D, type Tensor4D, tf } from '../../runtime/tf';
import { type BoxDetections, type HeadBatch, type MaskHead, matchedMask, type Pool } from './roi_heads';

/** Side of a mask RoI after pooling, and of the mask predicted from it. */
export const MASK_POOL = 14;
export const MASK_SIZE = 28;
/** Regions whose masks are computed together: bounds the memory of an image with hundreds of cells. */
const MASK_CHUNK = 64;
const EVALUATION: Mode = { training: false };

/**
 * Masks of pooled regions (He et al. 2017), by torchvision's names. The transposed convolution (2 x 2, stride 2) touches each input pixel alone, so it and the
 * last layer are matrix products; its four outputs a pixel are put in their places last, on K channels instead of 256.
 */
export class FcnMaskHead implements MaskHead {
  readonly side = MASK_SIZE;
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

  losses(batch: HeadBatch): Losses {
    const { pool, rois, sizes, mode } = batch;
    const rows: number[] = [];
    for (let i = 0; i < rois.labels.length; i++) if (rois.labels[i] > 0) rows.push(i);
    const boxes = selectBoxes(rois.boxes, rows);
    const imageIndex = Int32Array.from(rows, (i) => rois.imageIndex[i]);
    const labels = Int32Array.from(rows, (i) => rois.labels[i]);
    const area = MASK_SIZE * MASK_SIZE;
    const wanted = new Float32Array(rows.length * area);
    rows.forEach((row, i) => {
      const image = imageIndex[i];
      const [height, width] = sizes[image];
      projectMask(matchedMask(batch, row), boxes, i, height, width, MASK_SIZE, wanted, i * area);
    });
    if (!rows.length) return { loss_mask: zeroLoss() };
    return {
      loss_mask: this.loss(this.apply(pool({ boxes, imageIndex }, MASK_POOL), mode), labels, wanted),
    };
  }

  probabilities(pool: Pool, { boxes, labels }: BoxDetections, image: number): Float32Array {
    const area = MASK_SIZE * MASK_SIZE;
    const { numClasses } = this.config;
    const out = new Float32Array(labels.length * area);
    for (let from = 0; from < labels.length; from += MASK_CHUNK) {
      const count = Math.min(MASK_CHUNK, labels.length - from);
      const rois = {
        boxes: boxes.subarray(from * 4, (from + count) * 4),
        imageIndex: new Int32Array(count).fill(image),
      };
      const logits = scoped(() => this.apply(pool(rois, MASK_POOL), EVALUATION).dataSync<'float32'>());
      for (let i = 0; i < count; i++)
        for (let p = 0; p < area; p++) {
          const logit = logits[(i * area + pixelShuffleIndex(p)) * numClasses + labels[from + i]];
          out[(from + i) * area + p] = 1 / (1 + Math.exp(-logit));
        }
    }
    return out;
  }

  /** @param targets [n * 784] in 0..1, image order. @param labels [n] 1..K-1 */
  private loss(logits: Tensor2D, labels: Int32Array, targets: Float32Array): Scalar {
    if (!labels.length) return zeroLoss();
    const { numClasses } = this.config;
    const chosen = tf
      .oneHot(tf.tensor1d(labels, 'int32'), numClasses)
      .reshape([labels.length, 1, numClasses]);
    const own = tf.sum(tf.mul(logits.reshape([labels.length, -1, numClasses]), chosen), 2);
    return binaryCrossEntropyWithLogits(
      own,
      tf.tensor2d(pixelShuffle(targets), [labels.length, MASK_SIZE * MASK_SIZE]),
    );
  }
}

/** The place of image pixel i (row by row) of a mask in the order of `apply`. */
export function pixelShuffleIndex(i: number): number {
  const y = Math.floor(i / MASK_SIZE);
  const x = i % MASK_SIZE;
  return ((y >> 1) * MASK_POOL + (x >> 1)) * 4 + (y & 1) * 2 + (x & 1);
}

function pixelShuffle(masks: Float32Array): Float32Array {
  const size = MASK_SIZE * MASK_SIZE;
  const out = new Float32Array(masks.length);
  for (let i = 0; i < size; i++) {
    const to = pixelShuffleIndex(i);
    for (let n = 0; n < masks.length; n += size) out[n + to] = masks[n + i];
  }
  return out;
}

/**
 * The ground truth of one RoI as the mask loss takes it: the instance's mask averaged over size x size bins (RoIAlign with an
 * adaptive number of samples a bin, as torchvision's project_masks_on_boxes), written row by row to `out`.
 */
export function projectMask(
  mask: CropMask,
  boxes: Float32Array,
  row: number,
  imageHeight: number,
  imageWidth: number,
  size: number,
  out: Float32Array,
  at: number,
): void {
  const [x1, y1, x2, y2] = boxes.subarray(row * 4, row * 4 + 4);
  const xs = samples(x1, x2, size, imageWidth);
  const ys = samples(y1, y2, size, imageHeight);
  const read = (y: number, x: number): number => {
    const row = y - mask.y;
    const column = x - mask.x;
    return row < 0 || column < 0 || row >= mask.height || column >= mask.width
      ? 0
      : mask.data[row * mask.width + column];
  };
  const divisor = xs.perBin * ys.perBin;
  for (let i = 0; i < size * ys.perBin; i++) {
    if (ys.low[i] < 0) continue;
    const target = at + Math.floor(i / ys.perBin) * size;
    for (let j = 0; j < size * xs.perBin; j++) {
      if (xs.low[j] < 0) continue;
      const fy = ys.fraction[i];
      const fx = xs.fraction[j];
      const top = read(ys.low[i], xs.low[j]) * (1 - fx) + read(ys.low[i], xs.high[j]) * fx;
      const bottom = read(ys.high[i], xs.low[j]) * (1 - fx) + read(ys.high[i], xs.high[j]) * fx;
      out[target + Math.floor(j / xs.perBin)] += (top * (1 - fy) + bottom * fy) / divisor;
    }
  }
}

interface Samples {
  readonly perBin: number;
  /** -1: the sample lies more than a pixel outside and counts as 0. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly fraction: Float64Array;
}

function samples(from: number, to: number, size: number, limit: number): Samples {
  const length = Math.max(to - from, 1);
  const perBin = Math.max(1, Math.ceil((to - from) / size));
  const low = new Int32Array(size * perBin);
  const high = new Int32Array(size * perBin);
  const fraction = new Float64Array(size * perBin);
  for (let i = 0; i < low.length; i++) {
    const position = from + ((Math.floor(i / perBin) + ((i % perBin) + 0.5) / perBin) * length) / size;
    if (position < -1 || position > limit) {
      low[i] = -1;
      continue;
    }
    const clamped = Math.max(position, 0);
    low[i] = Math.min(Math.floor(clamped), limit - 1);
    high[i] = Math.min(low[i] + 1, limit - 1);
    fraction[i] = low[i] >= limit - 1 ? 0 : clamped - low[i];
  }
  return { perBin, low, high, fraction };
}
