import * as fs from 'node:fs';
import { scoped } from '../../backend/scope';
import { WeightsError } from '../../core/errors';
import type { MaskRcnn } from '../../detection/mask_rcnn';
import { toTorch } from '../../layers/parameters';
import { assign, loadState } from '../../weights/load_state';
import { modelTensors } from '../../weights/model_tensors';
import { openWeights } from '../../weights/open';
import { type TensorToWrite, writeSafetensors } from '../../weights/safetensors_write';
import type { RunFolder } from '../run/run_folder';
import type { Sgd } from './optimizer';
import type { ScheduleState } from './schedule';

/** Where a run stands, beside its tensors. */
export interface TrainingState {
  /** Optimizer steps done. */
  readonly step: number;
  /** The epoch that the next step belongs to, and how many of its batches are done. */
  readonly epoch: number;
  readonly batch: number;
  readonly schedule: ScheduleState;
  readonly best: { readonly epoch: number; readonly AP50: number } | null;
  /** Early stopping: the best validation loss so far and the validations since. */
  readonly stopping: { readonly best: number | null; readonly since: number };
}

export const INITIAL_STATE: Omit<TrainingState, 'schedule'> = {
  step: 0,
  epoch: 0,
  batch: 0,
  best: null,
  stopping: { best: null, since: 0 },
};

const OPTIMIZER = 'optimizer.';
const NAMES = { last: 'last.safetensors', before: 'before.safetensors', best: 'best.safetensors' } as const;
export type CheckpointName = keyof typeof NAMES;

export function checkpointFile(run: RunFolder, name: CheckpointName): string {
  return run.file('checkpoints', NAMES[name]);
}

/** Writes `last` (keeping the one before it) and, when asked, `best`. Each is whole or not there. */
export function saveCheckpoint(run: RunFolder, model: MaskRcnn, optimizer: Sgd, state: TrainingState): void {
  const layouts = new Map(model.parameters.all().map((parameter) => [parameter.name, parameter]));
  const momenta = [...optimizer.state()].map(([name, tensor]): TensorToWrite => {
    const { layout, torchShape } = layouts.get(name)!;
    const data = () => scoped(() => toTorch(tensor, layout, torchShape).dataSync<'float32'>());
    return { name: `${OPTIMIZER}${name}`, dtype: 'float32', shape: torchShape, data };
  });
  const last = checkpointFile(run, 'last');
  const fresh = `${last}.next`;
  writeSafetensors(fresh, [...modelTensors(model), ...momenta], { state: JSON.stringify(state) });
  if (fs.existsSync(last)) fs.renameSync(last, checkpointFile(run, 'before'));
  fs.renameSync(fresh, last);
}

export function saveBest(run: RunFolder, model: MaskRcnn, state: TrainingState): void {
  writeSafetensors(checkpointFile(run, 'best'), modelTensors(model), { state: JSON.stringify(state) });
}

/** Restores weights, momentum and state from `last`, else from the one before it. */
export function restoreCheckpoint(run: RunFolder, model: MaskRcnn, optimizer: Sgd): TrainingState | null {
  for (const name of ['last', 'before'] as const) {
    const file = checkpointFile(run, name);
    if (!fs.existsSync(file)) continue;
    try {
      const weights = openWeights(file);
      const parameters = new Map(model.parameters.all().map((parameter) => [parameter.name, parameter]));
      for (const parameter of parameters.values()) assign(parameter, weights.readFloat32(parameter.name));
      for (const tensor of weights.tensors) {
        if (!tensor.name.startsWith(OPTIMIZER)) continue;
        const parameter = parameters.get(tensor.name.slice(OPTIMIZER.length));
        if (parameter) optimizer.restoreTorch(parameter, weights.readFloat32(tensor.name));
      }
      return JSON.parse(weights.metadata.state) as TrainingState;
    } catch (error) {
      if (name === 'before') throw error;
    }
  }
  return null;
}

/** Loads a run's weights for testing: the best checkpoint where there is one, else the last. */
export function loadWeights(run: RunFolder, model: MaskRcnn, name?: 'best' | 'last'): string {
  const wanted = name ? [name] : (['best', 'last', 'before'] as const);
  const found = wanted.find((candidate) => fs.existsSync(checkpointFile(run, candidate)));
  if (!found)
    throw new WeightsError(`has no ${name ?? ''} checkpoint`, {
      where: run.dir,
      fix: 'Train it first, or choose another with --checkpoint.',
    });
  loadState(model, openWeights(checkpointFile(run, found)), (tensor) =>
    tensor.startsWith(OPTIMIZER) ? undefined : tensor,
  );
  return found;
}
