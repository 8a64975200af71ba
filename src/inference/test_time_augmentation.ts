import { ShapeError } from '../core/errors';
import type { Instances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { sortByScore } from '../geometry/nms';
import { type BoxXywh, encodeCropMask, type Rle, rleArea, rleBox, rleToCropMask } from '../geometry/rle';
import { boxesMeet, sharedPixels } from '../geometry/rle_operations';
import { sortInstances } from './postprocess/masks';

/** A way of looking at an image: mirrored left to right, then turned clockwise, then seen larger or smaller. */
export interface View {
  readonly mirror: boolean;
  /** Quarter turns clockwise, 0 to 3. */
  readonly turns: number;
  /** Factor on the size at which the network sees it. */
  readonly scale: number;
}

/** Pixels that can be looked at from any side. */
export interface ViewedImage {
  readonly height: number;
  readonly width: number;
  /** [height * width * 3] */
  readonly image: Uint8Array | Float32Array;
}

/** As it is; mirrored; a half and a quarter turn; a quarter smaller and a quarter larger. */
export const DEFAULT_VIEWS: readonly View[] = [
  { mirror: false, turns: 0, scale: 1 },
  { mirror: true, turns: 0, scale: 1 },
  { mirror: false, turns: 2, scale: 1 },
  { mirror: true, turns: 1, scale: 1 },
  { mirror: false, turns: 0, scale: 0.8 },
  { mirror: false, turns: 0, scale: 1.25 },
];

/** The image as a view shows it, at its own size: `scale` is for the network. */
export function viewImage<T extends ViewedImage>(picture: T, { mirror, turns }: View): ViewedImage {
  if (!mirror && turns === 0) return picture;
  const { height, width, image } = picture;
  const across = turns % 2 === 1;
  const [h, w] = across ? [width, height] : [height, width];
  const out = image instanceof Uint8Array ? new Uint8Array(image.length) : new Float32Array(image.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = turnPixel(mirror ? width - 1 - x : x, y, width, height, turns);
      const [from, to] = [(y * width + x) * 3, (v * w + u) * 3];
      out[to] = image[from];
      out[to + 1] = image[from + 1];
      out[to + 2] = image[from + 2];
    }
  return { height: h, width: w, image: out };
}

/** Instances found in a view, in the coordinates of the image itself. */
export function unviewInstances(instances: Instances, { mirror, turns }: View): Instances {
  if (!mirror && turns === 0) return instances;
  const back = (4 - turns) % 4;
  const across = back % 2 === 1;
  const [height, width] = across ? [instances.width, instances.height] : [instances.height, instances.width];
  const boxes = new Float32Array(instances.boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    const [x1, y1, x2, y2] = instances.boxes.subarray(i, i + 4);
    const a = turnPoint(x1, y1, instances.width, instances.height, back);
    const b = turnPoint(x2, y2, instances.width, instances.height, back);
    const [left, right] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])];
    boxes.set(
      mirror
        ? [width - right, Math.min(a[1], b[1]), width - left, Math.max(a[1], b[1])]
        : [left, Math.min(a[1], b[1]), right, Math.max(a[1], b[1])],
      i,
    );
  }
  const masks = instances.masks.map((rle) => {
    const turned = turnCrop(rleToCropMask(rle), instances.width, instances.height, back);
    return encodeCropMask(mirror ? mirrorCrop(turned, width) : turned, height, width);
  });
  return { ...instances, height, width, boxes, masks };
}

/** Where a pixel of a width x height image lies after quarter turns clockwise. */
function turnPixel(x: number, y: number, width: number, height: number, turns: number): [number, number] {
  if (turns === 1) return [height - 1 - y, x];
  if (turns === 2) return [width - 1 - x, height - 1 - y];
  return turns === 3 ? [y, width - 1 - x] : [x, y];
}

/** The same for a point: pixel centres are at .5. */
function turnPoint(x: number, y: number, width: number, height: number, turns: number): [number, number] {
  const [u, v] = turnPixel(x - 0.5, y - 0.5, width, height, turns);
  return [u + 0.5, v + 0.5];
}

function turnCrop(mask: CropMask, imageWidth: number, imageHeight: number, turns: number): CropMask {
  if (turns === 0) return mask;
  const { x, y, width, height, data } = mask;
  const a = turnPixel(x, y, imageWidth, imageHeight, turns);
  const b = turnPixel(x + width - 1, y + height - 1, imageWidth, imageHeight, turns);
  const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const [w, h] = turns % 2 === 1 ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  for (let row = 0, k = 0; row < height; row++)
    for (let column = 0; column < width; column++, k++) {
      const [u, v] = turnPixel(column, row, width, height, turns);
      out[v * w + u] = data[k];
    }
  return { x: left, y: top, width: w, height: h, data: out };
}

function mirrorCrop(mask: CropMask, imageWidth: number): CropMask {
  const { x, width, height, data } = mask;
  const out = new Uint8Array(data.length);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      out[row * width + column] = data[(row + 1) * width - 1 - column];
  return { ...mask, x: imageWidth - x - width, data: out };
}

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
