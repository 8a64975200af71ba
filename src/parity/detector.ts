import { ARCHITECTURE_NAMES, type ArchitectureName } from '../config/architectures';
import { type MaskRcnnConfig, networkOf } from '../config/schema';
import { ConfigError, nearestName } from '../core/errors';
import { rleArea } from '../geometry/rle';
import { allAnchors } from '../models/anchors';
import { BOX_SIZE } from '../models/heads/box_head';
import { MASK_POOL, pixelShuffleIndex } from '../models/heads/mask_head';
import { MaskRcnn } from '../models/mask_rcnn';
import { sampleFirst } from '../models/sampler';
import { assign } from '../models/weights/load_state';
import { toTorch } from '../nn/parameters';
import { roiAlign } from '../nn/roi_align';
import { withCapture } from '../runtime/capture';
import { scoped } from '../runtime/scope';
import { type Tensor, type Tensor4D, tf } from '../runtime/tf';
import { Sgd } from '../training/optimizers';
import { batchGradients, disposeGradients } from '../training/step';
import { generateImage, generateTargets, generateTensor } from './generate';
import {
  type DetectorGolden,
  type FieldResult,
  matchBoxes,
  type Probe,
  tableError,
  tensorError,
} from './golden';

type Errors = Record<string, number>;

/** Recomputes every field of a detector's golden file; errors measured as the file's own `float32Error`. */
export function compareDetector(golden: DetectorGolden): FieldResult[] {
  const model = buildModel(golden);
  try {
    const errors: Errors = {
      ...shapes(model, golden),
      ...scoped(() => inference(model, golden)),
      ...training(model, golden),
    };
    return verdictOn(errors, golden.float32Error);
  } finally {
    model.dispose();
  }
}

function buildModel(golden: DetectorGolden): MaskRcnn {
  const { variant, minSize, maxSize } = golden;
  if (!ARCHITECTURE_NAMES.includes(variant as ArchitectureName))
    throw new ConfigError(
      `unknown variant ${variant}; the nearest known is ${nearestName(variant, ARCHITECTURE_NAMES) ?? ARCHITECTURE_NAMES[0]}`,
    );
  const base: MaskRcnnConfig = networkOf(variant as ArchitectureName);
  // "No resize" in a golden file is torchvision's `_skip_resize`, which holds in training alone.
  const untouched =
    golden.transformed.imageSize[0] === golden.height && golden.transformed.imageSize[1] === golden.width;
  const resize = minSize !== null ? 'always' : untouched ? 'never' : 'testing';
  const config: MaskRcnnConfig = {
    ...base,
    image: {
      ...base.image,
      resize,
      minSize: minSize ?? base.image.minSize,
      maxSize: maxSize ?? base.image.maxSize,
    },
    rpn: {
      ...base.rpn,
      preNmsTopNTrain: 2000,
      postNmsTopNTrain: 1000,
      preNmsTopNTest: 1000,
      postNmsTopNTest: 500,
    },
  };
  const model = new MaskRcnn(config, null);
  for (const parameter of model.parameters.all())
    assign(parameter, generateTensor(variant, parameter.name, parameter.torchShape));
  return model;
}

/** 0 where the model's names and shapes are those of the state dict, else the number that differ. */
function shapes(model: MaskRcnn, golden: DetectorGolden): Errors {
  const wanted = Object.entries(golden.stateDict).filter(([name]) => !name.endsWith('num_batches_tracked'));
  const differing = wanted.filter(
    ([name, shape]) => model.parameters.get(name)?.torchShape.join() !== shape.join(),
  );
  return { stateDict: differing.length + Math.abs(model.parameters.all().length - wanted.length) };
}

const toNchw = (map: Tensor4D): ArrayLike<number> => tf.transpose(map, [0, 3, 1, 2]).dataSync();
const LEVEL_NAMES = ['0', '1', '2', '3', 'pool'];

function featureErrors(
  prefix: string,
  golden: Readonly<Record<string, Probe>>,
  features: readonly Tensor4D[],
): Errors {
  return Object.fromEntries(
    LEVEL_NAMES.map((name, i) => [`${prefix}.${name}`, tensorError(golden[name], toNchw(features[i]))]),
  );
}

function inference(model: MaskRcnn, golden: DetectorGolden): Errors {
  const { tag, height, width } = golden;
  const image = { height, width, image: generateImage(`${tag}:image`, height, width) };
  const batch = model.batch([image], 'testing');
  const features = model.features(batch, { training: false });
  const errors: Errors = {
    transformed: tensorError(golden.transformed, toNchw(batch.tensor)),
    ...featureErrors('features', golden.features, features),
  };
  const rpn = model.rpn.apply(features, batch);
  rpn.objectnessLogits.forEach((level, i) => {
    errors[`rpn.objectness.${i}`] = tensorError(golden.rpn.objectness[i], toNchw(level));
    errors[`rpn.deltas.${i}`] = tensorError(golden.rpn.deltas[i], toNchw(rpn.boxDeltas[i]));
  });
  const anchors = allAnchors(rpn.levels);
  errors.anchors = Math.max(
    tensorError(golden.anchors, anchors),
    tableError(golden.anchors.first, anchors.subarray(0, 36)),
    tableError(golden.anchors.last, anchors.subarray(anchors.length - 24)),
  );
  const [proposals] = model.rpn.propose(rpn, batch.sizes, false);
  errors['proposals.count'] = Math.abs(proposals.scores.length - golden.proposals.count);
  const first = matchBoxes(golden.proposals.first100, proposals.boxes.subarray(0, 400));
  Object.assign(errors, { 'proposals.unmatched': first.unmatched, 'proposals.px': first.px });
  Object.assign(errors, headErrors(model, golden, features.slice(0, 4)));
  Object.assign(errors, detectionErrors(model, golden, image));
  return errors;
}

function headErrors(model: MaskRcnn, golden: DetectorGolden, features: readonly Tensor4D[]): Errors {
  const boxes = Float32Array.from(golden.rois.flat());
  const rois = { boxes, imageIndex: new Int32Array(golden.rois.length) };
  const pooled = roiAlign(features, rois, BOX_SIZE);
  const { features: hidden, classLogits, boxDeltas } = model.boxHead.apply(pooled, { training: false });
  const forMasks = roiAlign(features, rois, MASK_POOL);
  const blocks = model.maskHead.apply(forMasks, { training: false }).dataSync();
  const classes = model.config.numClasses;
  const maskLogits = new Float32Array(blocks.length);
  for (let n = 0; n < golden.rois.length; n++)
    for (let k = 0; k < classes; k++)
      for (let p = 0; p < 784; p++)
        maskLogits[(n * classes + k) * 784 + p] = blocks[(n * 784 + pixelShuffleIndex(p)) * classes + k];
  return {
    roiAlign7: tensorError(golden.roiAlign7, toNchw(pooled)),
    roiAlign14: tensorError(golden.roiAlign14, toNchw(forMasks)),
    maskLogits: tensorError(golden.maskLogits, maskLogits),
    'boxHead.features': tensorError(golden.boxHead.features, hidden.dataSync()),
    'boxHead.logits': tableError(golden.boxHead.logits, classLogits.dataSync()),
    'boxHead.deltas': tableError(golden.boxHead.deltas, boxDeltas.dataSync()),
  };
}

function detectionErrors(
  model: MaskRcnn,
  golden: DetectorGolden,
  image: Parameters<MaskRcnn['detect']>[0][number],
): Errors {
  const [found] = model.detect([image]);
  const { boxes, scores, maskAreas } = golden.detections;
  const { unmatched, px, pairs } = matchBoxes(boxes, found.boxes);
  let [score, area] = [0, 0];
  for (const [i, j] of pairs) {
    score = Math.max(score, Math.abs(scores[i] - found.scores[j]));
    area = Math.max(area, Math.abs(maskAreas[i] - rleArea(found.masks[j])) / Math.max(maskAreas[i], 100));
  }
  return {
    'detections.count': Math.abs(found.scores.length - boxes.length) / Math.max(boxes.length, 1),
    'detections.unmatched': unmatched,
    'detections.px': px,
    'detections.score': score,
    'detections.maskArea': area,
  };
}

function training(model: MaskRcnn, golden: DetectorGolden): Errors {
  const { tag, height, width, second } = golden;
  const [h, w] = second;
  const batch = [
    {
      height,
      width,
      image: generateImage(`${tag}:image`, height, width),
      ...generateTargets(`${tag}:targets`, height, width, 12),
    },
    {
      height: h,
      width: w,
      image: generateImage(`${tag}:second`, h, w),
      ...generateTargets(`${tag}:secondTargets`, h, w, 7),
    },
  ];
  const parameters = model.parameters.trainable();
  const optimizer = new Sgd(parameters, { momentum: 0.9, weightDecay: 0.0005 });
  const errors: Errors = {};
  golden.training.forEach((wanted, step) => {
    const options = { training: true, sampler: sampleFirst };
    const { losses, grads } = withCapture(model.capture, () => {
      const gradients = batchGradients(model, parameters, batch, options);
      optimizer.step(gradients.grads, { rate: () => golden.learningRate, scale: 1, done: step });
      return gradients;
    });
    for (const name of Object.keys(wanted.losses))
      errors[`training.${step}.${name}`] =
        Math.abs(losses[name] - wanted.losses[name]) / Math.abs(wanted.losses[name]);
    if (wanted.gradients) Object.assign(errors, gradientErrors(wanted.gradients, parameters, grads));
    disposeGradients(grads);
  });
  optimizer.buffers.dispose();
  const after = scoped(() => {
    const image = { height, width, image: generateImage(`${tag}:image`, height, width) };
    const features = model.features(model.batch([image], 'testing'), { training: false });
    return featureErrors('featuresAfter3Steps', golden.featuresAfter3Steps, features) as Errors & {
      [key: string]: never;
    };
  });
  return { ...errors, ...after };
}

function gradientErrors(
  wanted: NonNullable<DetectorGolden['training'][number]['gradients']>,
  parameters: ReturnType<MaskRcnn['parameters']['trainable']>,
  grads: readonly (Tensor | null)[],
): Errors {
  const top = Math.max(...Object.values(wanted).map(({ norm }) => norm));
  let [norm, sample] = [0, 0];
  const names = new Set<string>();
  parameters.forEach(({ name, layout, torchShape }, i) => {
    const golden = wanted[name];
    if (!golden) return;
    names.add(name);
    const gradient = grads[i];
    if (!gradient) {
      norm = Number.POSITIVE_INFINITY;
      return;
    }
    const values = scoped(() => toTorch(gradient, layout, torchShape).dataSync());
    let squares = 0;
    for (const value of values) squares += value * value;
    const scale = Math.max(golden.norm, 1e-3 * top);
    norm = Math.max(norm, Math.abs(golden.norm - Math.sqrt(squares)) / scale);
    golden.index.forEach((at, k) => {
      sample = Math.max(sample, Math.abs(values[at] - golden.value[k]) / scale);
    });
  });
  if (names.size !== Object.keys(wanted).length) norm = Number.POSITIVE_INFINITY;
  return { 'gradients.norm': norm, 'gradients.samples': sample };
}

/** The rule of parity/README.md: ten times torchvision's own float32 error, or a floor by the kind of field. */
function verdictOn(errors: Errors, float32Error: Readonly<Record<string, number>>): FieldResult[] {
  for (const field of Object.keys(float32Error)) errors[field] ??= Number.POSITIVE_INFINITY;
  return Object.entries(errors).map(([field, maxError]) => {
    const reference = float32Error[field === 'gradients.samples' ? 'gradients.norm' : field] ?? 0;
    const tolerance = Math.max(10 * reference, floor(field));
    return { field, maxError, tolerance, ok: maxError <= tolerance };
  });
}

function floor(field: string): number {
  if (field === 'stateDict' || field.endsWith('.count')) return field === 'detections.count' ? 0.02 : 0;
  if (field.startsWith('gradients')) return 1e-4;
  if (field.endsWith('.px')) return 2e-3;
  if (field.endsWith('.maskArea')) return 0.05;
  if (field.endsWith('.unmatched')) return 0.02;
  return 1e-5;
}
