import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { openWeights } from '../models/weights/open';
import type { ScheduleState } from './schedule';

/** Where a run stands, beside its tensors. Everything random is a function of the seed and of these counts. */
export interface TrainingProgress {
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

const NAMES = {
  last: 'last.safetensors',
  previous: 'previous.safetensors',
  best: 'best.safetensors',
} as const;
/** What `previous` was called in runs of before. */
const OLD_PREVIOUS = 'before.safetensors';
export type CheckpointName = keyof typeof NAMES;

export function checkpointFile(dir: string, name: CheckpointName): string {
  const file = path.join(dir, 'checkpoints', NAMES[name]);
  const old = path.join(dir, 'checkpoints', OLD_PREVIOUS);
  return name === 'previous' && !existsSync(file) && existsSync(old) ? old : file;
}

/** The state that the newest sound checkpoint holds, without its tensors. */
export function savedState(dir: string): TrainingProgress | null {
  for (const name of ['last', 'previous'] as const) {
    try {
      return JSON.parse(openWeights(checkpointFile(dir, name)).metadata.state) as TrainingProgress;
    } catch {
      // The one before, or none.
    }
  }
  return null;
}
