import type { EpochMetrics, Metrics } from '../engine/run/run_folder';

/** Validations as points of a curve. */
export function curvePoints(metrics: readonly Metrics[]): { step: number; total: number; AP50: number }[] {
  return metrics
    .filter((line): line is EpochMetrics => line.type === 'epoch')
    .flatMap(({ step, validation }) =>
      validation ? [{ step, total: validation.total, AP50: validation.AP50 }] : [],
    );
}
