import type { Precision } from '../../backend/precision';
import type { MaskRcnnConfig } from '../../detection/config';
import type { ExperimentConfig } from '../config/types';

/**
 * The network of a configuration. Normalising twice is normalising once with other numbers:
 * ((x - m) / d - m) / d = (x - m (1 + d)) / d^2.
 */
export function networkConfig({
  model,
  normalisation,
}: Pick<ExperimentConfig, 'model' | 'normalisation'>): MaskRcnnConfig {
  if (normalisation.times === 1) return model;
  const { mean, deviation } = model.image;
  const image = {
    ...model.image,
    mean: mean.map((m, c) => m * (1 + deviation[c])),
    deviation: deviation.map((d) => d * d),
  };
  return { ...model, image };
}

/** The precision of a configuration; `auto` is settled before a run is described. */
export function precisionOf({ runtime }: Pick<ExperimentConfig, 'runtime'>): Precision {
  return runtime.precision === 'bfloat16' ? 'bfloat16' : 'float32';
}
