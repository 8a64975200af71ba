import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { WeightsError } from '../core/errors';
import { fileError } from '../core/files';
import type { MaskRcnn } from '../models/mask_rcnn';
import { type TensorToWrite, writeSafetensors } from '../models/weights/formats/safetensors';
import type { WeightsFile } from '../models/weights/formats/stored_tensor';
import { assign, loadState, modelTensors } from '../models/weights/load_state';
import { openWeights } from '../models/weights/open';
import { type Parameter, toTorch } from '../nn/parameters';
import { scoped } from '../runtime/scope';
import type { Tensor } from '../runtime/tf';
import { type CheckpointName, checkpointFile, type TrainingProgress } from './checkpoint_state';
import type { Optimizer } from './optimizers';
import type { WeightAverage } from './weight_average';

/** What a checkpoint holds and restores. */
export interface TrainingState {
  readonly model: MaskRcnn;
  readonly optimizer: Optimizer;
  readonly average: WeightAverage | null;
}

const OPTIMIZER = 'optimizer.';
const AVERAGE = 'average.';

/** Writes `last`, keeping the one before it. Each is whole or not there. */
export function saveCheckpoint(
  dir: string,
  { model, optimizer, average }: TrainingState,
  state: TrainingProgress,
): void {
  const parameters = new Map(model.parameters.all().map((parameter) => [parameter.name, parameter]));
  const buffers = [...optimizer.buffers.all()].map(([key, tensor]) =>
    torchTensor(`${OPTIMIZER}${key}`, parameters.get(key.slice(key.indexOf('.') + 1)) as Parameter, tensor),
  );
  const averages = [...(average?.all() ?? [])].map(([name, tensor]) =>
    torchTensor(`${AVERAGE}${name}`, parameters.get(name) as Parameter, tensor),
  );
  const last = checkpointFile(dir, 'last');
  const fresh = `${last}.next`;
  writeChecked(fresh, [...modelTensors(model), ...buffers, ...averages], state);
  try {
    if (fs.existsSync(last)) fs.renameSync(last, checkpointFile(dir, 'previous'));
    fs.renameSync(fresh, last);
  } catch (error) {
    throw fileError(error, last, 'write');
  }
}

export function saveBest(dir: string, model: MaskRcnn, state: TrainingProgress): void {
  writeChecked(checkpointFile(dir, 'best'), modelTensors(model), state);
}

/** Restores weights, buffers and state from `last`, else from the one before it; null where there is none. */
export function restoreCheckpoint(
  dir: string,
  { model, optimizer, average }: TrainingState,
  say: (line: string) => void,
): TrainingProgress | null {
  for (const name of ['last', 'previous'] as const) {
    const file = checkpointFile(dir, name);
    if (!fs.existsSync(file)) continue;
    try {
      const weights = openChecked(file);
      const parameters = new Map(model.parameters.all().map((parameter) => [parameter.name, parameter]));
      for (const parameter of parameters.values()) assign(parameter, weights.readFloat32(parameter.name));
      for (const tensor of weights.tensors) {
        const key = tensor.name.slice(tensor.name.indexOf('.') + 1);
        if (tensor.name.startsWith(OPTIMIZER)) {
          const dot = key.indexOf('.');
          const parameter = parameters.get(key.slice(dot + 1)) as Parameter;
          optimizer.buffers.restoreTorch(key.slice(0, dot), parameter, weights.readFloat32(tensor.name));
        } else if (tensor.name.startsWith(AVERAGE))
          average?.restoreTorch(parameters.get(key) as Parameter, weights.readFloat32(tensor.name));
      }
      return JSON.parse(weights.metadata.state) as TrainingProgress;
    } catch (error) {
      if (name === 'previous') throw error;
      say(`warning: ${(error as Error).message}: the checkpoint before it is used`);
      // Out of the way, or the next save would put it in the place of the one before.
      fs.renameSync(file, `${file}.damaged`);
    }
  }
  return null;
}

/** Loads a run's weights for testing: the best checkpoint where there is one, else the last. Averages go first. */
export function loadWeights(dir: string, model: MaskRcnn, name?: 'best' | 'last'): CheckpointName {
  const wanted = name ? [name] : (['best', 'last', 'previous'] as const);
  const found = wanted.find((candidate) => fs.existsSync(checkpointFile(dir, candidate)));
  if (!found)
    throw new WeightsError(`has no ${name ?? ''} checkpoint`, {
      where: dir,
      fix: 'Train it first, or choose another with --checkpoint.',
    });
  const weights = openChecked(checkpointFile(dir, found));
  loadState(model, weights, {
    rename: (tensor) => {
      if (tensor.startsWith(OPTIMIZER)) return undefined;
      if (tensor.startsWith(AVERAGE)) return tensor.slice(AVERAGE.length);
      return weights.has(`${AVERAGE}${tensor}`) ? undefined : tensor;
    },
  });
  return found;
}

function torchTensor(name: string, { layout, torchShape }: Parameter, tensor: Tensor): TensorToWrite {
  const data = () => scoped(() => toTorch(tensor, layout, torchShape).dataSync<'float32'>());
  return { name, dtype: 'float32', shape: torchShape, data };
}

/** All tensors are float32, so that the file keeps their order and one hash over their values will do. */
function writeChecked(file: string, tensors: readonly TensorToWrite[], state: TrainingProgress): void {
  const hash = createHash('sha256');
  for (const { data } of tensors) {
    const values = typeof data === 'function' ? data() : data;
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  writeSafetensors(file, tensors, { state: JSON.stringify(state), sha256: hash.digest('hex') });
}

/** The checksum that a checkpoint was written with; null where there is none of that name. */
export function checkpointDigest(dir: string, name: CheckpointName): string | null {
  const file = checkpointFile(dir, name);
  return fs.existsSync(file) ? (openWeights(file).metadata.sha256 ?? null) : null;
}

function openChecked(file: string): WeightsFile {
  const weights = openWeights(file);
  const hash = createHash('sha256');
  for (const { name } of weights.tensors) hash.update(weights.readBytes(name));
  if (hash.digest('hex') !== weights.metadata.sha256)
    throw new WeightsError('is damaged: its values do not match its checksum', {
      where: file,
      fix: 'Delete it; the run continues from the checkpoint before.',
    });
  return weights;
}
