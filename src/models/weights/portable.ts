import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../config/architectures';
import { withTodaysNames } from '../../config/legacy';
import type { MaskRcnnConfig } from '../../config/schema';
import { WeightsError } from '../../core/errors';
import type { MaskRcnn } from '../mask_rcnn';
import { toFloat16Bytes } from './formats/dtype';
import { type TensorToWrite, writeSafetensors } from './formats/safetensors';
import { type ModelTensor, modelTensors } from './load_state';
import { openWeights } from './open';

/** What a portable model file says beside its weights: all that is needed to use them on new images. */
export interface PortableModel {
  readonly architecture: ArchitectureName;
  readonly config: MaskRcnnConfig;
  /** Class names 1..K. */
  readonly classes: readonly string[];
  /** Micrometres a pixel of the training images; null where it is not known. */
  readonly pixelSize: number | null;
  readonly channelOrder: 'rgb' | 'bgr';
  /** Factor by which images are scaled for the network. */
  readonly scale: number;
  /** Score threshold of every class. */
  readonly thresholds: readonly number[];
}

const FORMAT = 'cytobench-model-1';

/**
 * Writes one `.safetensors` file: torchvision's names and layout, so that its `load_state_dict(strict=True)` takes the
 * tensors, and the rest in the header's metadata.
 * @param half kernels and matrices in float16, so that the file is half as long; biases and norms stay float32.
 */
export function writePortableModel(
  file: string,
  model: MaskRcnn,
  about: PortableModel,
  { half = false }: { readonly half?: boolean } = {},
): void {
  const metadata = {
    format: FORMAT,
    model: about.architecture,
    classes: about.classes.join(','),
    normEpsilon: String(about.config.normEpsilon),
    cytobench: JSON.stringify(about),
  };
  writeSafetensors(
    file,
    [...modelTensors(model).map(half ? halved : (tensor) => tensor), ...trackedBatches(model)],
    metadata,
  );
}

/** Statistics of norms may be outside of what float16 holds, and are few. */
function halved(tensor: ModelTensor): TensorToWrite {
  if (tensor.shape.length < 2) return tensor;
  return { ...tensor, dtype: 'float16', data: () => toFloat16Bytes(tensor.data()) };
}

/** PyTorch's live norms count batches in a scalar that nothing here reads; a strict load wants it present. */
function trackedBatches(model: MaskRcnn): Parameters<typeof writeSafetensors>[1] {
  const live = model.parameters
    .all()
    .filter(
      ({ name, torchShape }) =>
        name.endsWith('.running_mean') && isLive(model, name) && torchShape.length === 1,
    );
  return live.map(({ name }) => ({
    name: name.replace(/running_mean$/, 'num_batches_tracked'),
    dtype: 'int64' as const,
    shape: [],
    data: new Uint8Array(8),
  }));
}

/** The scale of a frozen norm is a buffer, that of a live one a parameter. */
function isLive(model: MaskRcnn, runningMean: string): boolean {
  return model.parameters.get(runningMean.replace(/running_mean$/, 'weight'))?.buffer === false;
}

/** Reads what a portable file says; null where the file is weights alone. */
export function readPortableModel(file: string): PortableModel | null {
  const { metadata } = openWeights(file);
  if (metadata.format !== FORMAT) return null;
  try {
    const about = JSON.parse(metadata.cytobench) as PortableModel & { readonly enlarge?: number };
    if (!ARCHITECTURE_NAMES.includes(about.architecture))
      throw new Error(`unknown architecture ${about.architecture}`);
    const config = withTodaysNames<MaskRcnnConfig>(about.config, 'model');
    return { ...about, config, scale: about.scale ?? about.enlarge ?? 1 };
  } catch (error) {
    throw new WeightsError(`not a usable model file: ${(error as Error).message}`, {
      where: file,
      cause: error,
    });
  }
}

/** A trained model with what is needed to use it; the caller disposes `model`. */
export interface LoadedModel {
  readonly model: MaskRcnn;
  readonly about: PortableModel;
  /** Where it came from: 'best checkpoint of …'. */
  readonly source: string;
  /** Checksum of the checkpoint's values; null for a file. */
  readonly digest: string | null;
}
