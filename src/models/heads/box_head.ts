import type { MaskRcnnConfig } from '../../config/schema';
import { clipBoxes, selectBoxes } from '../../geometry/boxes';
import { nonMaximumSuppression } from '../../geometry/nms';
import { applyChain, Conv, type Mode } from '../../nn/conv';
import { kaimingNormal } from '../../nn/init';
import { Linear } from '../../nn/linear';
import { type Losses, smoothL1, softmaxCrossEntropy, zeroLoss } from '../../nn/losses';
import type { ParameterStore } from '../../nn/parameters';
import { scoped } from '../../runtime/scope';
import { type Tensor2D, type Tensor4D, tf } from '../../runtime/tf';
import { BOX_WEIGHTS, decodeBox } from '../box_coder';
import type { BoxDetections, BoxDetectOptions, BoxHead, HeadBatch, Pool } from './roi_heads';

/** Side of a box RoI after pooling. */
export const BOX_SIZE = 7;
const MIN_SIDE = 1e-2;
/** Regions that are classified together: more than the proposals of an image under the model's own limits. */
const BOX_CHUNK = 1024;
const EVALUATION: Mode = { training: false };

export interface BoxOutput {
  /** [n, representationSize] */
  readonly features: Tensor2D;
  /** [n, K] with the background as class 0. */
  readonly classLogits: Tensor2D;
  /** [n, K * 4] */
  readonly boxDeltas: Tensor2D;
}

/** Classes and boxes of pooled regions (Girshick 2015), by torchvision's names. */
export class FastRcnnHead implements BoxHead {
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

  losses({ pool, rois, mode }: HeadBatch): Losses {
    const { labels, regression } = rois;
    const output = this.apply(pool(rois, BOX_SIZE), mode);
    if (!labels.length) return { loss_classifier: zeroLoss(), loss_box_reg: zeroLoss() };
    const classifier = softmaxCrossEntropy(output.classLogits, labels);
    const rows: number[] = [];
    for (let i = 0; i < labels.length; i++) if (labels[i] > 0) rows.push(i);
    if (!rows.length) return { loss_classifier: classifier, loss_box_reg: zeroLoss() };
    const perClass = output.boxDeltas.reshape([-1, 4]);
    const own = tf.gather(
      perClass,
      tf.tensor1d(
        rows.map((i) => i * this.config.numClasses + labels[i]),
        'int32',
      ),
    );
    const wanted = tf.tensor2d(selectBoxes(regression, rows), [rows.length, 4]);
    return { loss_classifier: classifier, loss_box_reg: smoothL1(own, wanted, 1 / 9, labels.length) };
  }

  /** Decodes, thresholds and suppresses within classes, for the proposals of one image. */
  detect(
    pool: Pool,
    proposals: Float32Array,
    image: number,
    [height, width]: readonly [number, number],
    { limitFactor = 1, scoreThreshold = 0 }: BoxDetectOptions = {},
  ): BoxDetections {
    const { logits, deltas } = this.classify(pool, proposals, image);
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

  /** Class logits [n * K] and box offsets [n * 4 K] of the boxes of one image, some at a time. */
  private classify(
    pool: Pool,
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
        const { classLogits, boxDeltas } = this.apply(pool(rois, BOX_SIZE), EVALUATION);
        return [classLogits.dataSync<'float32'>(), boxDeltas.dataSync<'float32'>()];
      });
      logits.set(ownLogits, from * numClasses);
      deltas.set(ownDeltas, from * numClasses * 4);
    }
    return { logits, deltas };
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
