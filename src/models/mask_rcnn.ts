// The map of the model: read this first. Modelled on torchvision's generalized_rcnn.py.
//
//   images, any size ── transform ──> one padded batch [N, H, W, 3]
//     ── backbone + pyramid ──> features, strides 4, 8, 16, 32, 64: [N, H_l, W_l, C]
//     ── region proposal network ──> proposals (typed arrays; no gradient flows through them)
//     ── RoI heads ──> classes, boxes, masks
//   training: five losses over sampled anchors and proposals.   testing: instances in the image's own pixels.
import type { MaskRcnnConfig } from '../config/schema';
import { createRng } from '../core/rng';
import { scaleBoxes } from '../geometry/boxes';
import type { Instances } from '../geometry/instances';
import type { CropMask, SoftMask } from '../geometry/masks';
import { encodeCropMask } from '../geometry/rle';
import type { Mode } from '../nn/conv';
import { type Losses, readLosses } from '../nn/losses';
import { ParameterStore } from '../nn/parameters';
import { captures, withCapture } from '../runtime/capture';
import { appliedPrecision, type Precision, withPrecision } from '../runtime/precision';
import { scoped } from '../runtime/scope';
import type { Tensor4D } from '../runtime/tf';
import type { Backbone } from './backbones/backbone';
import { buildBackbone } from './backbones/build_backbone';
import { detectionLimitFactor } from './detection_limits';
import { FeaturePyramid } from './fpn';
import { FastRcnnHead } from './heads/box_head';
import { FcnMaskHead, MASK_SIZE } from './heads/mask_head';
import { pasteMask } from './heads/paste_masks';
import { type MaskedDetections, RoiHeads } from './heads/roi_heads';
import { RegionProposalNetwork } from './rpn';
import { type Sampler, sampleFirst } from './sampler';
import { imageScale, type Phase, resizesItself, seenSize } from './scale';
import { withShiftedGroundTruth } from './simulated_proposals';
import { batchImages, type ImageBatch, type ModelImage, resizeTarget, type Target } from './transform';

export interface LossOptions {
  /** Whether live norms use the batch's statistics and update their running ones. */
  readonly training: boolean;
  /** How anchors and regions are sampled. */
  readonly sampler: Sampler;
  /** What the images are seen for, where `scale` does not say how. Default: training. */
  readonly phase?: Phase;
  /** Pixels of the network's input per pixel of the images. Default: as `imageScale` says. */
  readonly scale?: number;
  /** Adds proposals near the true cells, as many as a network that has learned finds: what its steps will cost. */
  readonly simulateProposals?: boolean;
}

export interface DetectOptions {
  /** Pixels of the network's input per pixel of the images. Default: as `imageScale` says. */
  readonly scale?: number;
  /**
   * For views of large images: the limits of proposals are shared out over blocks of this side, pixels of the
   * network's input and a multiple of its coarsest stride, that of detections grows with the view's area.
   */
  readonly block?: number;
  /** Leaves out what scores less, before its mask is computed. Default: all over the model's own threshold. */
  readonly scoreThreshold?: number;
  /** Draws a mask into its image, [height, width] pixels. Default: as torchvision pastes it. */
  readonly drawMask?: (mask: SoftMask, image: ModelImage) => CropMask;
}

/** Mask R-CNN (He et al. 2017) with a feature pyramid. */
export class MaskRcnn {
  /** Everything it was built from. Nothing reads it later, so it is frozen: a change would not act. */
  readonly config: MaskRcnnConfig;
  readonly parameters: ParameterStore;
  readonly backbone: Backbone;
  readonly pyramid: FeaturePyramid;
  readonly rpn: RegionProposalNetwork;
  readonly boxHead: FastRcnnHead;
  readonly maskHead: FcnMaskHead;
  readonly roiHeads: RoiHeads;
  /** Applied, which is float32 where the kernels for another are missing. */
  readonly precision: Precision;

  /**
   * @param seed of the initial weights; null leaves zeros, for weights that are loaded next.
   * @param precision of its products, whatever else the process computes.
   * @param capture whether its ops are handed to the runtime together (../runtime/capture.ts): the results are the same.
   */
  constructor(
    wanted: MaskRcnnConfig,
    seed: number | string | null = 0,
    precision: Precision = 'float32',
    readonly capture: boolean = captures('auto'),
  ) {
    this.precision = appliedPrecision(precision);
    const config = frozen(structuredClone(wanted));
    this.config = config;
    this.parameters = new ParameterStore(seed === null ? null : createRng(seed).fork('weights'));
    this.backbone = buildBackbone(this.parameters, config.backbone, {
      mode: config.norm,
      epsilon: config.normEpsilon,
    });
    this.pyramid = new FeaturePyramid(this.parameters, this.backbone.channels, config);
    this.rpn = new RegionProposalNetwork(this.parameters, config);
    this.boxHead = new FastRcnnHead(this.parameters, config);
    this.maskHead = new FcnMaskHead(this.parameters, config);
    this.roiHeads = new RoiHeads(config.box, this.boxHead, this.maskHead);
  }

  /** Five maps [N, H_l, W_l, C], strides 4 to 64. */
  features(batch: ImageBatch, mode: Mode): Tensor4D[] {
    return withPrecision(this.precision, () =>
      this.pyramid.apply(this.backbone.apply(batch.tensor, mode), mode),
    );
  }

  /**
   * The losses of a batch by torchvision's names: `loss_classifier`, `loss_box_reg`, `loss_mask`, `loss_objectness`,
   * `loss_rpn_box_reg`, and what other heads add. Call it inside `computeGradients` (which keeps the tape) or `tf.tidy`.
   * An image without instances is normal: its box and mask terms are 0.
   */
  losses(images: readonly (ModelImage & Target)[], options: LossOptions): Losses {
    return withPrecision(this.precision, () => this.lossesOf(images, options));
  }

  private lossesOf(
    images: readonly (ModelImage & Target)[],
    { training, sampler, phase = 'training', scale, simulateProposals }: LossOptions,
  ): Losses {
    const batch = this.batch(images, phase, scale);
    const targets = images.map((image, n) => resizeTarget(image, image, batch.sizes[n]));
    const features = this.features(batch, { training });
    const rpn = this.rpn.apply(features, batch);
    const found = this.rpn.propose(rpn, batch.sizes, true);
    const proposals = simulateProposals
      ? found.map((own, n) => withShiftedGroundTruth(own, targets[n]))
      : found;
    const rpnLosses = this.rpn.losses(rpn, targets, sampler);
    const roiLosses = this.roiHeads.losses(
      features.slice(0, 4),
      proposals,
      targets,
      batch.sizes,
      { training },
      sampler,
    );
    return { ...roiLosses, ...rpnLosses };
  }

  /** The losses without gradients, norms as in testing and fixed sampling: what validation reports. Touches nothing. */
  evaluateLosses(images: readonly (ModelImage & Target)[], scale?: number): Record<string, number> {
    const options: LossOptions = { training: false, sampler: sampleFirst, phase: 'testing', scale };
    return withCapture(this.capture, () => scoped(() => readLosses(this.losses(images, options))));
  }

  /**
   * One padded batch of images at their own scales.
   * @param scale pixels of the batch per pixel of every image; default: as `imageScale` says.
   */
  batch(images: readonly ModelImage[], phase: Phase, scale?: number): ImageBatch {
    const { image } = this.config;
    const sizes = images.map((one) =>
      seenSize(one, scale ?? imageScale(one, image, phase), resizesItself(image, phase)),
    );
    return batchImages(images, sizes, image);
  }

  /** Instances of every image, in its own pixels, by falling score. Leaves no tensor behind. */
  detect(
    images: readonly ModelImage[],
    { scale, block, scoreThreshold, drawMask = pasteMask }: DetectOptions = {},
  ): Instances[] {
    const find = (): Instances[] => {
      const batch = this.batch(images, 'testing', scale);
      const features = this.features(batch, { training: false });
      const proposals = this.rpn.propose(this.rpn.apply(features, batch), batch.sizes, false, block);
      const area = Math.max(...batch.sizes.map(([height, width]) => height * width));
      const limitFactor = block === undefined ? 1 : detectionLimitFactor(area);
      const detections = this.roiHeads.detect(features.slice(0, 4), proposals, batch.sizes, {
        limitFactor,
        scoreThreshold,
      });
      return detections.map((found, n) => toInstances(found, images[n], batch.sizes[n], drawMask));
    };
    return withCapture(this.capture, () => scoped(() => withPrecision(this.precision, find)));
  }

  dispose(): void {
    this.parameters.dispose();
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

function toInstances(
  found: MaskedDetections,
  image: ModelImage,
  [h, w]: readonly [number, number],
  drawMask: Required<DetectOptions>['drawMask'],
): Instances {
  const { height, width } = image;
  const boxes = h === height && w === width ? found.boxes : scaleBoxes(found.boxes, width / w, height / h);
  const area = MASK_SIZE * MASK_SIZE;
  const masks = Array.from(found.labels, (_, i) => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
    const probabilities = found.maskProbabilities.subarray(i * area, (i + 1) * area);
    return encodeCropMask(
      drawMask({ box: [x1, y1, x2, y2], size: MASK_SIZE, probabilities }, image),
      height,
      width,
    );
  });
  return { height, width, boxes, scores: found.scores, labels: found.labels, masks };
}
