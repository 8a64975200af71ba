import type { ExperimentConfig } from '../config/schema';
import type { RunDescription } from './run_folder';

/**
 * `2 of 8 validation images`, where a run scores a part of them while it trains: such an AP50 is not the one that evaluation
 * gives, which takes all. Null where it scores all, or does not say.
 */
export function validationSubset(
  { validation }: Partial<Pick<ExperimentConfig, 'validation'>>,
  split?: Pick<RunDescription['split'], 'val'>,
): string | null {
  const images = validation?.images ?? null;
  if (images === null || !split || images >= split.val.length) return null;
  return `${images} of ${split.val.length} validation images`;
}
