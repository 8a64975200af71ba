import type { DatasetRecord } from './record';

/** Fewer stained pixels than this tell nothing. */
const MIN_STAINED = 200;

/**
 * How much more the third channel absorbs than the first inside the cells of a haematoxylin-eosin image: about 0.4 to
 * 0.6 for RGB, over 1.4 for BGR (measured on CoNSeP and on the HW3 sample). Haematoxylin absorbs red far more than
 * blue (optical densities 0.65, 0.70, 0.29; Ruifrok and Johnston 2001). Undefined where the picture is not stained
 * that way (green must absorb most) or has no cells.
 */
export function blueToRedAbsorption(record: DatasetRecord): number | undefined {
  const { image, labelMaps } = record;
  const sums = [0, 0, 0];
  let count = 0;
  for (let p = 0; p < image.length / 3; p++) {
    if (!labelMaps.some((map) => map !== null && map[p] !== 0)) continue;
    const first = DENSITY[image[3 * p]];
    const green = DENSITY[image[3 * p + 1]];
    const third = DENSITY[image[3 * p + 2]];
    if (first + green + third < 0.3) continue;
    sums[0] += first;
    sums[1] += green;
    sums[2] += third;
    count++;
  }
  if (count < MIN_STAINED || sums[1] < Math.max(sums[0], sums[2])) return undefined;
  return sums[2] / Math.max(sums[0], 1e-6);
}

/** Optical density of a grey level on a white ground. */
const DENSITY = Float64Array.from({ length: 256 }, (_, value) => -Math.log10((value + 1) / 256));

/** Whether red and blue look swapped against the order that is declared. */
export function looksSwapped(record: DatasetRecord, order: 'rgb' | 'bgr'): boolean {
  const ratio = blueToRedAbsorption(record);
  if (ratio === undefined) return false;
  return order === 'rgb' ? ratio > 1.2 : ratio < 1 / 1.2;
}
