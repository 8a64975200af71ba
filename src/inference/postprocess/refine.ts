import type { Instances } from '../../geometry/instances';
import { type BoundarySettings, refineBoundaries } from './boundary';
import { type MaskNmsSettings, suppressMasks } from './mask_nms';
import { applyMorphology, type MorphologySettings } from './morphology';
import { resolveOverlaps, splitOverlaps } from './overlaps';
import { applySizeScore, applyThresholds, type SizeScoreSettings } from './scores';

/** The steps between a model's instances and the answer; null leaves one out. They run in this order. */
export interface RefineSettings {
  readonly sizeScore: SizeScoreSettings | null;
  /** One score threshold for all classes, or one each. */
  readonly threshold: number | readonly number[] | null;
  readonly morphology: MorphologySettings | null;
  readonly boundary: BoundarySettings | null;
  readonly maskNms: MaskNmsSettings | null;
  /** What two cells cover: all to the higher score, or split between them; null leaves it to both. */
  readonly overlaps: 'score' | 'split' | null;
}

/** Everything off: what the model says. */
export const NO_REFINEMENT: RefineSettings = {
  sizeScore: null,
  threshold: null,
  morphology: null,
  boundary: null,
  maskNms: null,
  overlaps: null,
};

/** Runs the steps that are on. */
export function refine(instances: Instances, settings: Partial<RefineSettings>): Instances {
  const { sizeScore, threshold, morphology, boundary, maskNms, overlaps } = { ...NO_REFINEMENT, ...settings };
  let result = instances;
  if (sizeScore) result = applySizeScore(result, sizeScore);
  if (threshold !== null) result = applyThresholds(result, threshold);
  if (morphology) result = applyMorphology(result, morphology);
  if (boundary) result = refineBoundaries(result, boundary);
  if (maskNms) result = suppressMasks(result, maskNms);
  if (overlaps === 'split') return splitOverlaps(result);
  return overlaps === 'score' ? resolveOverlaps(result) : result;
}
