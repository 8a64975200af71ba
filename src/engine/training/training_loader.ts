import type { Dataset } from '../../data/dataset';
import { createLoader, type Loader } from '../../data/loader/loader';
import type { ExperimentConfig } from '../config/types';
import { augmentationPlan } from './augmentation_plan';

/** The loader of a run's training images; the caller closes it. */
export function trainingLoader(
  dataset: Dataset,
  ids: readonly string[],
  config: ExperimentConfig,
  say?: (line: string) => void,
): Loader {
  const { batchSize, workers } = config.training;
  return createLoader({
    dataset,
    ids,
    augmentation: augmentationPlan(config),
    seed: config.seed,
    batchSize,
    workers,
    onWarning: say,
  });
}
