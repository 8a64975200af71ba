import type { MaskRcnnConfig } from '../../config/schema';
import type { CropMask } from '../../geometry/masks';
import type { Mode } from '../../nn/conv';
import type { Losses } from '../../nn/losses';
import { type Rois, roiAlign } from '../../nn/roi_align';
import type { Tensor4D } from '../../runtime/tf';
import { BOX_WEIGHTS, encodeBox } from '../box_coder';
import { matchProposals } from '../matcher';
import type { Proposals } from '../rpn';
import { type Sampler, sampleBalanced } from '../sampler';
import type { ImageBatch, Target } from '../transform';

/** Pools regions from the feature maps: [n, size, size, C]. */
export type Pool = (rois: Rois, size: number) => Tensor4D;

/** Regions chosen for training, of all images. */
export interface SampledRois extends Rois {
  /** [n] 0 is background. */
  readonly labels: Int32Array;
  /** [n] row of the image's ground truth; meaningless for background. */
  readonly matchedIndices: Int32Array;
  /** [n * 4] wanted offsets. */
  readonly regression: Float32Array;
}

/** Detections of one image before their masks: rows by falling score. */
export interface BoxDetections {
  /** [n * 4] pixels of the resized image. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
}

/** Detections of one image with their mask probabilities. */
export interface MaskedDetections extends BoxDetections {
  /** [n * side * side] probabilities of the detected class, row by row. */
  readonly maskProbabilities: Float32Array;
}

/** What a head is trained on. */
export interface HeadBatch {
  readonly pool: Pool;
  readonly rois: SampledRois;
  readonly targets: readonly Target[];
  /** [height, width] of each image as the network sees it. */
  readonly sizes: ImageBatch['sizes'];
  readonly mode: Mode;
}

export interface BoxDetectOptions {
  /** Factor on the limit of detections: a large image has more to find. */
  readonly limitFactor?: number;
  /** What scores less is left out. It would suppress nothing that scores more, so nothing else changes. */
  readonly scoreThreshold?: number;
}

/** Classes and boxes of regions. */
export interface BoxHead {
  losses(batch: HeadBatch): Losses;
  /** @param proposals [n * 4] of image number `image`, whose size is [height, width]. */
  detect(
    pool: Pool,
    proposals: Float32Array,
    image: number,
    size: readonly [number, number],
    options?: BoxDetectOptions,
  ): BoxDetections;
}

/** Masks of regions. */
export interface MaskHead {
  /** Side of the grid that a mask is predicted on. */
  readonly side: number;
  losses(batch: HeadBatch): Losses;
  /** [n * side * side] probabilities of the detected class, for the detections of image number `image`. */
  probabilities(pool: Pool, detections: BoxDetections, image: number): Float32Array;
}

/** Second stage: classes, boxes and masks of the proposals (torchvision's roi_heads.py), by the heads that it is given. */
export class RoiHeads {
  constructor(
    private readonly config: MaskRcnnConfig['box'],
    readonly box: BoxHead,
    readonly mask: MaskHead,
  ) {}

  /** The losses of both heads over a sample of the proposals. @param features strides 4 to 32. */
  losses(
    features: readonly Tensor4D[],
    proposals: readonly Proposals[],
    targets: readonly Target[],
    sizes: ImageBatch['sizes'],
    mode: Mode,
    sampler: Sampler,
  ): Losses {
    const rois = sampleRois(proposals, targets, this.config, sampler);
    const pool: Pool = (regions, size) => roiAlign(features, regions, size);
    const batch: HeadBatch = { pool, rois, targets, sizes, mode };
    return { ...this.box.losses(batch), ...this.mask.losses(batch) };
  }

  /** Detections of every image, boxes and masks in the resized image. */
  detect(
    features: readonly Tensor4D[],
    proposals: readonly Proposals[],
    sizes: ImageBatch['sizes'],
    options?: BoxDetectOptions,
  ): MaskedDetections[] {
    const pool: Pool = (regions, size) => roiAlign(features, regions, size);
    return proposals.map(({ boxes }, n) => {
      const detections = this.box.detect(pool, boxes, n, sizes[n], options);
      return { ...detections, maskProbabilities: this.mask.probabilities(pool, detections, n) };
    });
  }
}

/** The ground truth joins the proposals, then a balanced sample of each image. */
export function sampleRois(
  proposals: readonly Pick<Proposals, 'boxes'>[],
  targets: readonly Target[],
  { foregroundIou, batchSizePerImage, positiveFraction }: MaskRcnnConfig['box'],
  sampler: Sampler,
): SampledRois {
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

/** Mask of a region's true cell, for the rows of a sample that have one. */
export function matchedMask({ rois, targets }: HeadBatch, row: number): CropMask {
  return targets[rois.imageIndex[row]].masks[rois.matchedIndices[row]];
}
