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
  /** Class predictors of one class, which every class of the model starts from. */
  readonly spread: string[];
}

/** The layers whose size is the number of classes. */
const PREDICTORS = ['box_predictor.', 'mask_predictor.mask_fcn_logits.'];

export interface LoadOptions {
  /**
   * Turns a name of the file into one of the model, or undefined to pass it over: a backbone file has no
   * `backbone.body.` before its names.
   */
  readonly rename?: (name: string) => string | undefined;
  /** The file must give every parameter whose name begins so. Default: all of the model. */
  readonly part?: string;
  /**
   * Whether class predictors may be of another number of classes: they stay as initialised. Those of a file of one class
   * are given to every class: what finds a nucleus and draws it serves each kind of nucleus.
   */
  readonly otherClasses?: boolean;
}

/**
 * Loads by torchvision's names, or throws naming the first tensors that do not fit: one of another shape, or one of the
 * model that the file lacks. A file that fits in part would give a model that nobody trained.
 */
export function loadState(
  model: MaskRcnn,
  file: WeightsFile,
  { rename = (name) => name, part = '', otherClasses = false }: LoadOptions = {},
): LoadReport {
  const report: LoadReport = {
    matched: [],
    missing: [],
    unexpected: [],
    otherShape: [],
    replaced: [],
    spread: [],
  };
  const fitting: { parameter: Parameter; name: string }[] = [];
  const spread: { parameter: Parameter; name: string }[] = [];
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
      fitting.push({ parameter, name });
      report.matched.push(parameter.name);
    } else if (otherClasses && PREDICTORS.some((predictor) => parameter.name.includes(predictor))) {
      if (isOfOneClass(shape, parameter.torchShape, model.config.numClasses)) {
        spread.push({ parameter, name });
        report.spread.push(parameter.name);
      } else report.replaced.push(parameter.name);
    } else report.otherShape.push({ name: parameter.name, model: parameter.torchShape, file: shape });
  }
  for (const { name } of model.parameters.all())
    if (name.startsWith(part) && !seen.has(name)) report.missing.push(name);
  requireFit(model, file, report);
  for (const { parameter, name } of fitting) assign(parameter, toFloat32(file.read(name)));
  for (const { parameter, name } of spread)
    assign(parameter, spreadClass(toFloat32(file.read(name)), parameter.name, model.config.numClasses));
  return report;
}

/** Whether a predictor's shape is that of background and one class, and otherwise the model's. */
function isOfOneClass(file: readonly number[], model: readonly number[], numClasses: number): boolean {
  const [rows, ...rest] = file;
  const [own, ...others] = model;
  return rows * numClasses === own * 2 && sameShape(rest, others);
}

/**
 * The rows of the one class for each of the model's, those of the background as they are. Scores are lowered so that the
 * classes together are as likely as the one was.
 */
function spreadClass(values: Float32Array, name: string, numClasses: number): Float32Array {
  const half = values.length / 2;
  const classes = numClasses - 1;
  const out = new Float32Array(half * numClasses);
  out.set(values.subarray(0, half));
  for (let c = 1; c < numClasses; c++) out.set(values.subarray(half), c * half);
  if (name.endsWith('cls_score.bias')) for (let c = 1; c < numClasses; c++) out[c] -= Math.log(classes);
  return out;
}

function requireFit(model: MaskRcnn, { path }: WeightsFile, report: LoadReport): void {
  const fix = `The model is ${model.config.backbone} with ${model.config.numClasses} classes (background included); \`cytobench weights inspect FILE\` lists what the file holds.`;
  const fail = (message: string): WeightsError => new WeightsError(message, { where: path, fix });
  if (!report.matched.length) throw fail('no tensor of this file belongs to the model');
  if (report.otherShape.length) {
    const [{ name, model: own, file }] = report.otherShape;
    throw fail(
      `${report.otherShape.length} tensors are of another shape, the first ${name}: [${file.join(', ')}] in the file, [${own.join(', ')}] in the model`,
    );
  }
  if (report.missing.length)
    throw fail(
      `${report.missing.length} tensors of the model are not in the file, the first ${report.missing[0]}`,
    );
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

/** One tensor of a model, read when it is written. */
export interface ModelTensor extends TensorToWrite {
  readonly data: () => Float32Array;
}

/** The model's tensors as a file takes them: torchvision's names and layout, read one at a time. */
export function modelTensors(model: MaskRcnn): ModelTensor[] {
  return model.parameters.all().map(({ name, layout, torchShape, variable }) => ({
    name,
    dtype: 'float32' as const,
    shape: torchShape,
    data: () => scoped(() => toTorch(variable, layout, torchShape).dataSync<'float32'>()),
  }));
}
