import type { DataFrame } from 'danfojs-node';
import { DataError, nearestName } from '../core/errors';
import type { Evaluation } from '../evaluation/evaluate';
import type { CropMask } from '../geometry/masks';
import { applyThresholds } from '../inference/postprocess/scores';
import { contoursOf, drawPanels } from '../plots/overlay';
import { coveredCells } from '../report/images';
import { frameOf } from './tables';

/**
 * One row a true cell, and for each run whether it finds it: a detection of its class, at or over a score, covers it by
 * half. The evaluations are of the same images.
 */
export function detectionTable(
  evaluations: readonly Evaluation[],
  names: readonly string[],
  threshold = 0.5,
): DataFrame {
  const [{ set, about }] = evaluations;
  const rows = set.samples.flatMap((sample, i) => {
    const found = evaluations.map(({ predictions }) => {
      const covered = coveredCells(applyThresholds(predictions[i], threshold), sample);
      return new Set(covered);
    });
    return sample.masks.map((mask, cell) => ({
      image: sample.id,
      cell,
      class: about.classes[sample.labels[cell] - 1],
      area: mask.data.reduce((sum, inside) => sum + Number(inside !== 0), 0),
      ...Object.fromEntries(names.map((name, e) => [name, found[e].has(cell)])),
    }));
  });
  return frameOf(rows);
}

/** Pixels around a cell that are shown with it. */
const MARGIN = 24;

/** One true cell and what was predicted around it, scaled up. PNG bytes. */
export async function drawCell(
  { set, predictions, about, dataset }: Evaluation,
  image: string,
  cell: number,
  threshold = 0.5,
): Promise<Buffer> {
  const i = set.samples.findIndex(({ id }) => id === image);
  if (i < 0) {
    const near = nearestName(
      image,
      set.samples.map(({ id }) => id),
    );
    throw new DataError(`no image "${image}" was evaluated${near ? `, did you mean "${near}"?` : ''}`);
  }
  const sample = set.samples[i];
  const mask = sample.masks[cell];
  if (!mask) throw new DataError(`image "${image}" has ${sample.masks.length} cells, no cell ${cell}`);
  const x = Math.max(0, mask.x - MARGIN);
  const y = Math.max(0, mask.y - MARGIN);
  const width = Math.min(sample.width, mask.x + mask.width + MARGIN) - x;
  const height = Math.min(sample.height, mask.y + mask.height + MARGIN) - y;
  const crop = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * sample.width + x) * 3;
    crop.set(sample.image.subarray(from, from + width * 3), row * width * 3);
  }
  const moved = (masks: readonly CropMask[]): CropMask[] =>
    masks.map((one) => clipped({ ...one, x: one.x - x, y: one.y - y }, width, height));
  const found = contoursOf(applyThresholds(predictions[i], threshold));
  const name = about.classes[sample.labels[cell] - 1];
  return await drawPanels(
    { image: crop, width, height },
    [
      { title: `${name}, cell ${cell}`, contours: { labels: [sample.labels[cell]], masks: moved([mask]) } },
      { title: `predicted at ${threshold}`, contours: { labels: found.labels, masks: moved(found.masks) } },
    ],
    {
      classes: about.classes,
      channelOrder: dataset.channelOrder,
      pixelSize: dataset.pixelSize,
      scale: Math.max(2, Math.round(360 / width)),
    },
  );
}

/** The part of a mask that lies within an image. */
function clipped(mask: CropMask, width: number, height: number): CropMask {
  const left = Math.max(0, mask.x);
  const top = Math.max(0, mask.y);
  const w = Math.max(0, Math.min(width, mask.x + mask.width) - left);
  const h = Math.max(0, Math.min(height, mask.y + mask.height) - top);
  const data = new Uint8Array(w * h);
  for (let row = 0; row < h; row++) {
    const from = (top - mask.y + row) * mask.width + left - mask.x;
    data.set(mask.data.subarray(from, from + w), row * w);
  }
  return { x: left, y: top, width: w, height: h, data };
}
