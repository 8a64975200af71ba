import type { MaskRcnnConfig } from '../../config/schema';
import { selectBoxes } from '../../geometry/boxes';
import type { Mode } from '../../nn/conv';
import type { ParameterStore } from '../../nn/parameters';
import { type Rois, roiAlign } from '../../nn/roi_align';
import { scoped } from '../../runtime/scope';
import { type Scalar, type Tensor4D, tf } from '../../runtime/tf';
import { BOX_WEIGHTS, encodeBox } from '../box_coder';
import { matchProposals } from '../matcher';
import type { Proposals } from '../rpn';
import { type Sampler, sampleBalanced } from '../sampler';
import type { ImageBatch, Target } from '../transform';
import { BOX_SIZE, BoxBranch, type BoxDetections } from './box_head';
import { MASK_POOL, MASK_SIZE, MaskBranch, pixelShuffleIndex, projectMask } from './mask_head';

/** Regions chosen for training, of all images. */
interface SampledRois extends Rois {
  /** [n] 0 is background. */
  readonly labels: Int32Array;
  /** [n] row of the image's ground truth; meaningless for background. */
  readonly matchedIndices: Int32Array;
  /** [n * 4] wanted offsets. */
  readonly regression: Float32Array;
}

export interface RoiLosses {
  readonly classifier: Scalar;
  readonly boxRegression: Scalar;
  readonly mask: Scalar;
}

/** Detections of one image with their mask probabilities. */
export interface MaskedDetections extends BoxDetections {
  /** [n * 28 * 28] probabilities of the detected class, row by row. */
  readonly maskProbabilities: Float32Array;
}

/** RoIs whose masks are computed together: bounds the memory of an image with hundreds of cells. */
const MASK_CHUNK = 64;
/** The same for classes and boxes: more than the proposals of an image under the model's own limits. */
const BOX_CHUNK = 1024;

/** Second stage: classes, boxes and masks of the proposals (torchvision's roi_heads.py). */
export class RoiHeads {
  readonly box: BoxBranch;
  readonly mask: MaskBranch;

  constructor(
    store: ParameterStore,
    private readonly config: MaskRcnnConfig,
  ) {
    this.box = new BoxBranch(store, config);
    this.mask = new MaskBranch(store, config);
  }

  losses(
    features: readonly Tensor4D[],
    proposals: readonly Proposals[],
    targets: readonly Target[],
    sizes: ImageBatch['sizes'],
    mode: Mode,
    sampler: Sampler,
  ): RoiLosses {
    const rois = this.sample(proposals, targets, sampler);
    const output = this.box.apply(roiAlign(features, rois, BOX_SIZE), mode);
    const { classifier, boxRegression } = this.box.losses(output, rois.labels, rois.regression);
    return { classifier, boxRegression, mask: this.maskLoss(features, rois, targets, sizes, mode) };
  }

  private maskLoss(
    features: readonly Tensor4D[],
    rois: SampledRois,
    targets: readonly Target[],
    sizes: ImageBatch['sizes'],
    mode: Mode,
  ): Scalar {
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
      projectMask(
        targets[image].masks[rois.matchedIndices[row]],
        boxes,
        i,
        height,
        width,
        MASK_SIZE,
        wanted,
        i * area,
      );
    });
    if (!rows.length) return this.mask.loss(tf.zeros([0, this.config.numClasses]), labels, wanted);
    return this.mask.loss(
      this.mask.apply(roiAlign(features, { boxes, imageIndex }, MASK_POOL), mode),
      labels,
      wanted,
    );
  }

  /** The ground truth joins the proposals, then a balanced sample of each image. */
  private sample(proposals: readonly Proposals[], targets: readonly Target[], sampler: Sampler): SampledRois {
    const { foregroundIou, batchSizePerImage, positiveFraction } = this.config.box;
    const boxes: number[] = [];
    const imageIndex: number[] = [];
    const labels: number[] = [];
    const matchedIndices: number[] = [];
    const regression: number[] = [];
    const offsets = new Float32Array(4);
    targets.forEach((target, n) => {
      const candidates = new Float32Array(proposals[n].boxes.length + target.boxes.length);
      candidates.set(proposals[n].boxes);
      candidates.set(target.boxes, proposals[n].boxes.length);
      const matched = matchProposals(candidates, target.boxes, foregroundIou);
      const isPositive = (i: number): boolean => matched[i] >= 0;
      const isNegative = (i: number): boolean => matched[i] < 0;
      const total = matched.length;
      const { positive, negative } = sampleBalanced(
        isPositive,
        isNegative,
        total,
        batchSizePerImage,
        positiveFraction,
        sampler,
      );
      for (const i of Int32Array.from([...positive, ...negative]).sort()) {
        const j = matched[i];
        boxes.push(...candidates.subarray(i * 4, i * 4 + 4));
        imageIndex.push(n);
        labels.push(j < 0 ? 0 : target.labels[j]);
        matchedIndices.push(Math.max(j, 0));
        offsets.fill(0);
        if (j >= 0) encodeBox(target.boxes, j, candidates, i, BOX_WEIGHTS, offsets, 0);
        regression.push(...offsets);
      }
    });
    return {
      boxes: Float32Array.from(boxes),
      imageIndex: Int32Array.from(imageIndex),
      labels: Int32Array.from(labels),
      matchedIndices: Int32Array.from(matchedIndices),
      regression: Float32Array.from(regression),
    };
  }

  /**
   * Detections of every image, boxes and masks in the resized image.
   * @param limitFactor factor on the limit of detections: a large image has more to find.
   * @param scoreThreshold what scores less gets no mask and is left out.
   */
  detect(
    features: readonly Tensor4D[],
    proposals: readonly Proposals[],
    sizes: ImageBatch['sizes'],
    limitFactor = 1,
    scoreThreshold = 0,
  ): MaskedDetections[] {
    return proposals.map(({ boxes }, n) => {
      const { logits, deltas } = this.classify(features, boxes, n);
      const detections = this.box.detect(boxes, logits, deltas, sizes[n], limitFactor, scoreThreshold);
      return { ...detections, maskProbabilities: this.maskProbabilities(features, detections, n) };
    });
  }

  /** Class logits [n * K] and box offsets [n * 4 K] of the boxes of one image, some at a time. */
  private classify(
    features: readonly Tensor4D[],
    boxes: Float32Array,
    image: number,
  ): { logits: Float32Array; deltas: Float32Array } {
    const { numClasses } = this.config;
    const total = boxes.length / 4;
    const logits = new Float32Array(total * numClasses);
    const deltas = new Float32Array(total * numClasses * 4);
    for (let from = 0; from < total; from += BOX_CHUNK) {
      const count = Math.min(BOX_CHUNK, total - from);
      const rois = {
        boxes: boxes.subarray(from * 4, (from + count) * 4),
        imageIndex: new Int32Array(count).fill(image),
      };
      const [ownLogits, ownDeltas] = scoped(() => {
        const { classLogits, boxDeltas } = this.box.apply(roiAlign(features, rois, BOX_SIZE), EVALUATION);
        return [classLogits.dataSync<'float32'>(), boxDeltas.dataSync<'float32'>()];
      });
      logits.set(ownLogits, from * numClasses);
      deltas.set(ownDeltas, from * numClasses * 4);
    }
    return { logits, deltas };
  }

  private maskProbabilities(
    features: readonly Tensor4D[],
    { boxes, labels }: BoxDetections,
    image: number,
  ): Float32Array {
    const area = MASK_SIZE * MASK_SIZE;
    const { numClasses } = this.config;
    const out = new Float32Array(labels.length * area);
    for (let from = 0; from < labels.length; from += MASK_CHUNK) {
      const count = Math.min(MASK_CHUNK, labels.length - from);
      const rois = {
        boxes: boxes.subarray(from * 4, (from + count) * 4),
        imageIndex: new Int32Array(count).fill(image),
      };
      const logits = scoped(() =>
        this.mask.apply(roiAlign(features, rois, MASK_POOL), EVALUATION).dataSync<'float32'>(),
      );
      for (let i = 0; i < count; i++)
        for (let p = 0; p < area; p++) {
          const logit = logits[(i * area + pixelShuffleIndex(p)) * numClasses + labels[from + i]];
          out[(from + i) * area + p] = 1 / (1 + Math.exp(-logit));
        }
    }
    return out;
  }
}

const EVALUATION: Mode = { training: false };
