import { WeightsError } from '../../core/errors';
import { type Parameter, toNative, toTorch } from '../../nn/parameters';
import { scoped } from '../../runtime/scope';
import { tf } from '../../runtime/tf';
import type { MaskRcnn } from '../mask_rcnn';
import { toFloat32 } from './formats/dtype';
import type { TensorToWrite } from './formats/safetensors';
import type { WeightsFile } from './formats/stored_tensor';

/** What a file gave to a model. */
export interface LoadReport {
  /** Names loaded. */
  readonly matched: string[];
  /** In the model and not in the file: they keep their values. */
  readonly missing: string[];
  /** In the file and not in the model. */
  readonly unexpected: string[];
  /** In both, of another shape. */
  readonly otherShape: { name: string; model: readonly number[]; file: readonly number[] }[];
  /** Class predictors of another number of classes, which start afresh. */
  readonly replaced: string[];
}

/** The layers whose size is the number of classes. */
const PREDICTORS = ['box_predictor.', 'mask_predictor.mask_fcn_logits.'];

/**
 * Loads by torchvision's names. A class predictor of another size (COCO's 91 classes) stays as initialised and is
 * named in the report; any other difference of shape is an error unless the whole file does not fit.
 *
 * @param rename turns a name of the file into one of the model, or undefined to pass it over: a backbone file has no
 *   `backbone.body.` before its names.
 */
export function loadState(
  model: MaskRcnn,
  file: WeightsFile,
  rename: (name: string) => string | undefined = (name) => name,
): LoadReport {
  const report: LoadReport = { matched: [], missing: [], unexpected: [], otherShape: [], replaced: [] };
  const seen = new Set<string>();
  for (const { name, shape } of file.tensors) {
    const own = rename(name);
    const parameter = own === undefined ? undefined : model.parameters.get(own);
    if (!parameter) {
      if (!name.endsWith('num_batches_tracked')) report.unexpected.push(name);
      continue;
    }
    seen.add(parameter.name);
    if (sameShape(shape, parameter.torchShape)) {
      assign(parameter, toFloat32(file.read(name)));
      report.matched.push(parameter.name);
    } else if (PREDICTORS.some((part) => parameter.name.includes(part))) report.replaced.push(parameter.name);
    else report.otherShape.push({ name: parameter.name, model: parameter.torchShape, file: shape });
  }
  for (const { name } of model.parameters.all()) if (!seen.has(name)) report.missing.push(name);
  if (!report.matched.length)
    throw new WeightsError('no tensor of this file belongs to the model', {
      where: file.path,
      fix: 'See its names with `cytobench weights inspect`.',
    });
  return report;
}

/** Sets a parameter from values in PyTorch's layout. */
export function assign(parameter: Parameter, values: Float32Array): void {
  tf.tidy(() => {
    const native = toNative(tf.tensor(values, [...parameter.torchShape]), parameter.layout);
    parameter.variable.assign(native.reshape(parameter.variable.shape));
  });
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, i) => side === b[i]);
}

/** The model's tensors as a file takes them: torchvision's names and layout, read one at a time. */
export function modelTensors(model: MaskRcnn): TensorToWrite[] {
  return model.parameters.all().map(({ name, layout, torchShape, variable }) => ({
    name,
    dtype: 'float32' as const,
    shape: torchShape,
    data: () => scoped(() => toTorch(variable, layout, torchShape).dataSync<'float32'>()),
  }));
}
