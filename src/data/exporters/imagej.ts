import { zipSync } from 'fflate';
import { maskPolygons } from '../../geometry/contour';
import type { Instances } from '../../geometry/instances';
import { rleToCropMask } from '../../geometry/rle';
import { encodeRoi } from '../formats/imagej_roi';
import { safeName } from '../safe_name';

/** The day all files in the zip are of: the same cells give the same bytes. */
const DAY = new Date(2000, 0, 1);

/**
 * The instances as a ROI set of ImageJ: one .roi a cell, its lines along pixel edges, its class as the group number
 * (1..255) and in its name. An empty mask gives none.
 *
 * @param classes names of the classes 1..K.
 */
export function roiZip(instances: Instances, classes: readonly string[]): Uint8Array {
  const files: Record<string, [Uint8Array, { mtime: Date }]> = {};
  instances.masks.forEach((mask, i) => {
    const rings = maskPolygons(rleToCropMask(mask)).flatMap(({ outer, holes }) =>
      [outer, ...holes].map(({ points }) => points),
    );
    if (rings.length === 0) return;
    const label = instances.labels[i];
    const number = String(i + 1).padStart(5, '0');
    const name = safeName(`${number}-${classes[label - 1] ?? `class${label}`}`);
    files[`${name}.roi`] = [encodeRoi({ name, rings, group: Math.min(label, 255) }), { mtime: DAY }];
  });
  return zipSync(files);
}
