import * as os from 'node:os';
import type { ExperimentConfig } from '../config/types';

/** What to do where a run will not fit: lines for a person, none where it fits. */
export function memoryAdvice(
  memoryMb: number,
  { augmentation, training }: ExperimentConfig,
  totalMb: number = os.totalmem() / 1e6,
): string[] {
  if (memoryMb < 0.9 * totalMb) return [];
  const mends = [
    ...(training.batchSize > 1
      ? [
          `training.batchSize=${Math.ceil(training.batchSize / 2)} with training.accumulate=${2 * training.accumulate}`,
        ]
      : []),
    augmentation.crop === null
      ? 'augmentation.crop=256'
      : `augmentation.crop=${Math.round(augmentation.crop * 0.7)}`,
  ];
  return [
    `warning: ${(memoryMb / 1000).toFixed(1)} GB will hardly fit into ${(totalMb / 1000).toFixed(1)} GB; try ${mends.join(', or ')}`,
  ];
}
