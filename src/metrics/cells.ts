import { ShapeError } from '../core/errors';
import type { Instances } from '../structures/instances';
import { countCells } from './cell_counts';
import { matchCells, type ScoreThreshold } from './cell_match';
import { type CellSummary, summarizeCells } from './cell_summary';
import { detectionsOf, type EvaluationImage } from './evaluation_image';

/**
 * Panoptic quality, AJI, Dice and F1 of predictions at or over a score threshold; image i of both lists is the same
 * image.
 */
export function evaluateCells(
  images: readonly EvaluationImage[],
  predictions: readonly Instances[],
  options: { readonly classes: number; readonly scoreThreshold?: ScoreThreshold },
): CellSummary {
  if (images.length !== predictions.length)
    throw new ShapeError(`expected predictions of ${images.length} images, got ${predictions.length}`);
  return summarizeCells(
    images.map((image, i) =>
      countCells(matchCells(image, detectionsOf(predictions[i]), options.scoreThreshold), options.classes),
    ),
  );
}
