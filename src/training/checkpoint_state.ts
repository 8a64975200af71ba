import * as path from 'node:path';
import { openWeights } from '../models/weights/open';
import type { ScheduleState } from './schedule';

/** Where a run stands, beside its tensors. Everything random is a function of the seed and of these counts. */
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
  /** How the run ended of itself; null while there is more to do. */
  readonly ended: 'complete' | 'early' | null;
}

const NAMES = { last: 'last.safetensors', before: 'before.safetensors', best: 'best.safetensors' } as const;
export type CheckpointName = keyof typeof NAMES;

export function checkpointFile(dir: string, name: CheckpointName): string {
  return path.join(dir, 'checkpoints', NAMES[name]);
}

/** The state that the newest sound checkpoint holds, without its tensors. */
export function savedState(dir: string): TrainingState | null {
  for (const name of ['last', 'before'] as const) {
    try {
      return JSON.parse(openWeights(checkpointFile(dir, name)).metadata.state) as TrainingState;
    } catch {
      // The one before, or none.
    }
  }
  return null;
}
