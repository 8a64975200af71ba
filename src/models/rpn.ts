// Letters: N images, A anchors a position, T anchors of all levels together.
import type { MaskRcnnConfig } from '../config/schema';
import { clipBoxes, selectBoxes } from '../geometry/boxes';
import { nonMaximumSuppression, topK } from '../geometry/nms';
import { applyChain, Conv } from '../nn/conv';
import { normal } from '../nn/init';
import { binaryCrossEntropyWithLogits, type Losses, smoothL1, zeroLoss } from '../nn/losses';
import type { ParameterStore } from '../nn/parameters';
import { type Tensor, type Tensor2D, type Tensor4D, tf } from '../runtime/tf';
import {
  type AnchorLevel,
  allAnchors,
  anchorLevels,
  baseAnchors,
  countAnchors,
  writeAnchor,
} from './anchors';
import { decodeBox, encodeBox, RPN_WEIGHTS } from './box_coder';
import { blockLimit, firstOfBlocks, topKOfBlocks } from './detection_limits';
import { BACKGROUND, matchAnchors } from './matcher';
import { type Sampler, sampleBalanced } from './sampler';
import type { ImageBatch, Target } from './transform';

export interface RpnOutput {
  /** [N, H_l, W_l, A] for every level. */
  readonly objectnessLogits: readonly Tensor4D[];
  /** [N, H_l, W_l, A * 4] */
  readonly boxDeltas: readonly Tensor4D[];
  readonly levels: readonly AnchorLevel[];
}

/** Proposals of one image, by falling score. */
export interface Proposals {
  /** [n * 4] pixels of the resized image. */
  readonly boxes: Float32Array;
  /** [n] objectness as a logit. */
  readonly scores: Float32Array;
}

const MIN_SIDE = 1e-3;
const MODE = { training: false };

/** Region proposal network (Ren et al. 2015; torchvision's rpn.py). */
export class RegionProposalNetwork {
  /** [A * 4] a level, as built: what anchors the model has. */
  readonly baseAnchors: readonly Float32Array[];
  private readonly convs: readonly Conv[];
  private readonly classLogits: Conv;
  private readonly boxPrediction: Conv;

  constructor(
    store: ParameterStore,
    private readonly config: MaskRcnnConfig,
  ) {
    const { sizes, aspectRatios } = config.anchors;
    this.baseAnchors = sizes.map((side) => baseAnchors(side, aspectRatios));
    const anchors = this.baseAnchors[0].length / 4;
    const conv = (name: string, outputs: number, size: number): Conv =>
      new Conv(store, {
        name: `rpn.head.${name}`,
        inputs: config.fpnChannels,
        outputs,
        size,
        bias: true,
        activation: size === 3 ? 'relu' : 'none',
        init: normal(0.01),
      });
    this.convs = Array.from({ length: config.rpn.convDepth }, (_, i) =>
      conv(`conv.${i}.0`, config.fpnChannels, 3),
    );
    this.classLogits = conv('cls_logits', anchors, 1);
    this.boxPrediction = conv('bbox_pred', anchors * 4, 1);
  }

  apply(features: readonly Tensor4D[], batch: ImageBatch): RpnOutput {
    const hidden = features.map((map) => applyChain(this.convs, map, MODE));
    const [, height, width] = batch.tensor.shape;
    return {
      objectnessLogits: hidden.map((x) => this.classLogits.apply(x, MODE)),
      boxDeltas: hidden.map((x) => this.boxPrediction.apply(x, MODE)),
      levels: anchorLevels(
        features.map((map) => [map.shape[1], map.shape[2]] as const),
        [height, width],
        this.baseAnchors,
      ),
    };
  }

  /**
   * Proposals of every image; no gradient flows through them.
   * @param block in testing: the limits are shared out over blocks of this side, pixels of the network's input.
   */
  propose(output: RpnOutput, sizes: ImageBatch['sizes'], training: boolean, block?: number): Proposals[] {
    const { rpn } = this.config;
    const limits = training
      ? { before: rpn.preNmsTopNTrain, after: rpn.postNmsTopNTrain }
      : { before: rpn.preNmsTopNTest, after: rpn.postNmsTopNTest };
    const logits = output.objectnessLogits.map((level) => level.dataSync<'float32'>());
    const deltas = output.boxDeltas.map((level) => level.dataSync<'float32'>());
    return sizes.map(([height, width], n) => {
      const boxes: Float32Array[] = [];
      const scores: Float32Array[] = [];
      const groups: Int32Array[] = [];
      output.levels.forEach((level, l) => {
        const count = countAnchors(level);
        const ownLogits = logits[l].subarray(n * count, (n + 1) * count);
        const best =
          block === undefined
            ? topK(ownLogits, limits.before)
            : topKOfBlocks(ownLogits, level, blockLimit(limits.before, block), block);
        boxes.push(decodeAnchors(level, best, deltas[l].subarray(n * count * 4), height, width));
        scores.push(Float32Array.from(best, (i) => ownLogits[i]));
        groups.push(new Int32Array(best.length).fill(l));
      });
      return this.filter(
        concatenate(boxes),
        concatenate(scores),
        concatenateInt(groups),
        limits.after,
        block,
      );
    });
  }

  private filter(
    boxes: Float32Array,
    scores: Float32Array,
    groups: Int32Array,
    limit: number,
    block?: number,
  ): Proposals {
    const large: number[] = [];
    for (let i = 0; i < scores.length; i++)
      if (boxes[4 * i + 2] - boxes[4 * i] >= MIN_SIDE && boxes[4 * i + 3] - boxes[4 * i + 1] >= MIN_SIDE)
        large.push(i);
    const kept = nonMaximumSuppression(
      selectBoxes(boxes, large),
      Float32Array.from(large, (i) => scores[i]),
      this.config.rpn.nmsThreshold,
      Int32Array.from(large, (i) => groups[i]),
      block === undefined ? limit : undefined,
    ).map((k) => large[k]);
    const rows = block === undefined ? kept : firstOfBlocks(boxes, kept, blockLimit(limit, block), block);
    return { boxes: selectBoxes(boxes, rows), scores: Float32Array.from(rows, (i) => scores[i]) };
  }

  /** Objectness and box losses over sampled anchors of all images. */
  losses(output: RpnOutput, targets: readonly Target[], sampler: Sampler): Losses {
    const { foregroundIou, backgroundIou, batchSizePerImage, positiveFraction } = this.config.rpn;
    const anchors = allAnchors(output.levels);
    const total = anchors.length / 4;
    const sampledRows: number[] = [];
    const labels: number[] = [];
    const positiveRows: number[] = [];
    const regression: Float32Array[] = [];
    targets.forEach(({ boxes }, n) => {
      const matched = matchAnchors(output.levels, boxes, foregroundIou, backgroundIou);
      const { positive, negative } = sampleBalanced(
        (i) => matched[i] >= 0,
        (i) => matched[i] === BACKGROUND,
        total,
        batchSizePerImage,
        positiveFraction,
        sampler,
      );
      for (const i of positive) {
        const offsets = new Float32Array(4);
        encodeBox(boxes, matched[i], anchors, i, RPN_WEIGHTS, offsets, 0);
        regression.push(offsets);
        positiveRows.push(n * total + i);
      }
      for (const i of [...positive, ...negative]) sampledRows.push(n * total + i);
      labels.push(...new Array(positive.length).fill(1), ...new Array(negative.length).fill(0));
    });
    if (!sampledRows.length) return { loss_objectness: zeroLoss(), loss_rpn_box_reg: zeroLoss() };
    const logits = tf.gather(
      this.flatten(output.objectnessLogits, targets.length, 1),
      tf.tensor1d(sampledRows, 'int32'),
    );
    const objectness = binaryCrossEntropyWithLogits(logits, tf.tensor2d(labels, [labels.length, 1]));
    if (!positiveRows.length) return { loss_objectness: objectness, loss_rpn_box_reg: zeroLoss() };
    const deltas = tf.gather(
      this.flatten(output.boxDeltas, targets.length, 4),
      tf.tensor1d(positiveRows, 'int32'),
    );
    const wanted = tf.tensor2d(concatenate(regression), [positiveRows.length, 4]);
    return {
      loss_objectness: objectness,
      loss_rpn_box_reg: smoothL1(deltas, wanted, 1 / 9, sampledRows.length),
    };
  }

  /** Level maps -> [N * T, channels], image after image. */
  private flatten(maps: readonly Tensor4D[], images: number, channels: number): Tensor2D {
    const rows = maps.map((map) => map.reshape([images, -1, channels]) as Tensor);
    return tf.concat(rows, 1).reshape([-1, channels]);
  }
}

function decodeAnchors(
  level: AnchorLevel,
  rows: Int32Array,
  deltas: Float32Array,
  height: number,
  width: number,
): Float32Array {
  const boxes = new Float32Array(rows.length * 4);
  const anchor = new Float32Array(4);
  rows.forEach((row, i) => {
    writeAnchor(level, row, anchor, 0);
    decodeBox(deltas, row * 4, anchor, 0, RPN_WEIGHTS, boxes, i * 4);
  });
  return clipBoxes(boxes, height, width);
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function concatenateInt(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => Array.from(part)));
}
