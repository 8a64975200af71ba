import { createLoader, type Loader } from '../../data/loader/loader';
import type { ExperimentConfig } from '../config/types';
import { augmentationPlan } from './augmentation_plan';
import type { PreparedData } from './prepare_data';

/** The loader of a run's training images; the caller closes it. */
export function trainingLoader(
  { dataset, split, weights }: Pick<PreparedData, 'dataset' | 'split' | 'weights'>,
  config: ExperimentConfig,
  say?: (line: string) => void,
): Loader {
  const { batchSize, workers } = config.training;
  return createLoader({
    dataset,
    ids: split.train,
    augmentation: augmentationPlan(config),
    seed: config.seed,
    batchSize,
    workers,
    weights,
    falseBoxes: config.data.emptyImages === 'falseBox',
    onCorrupt: config.data.onCorrupt,
    onWarning: say,
  });
}
