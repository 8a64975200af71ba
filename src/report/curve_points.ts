import { epochsOf, type Metrics } from '../engine/run/run_folder';

/** Validations as points of a curve. */
export function curvePoints(metrics: readonly Metrics[]): { step: number; total: number; AP50: number }[] {
  return epochsOf(metrics).flatMap(({ step, validation }) =>
    validation ? [{ step, total: validation.total, AP50: validation.AP50 }] : [],
  );
}
