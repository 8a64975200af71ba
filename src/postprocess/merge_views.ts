import { ShapeError } from '../core/errors';
import type { Instances } from '../structures/instances';
import { sortByScore } from '../structures/nms';
import { type BoxXywh, type Rle, rleArea, rleBox } from '../structures/rle';
import { encodeCropMask, rleToCropMask } from '../structures/rle_raster';
import { boxesMeet, sharedPixels } from '../structures/rle_sets';
import { sortInstances } from './map_masks';
import { DEFAULT_VIEWS, unviewInstances, type View, type ViewedImage, viewImage } from './views';

export interface MergeSettings {
  /** IoU of masks from which two views show one cell. */
  readonly same: number;
  /** Share of the votes, weighted by score, with which a pixel belongs to the cell. */
  readonly vote: number;
}

export const DEFAULT_MERGE: MergeSettings = { same: 0.5, vote: 0.5 };

/** What a model finds in an image that it sees `scale` times as large as it usually would. */
export type PredictView = (picture: ViewedImage, scale: number) => Instances;

/** Instances of one image from several views of it (test-time augmentation), merged by `mergeViews`. */
export function predictViews(
  picture: ViewedImage,
  predict: PredictView,
  views: readonly View[] = DEFAULT_VIEWS,
  settings: MergeSettings = DEFAULT_MERGE,
): Instances {
  return mergeViews(
    views.map((view) => unviewInstances(predict(viewImage(picture, view), view.scale), view)),
    settings,
  );
}

/** Rows of the views that show one cell, the best first. */
interface Cluster {
  readonly label: number;
  readonly mask: Rle;
  readonly box: BoxXywh;
  readonly area: number;
  readonly members: { readonly view: number; readonly row: number }[];
}

/**
 * One answer from those of several views of an image, all in its coordinates. By falling score each instance joins the
 * cell of its class whose best mask it covers most, with an IoU of `same` at least and no other instance of its view
 * in it; else it begins a cell of its own. Of each cell: the box is the mean weighted by score; a pixel belongs to the
 * mask with `vote` of the score behind it; the score is the mean over all views, 0 for those that do not see the cell.
 * Source of the score's rule: Solovyev et al., Weighted Boxes Fusion, 2021.
 */
export function mergeViews(
  found: readonly Instances[],
  { same, vote }: MergeSettings = DEFAULT_MERGE,
): Instances {
  const [first] = found;
  if (!first) throw new ShapeError('views: expected at least one');
  for (const { height, width } of found)
    if (height !== first.height || width !== first.width)
      throw new ShapeError(
        `views: expected instances of ${first.height} x ${first.width}, got ${height} x ${width}`,
      );
  if (found.length === 1) return first;
  const clusters = gather(found, same);
  const boxes = new Float32Array(4 * clusters.length);
  const scores = new Float32Array(clusters.length);
  clusters.forEach(({ members }, i) => {
    let total = 0;
    for (const { view, row } of members) {
      const weight = found[view].scores[row];
      total += weight;
      for (let k = 0; k < 4; k++) boxes[4 * i + k] += weight * found[view].boxes[4 * row + k];
    }
    for (let k = 0; k < 4; k++) boxes[4 * i + k] /= total || 1;
    scores[i] = total / found.length;
  });
  return sortInstances({
    height: first.height,
    width: first.width,
    boxes,
    scores,
    labels: Int32Array.from(clusters, ({ label }) => label),
    masks: clusters.map((cluster) => voteMask(cluster, found, vote)),
  });
}

function gather(found: readonly Instances[], same: number): Cluster[] {
  const rows = found.flatMap(({ labels }, view) => Array.from(labels, (_, row) => ({ view, row })));
  const order = sortByScore(rows.map(({ view, row }) => found[view].scores[row]));
  const clusters: Cluster[] = [];
  for (const at of order) {
    const { view, row } = rows[at];
    const label = found[view].labels[row];
    const mask = found[view].masks[row];
    const [box, area] = [rleBox(mask), rleArea(mask)];
    let [best, most]: [Cluster | undefined, number] = [undefined, same];
    for (const cluster of clusters) {
      if (cluster.label !== label || !boxesMeet(cluster.box, box)) continue;
      if (cluster.members.some((member) => member.view === view)) continue;
      const shared = sharedPixels(cluster.mask.counts, mask.counts);
      const iou = shared / (cluster.area + area - shared);
      if (iou >= most && (iou > most || best === undefined)) [best, most] = [cluster, iou];
    }
    if (best) best.members.push({ view, row });
    else clusters.push({ label, mask, box, area, members: [{ view, row }] });
  }
  return clusters;
}

/** Pixels with the share `vote` of the members' scores behind them; the best member's mask where there are none. */
function voteMask({ members, mask }: Cluster, found: readonly Instances[], vote: number): Rle {
  if (members.length === 1) return mask;
  const crops = members.map(({ view, row }) => rleToCropMask(found[view].masks[row]));
  const weights = members.map(({ view, row }) => found[view].scores[row]);
  const x = Math.min(...crops.map((crop) => crop.x));
  const y = Math.min(...crops.map((crop) => crop.y));
  const width = Math.max(...crops.map((crop) => crop.x + crop.width)) - x;
  const height = Math.max(...crops.map((crop) => crop.y + crop.height)) - y;
  const votes = new Float64Array(width * height);
  crops.forEach((crop, m) => {
    for (let row = 0, k = 0; row < crop.height; row++) {
      const start = (crop.y + row - y) * width + crop.x - x;
      for (let column = 0; column < crop.width; column++, k++)
        if (crop.data[k] !== 0) votes[start + column] += weights[m];
    }
  });
  const least = vote * weights.reduce((sum, weight) => sum + weight, 0) - 1e-9;
  const data = Uint8Array.from(votes, (value) => (value > 0 && value >= least ? 1 : 0));
  if (!data.includes(1)) return mask;
  return encodeCropMask({ x, y, width, height, data }, found[0].height, found[0].width);
}
