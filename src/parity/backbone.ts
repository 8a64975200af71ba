import { BACKBONES } from '../config/architectures';
import { DataError } from '../core/errors';
import { createRng } from '../core/rng';
import { EfficientNetLite } from '../models/backbones/efficientnet_lite';
import { packagedWeights } from '../models/weights/fetch';
import { assign } from '../models/weights/load_state';
import { openWeights } from '../models/weights/open';
import { Conv } from '../nn/conv';
import { kaimingNormal } from '../nn/init';
import { Linear } from '../nn/linear';
import { ParameterStore } from '../nn/parameters';
import { scoped } from '../runtime/scope';
import { type Tensor2D, type Tensor4D, tf } from '../runtime/tf';
import { generateImage } from './generate';
import { type BackboneGolden, type FieldResult, tensorError } from './golden';

/** These files hold no error of the reference: the rule's floor for tensors. */
const TOLERANCE = 1e-5;

/** An EfficientNet-Lite by its published weights: features of four strides and the logits of the generated image. */
export function compareBackbone(golden: BackboneGolden): FieldResult[] {
  const { variant, tag, height, width } = golden;
  const store = new ParameterStore(createRng(0));
  const norm = { mode: 'frozen', epsilon: 1e-3 } as const;
  const { spec, imageNet } = BACKBONES[variant];
  if (spec.family !== 'efficientnet_lite' || !('packaged' in imageNet))
    throw new DataError(`${variant}: no golden file of this backbone alone is known`);
  const body = new EfficientNetLite(store, spec, norm, '');
  const head = new Conv(store, {
    name: '_conv_head',
    inputs: body.channels[3],
    outputs: 1280,
    size: 1,
    norm: { ...norm, name: '_bn1' },
    activation: 'relu6',
    init: kaimingNormal,
  });
  const classifier = new Linear(store, { name: '_fc', inputs: 1280, outputs: 1000 });
  const weights = openWeights(packagedWeights(imageNet.packaged));
  for (const parameter of store.all()) assign(parameter, weights.readFloat32(parameter.name));
  const image = generateImage(`${tag}:image`, height, width).map((value) => (value * 255 - 127) / 128);
  const fields = scoped(() => {
    const x = tf.tensor4d(image, [1, height, width, 3]);
    const features = body.apply(x, { training: false });
    const pooled = tf.mean(head.apply(features[3], { training: false }), [1, 2]) as Tensor2D;
    const logits = classifier.apply(pooled).dataSync<'float32'>();
    const nchw = (map: Tensor4D): ArrayLike<number> => tf.transpose(map, [0, 3, 1, 2]).dataSync();
    const errors: Record<string, number> = { normalised: tensorError(golden.normalised, nchw(x)) };
    features.forEach((map, i) => {
      errors[`features.${i}`] = tensorError(golden.features[i], nchw(map));
    });
    errors.logits = tensorError(golden.logits, logits);
    const top5 = [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, 5);
    errors.top5 = top5.filter((k, i) => k !== golden.top5[i]).length;
    return errors;
  });
  store.dispose();
  return Object.entries(fields).map(([field, maxError]) => {
    const tolerance = field === 'top5' ? 0 : TOLERANCE;
    return { field, maxError, tolerance, ok: maxError <= tolerance };
  });
}
