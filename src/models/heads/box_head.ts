import type { MaskRcnnConfig } from '../../config/schema';
import { clipBoxes, selectBoxes } from '../../geometry/boxes';
import { nonMaximumSuppression } from '../../geometry/nms';
import { applyChain, Conv, type Mode } from '../../nn/conv';
import { kaimingNormal } from '../../nn/init';
import { Linear } from '../../nn/linear';
import { smoothL1, softmaxCrossEntropy, zeroLoss } from '../../nn/losses';
import type { ParameterStore } from '../../nn/parameters';
import { type Scalar, type Tensor2D, type Tensor4D, tf } from '../../runtime/tf';
import { BOX_WEIGHTS, decodeBox } from '../box_coder';

/** Side of a box RoI after pooling. */
export const BOX_SIZE = 7;
const MIN_SIDE = 1e-2;

export interface BoxOutput {
  /** [n, representationSize] */
  readonly features: Tensor2D;
  /** [n, K] with the background as class 0. */
  readonly classLogits: Tensor2D;
  /** [n, K * 4] */
  readonly boxDeltas: Tensor2D;
}

/** Detections of one image before their masks: rows by falling score. */
export interface BoxDetections {
  /** [n * 4] pixels of the resized image. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
}

/** Classes and boxes of pooled regions. */
export class BoxBranch {
  private readonly convs: readonly Conv[] = [];
  private readonly layers: readonly Linear[];
  private readonly classScore: Linear;
  private readonly boxPrediction: Linear;

  constructor(
    store: ParameterStore,
    private readonly config: MaskRcnnConfig,
  ) {
    const { fpnChannels, numClasses, box } = config;
    const prefix = 'roi_heads.box_head';
    const flat = {
      inputs: fpnChannels * BOX_SIZE * BOX_SIZE,
      outputs: box.representationSize,
      layout: { flatten: BOX_SIZE },
    };
    if (box.head === 'mlp') {
      this.layers = [
        new Linear(store, { name: `${prefix}.fc6`, ...flat }),
        new Linear(store, {
          name: `${prefix}.fc7`,
          inputs: box.representationSize,
          outputs: box.representationSize,
        }),
      ];
    } else {
      this.convs = [0, 1, 2, 3].map(
        (i) =>
          new Conv(store, {
            name: `${prefix}.${i}.0`,
            inputs: fpnChannels,
            outputs: fpnChannels,
            size: 3,
            norm: { mode: 'live', epsilon: 1e-5, name: `${prefix}.${i}.1` },
            activation: 'relu',
            init: kaimingNormal,
          }),
      );
      this.layers = [new Linear(store, { name: `${prefix}.5`, ...flat, init: kaimingNormal })];
    }
    const predictor = 'roi_heads.box_predictor';
    const inputs = box.representationSize;
    this.classScore = new Linear(store, { name: `${predictor}.cls_score`, inputs, outputs: numClasses });
    this.boxPrediction = new Linear(store, {
      name: `${predictor}.bbox_pred`,
      inputs,
      outputs: numClasses * 4,
    });
  }

  /** @param pooled [n, 7, 7, C] */
  apply(pooled: Tensor4D, mode: Mode): BoxOutput {
    const maps = applyChain(this.convs, pooled, mode);
    let features = maps.reshape([maps.shape[0], -1]) as Tensor2D;
    for (const layer of this.layers) features = layer.apply(features, 'relu');
    return {
      features,
      classLogits: this.classScore.apply(features),
      boxDeltas: this.boxPrediction.apply(features),
    };
  }

  /**
   * @param labels [n] 0 is background. @param regression [n * 4] wanted offsets, read where the label is over 0.
   */
  losses(
    output: BoxOutput,
    labels: Int32Array,
    regression: Float32Array,
  ): { classifier: Scalar; boxRegression: Scalar } {
    if (!labels.length) return { classifier: zeroLoss(), boxRegression: zeroLoss() };
    const classifier = softmaxCrossEntropy(output.classLogits, labels);
    const rows: number[] = [];
    for (let i = 0; i < labels.length; i++) if (labels[i] > 0) rows.push(i);
    if (!rows.length) return { classifier, boxRegression: zeroLoss() };
    const perClass = output.boxDeltas.reshape([-1, 4]);
    const own = tf.gather(
      perClass,
      tf.tensor1d(
        rows.map((i) => i * this.config.numClasses + labels[i]),
        'int32',
      ),
    );
    const wanted = tf.tensor2d(selectBoxes(regression, rows), [rows.length, 4]);
    return { classifier, boxRegression: smoothL1(own, wanted, 1 / 9, labels.length) };
  }

  /**
   * Decodes, thresholds and suppresses within classes, for the proposals of one image.
   * @param limitFactor factor on the limit of detections.
   * @param scoreThreshold what scores less is not wanted. It would suppress nothing that scores more, so nothing else changes.
   */
  detect(
    proposals: Float32Array,
    logits: Float32Array,
    deltas: Float32Array,
    [height, width]: readonly [number, number],
    limitFactor = 1,
    scoreThreshold = 0,
  ): BoxDetections {
    const { numClasses, box } = this.config;
    const boxes: number[] = [];
    const scores: number[] = [];
    const labels: number[] = [];
    const decoded = new Float32Array(4);
    for (let i = 0; i < proposals.length / 4; i++) {
      const probabilities = softmaxRow(logits, i * numClasses, numClasses);
      for (let k = 1; k < numClasses; k++) {
        if (!(probabilities[k] > box.scoreThreshold) || Math.fround(probabilities[k]) < scoreThreshold)
          continue;
        decodeBox(deltas, (i * numClasses + k) * 4, proposals, i, BOX_WEIGHTS, decoded, 0);
        clipBoxes(decoded, height, width);
        if (decoded[2] - decoded[0] < MIN_SIDE || decoded[3] - decoded[1] < MIN_SIDE) continue;
        boxes.push(decoded[0], decoded[1], decoded[2], decoded[3]);
        scores.push(probabilities[k]);
        labels.push(k);
      }
    }
    const all = {
      boxes: Float32Array.from(boxes),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(labels),
    };
    const kept = nonMaximumSuppression(
      all.boxes,
      all.scores,
      box.nmsThreshold,
      all.labels,
      Math.ceil(box.detectionsPerImage * limitFactor),
    );
    return {
      boxes: selectBoxes(all.boxes, kept),
      scores: Float32Array.from(kept, (i) => all.scores[i]),
      labels: Int32Array.from(kept, (i) => all.labels[i]),
    };
  }
}

function softmaxRow(logits: Float32Array, at: number, classes: number): Float64Array {
  const out = new Float64Array(classes);
  let max = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classes; k++) max = Math.max(max, logits[at + k]);
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += out[k] = Math.exp(logits[at + k] - max);
  for (let k = 0; k < classes; k++) out[k] /= sum;
  return out;
}
