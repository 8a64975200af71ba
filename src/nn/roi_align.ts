import { hasKernels } from '../runtime/kernels';
import { edgePad, fusedRoiAlign, sampleBoxes } from '../runtime/ops/roi_align';
import { type Tensor4D, tf } from '../runtime/tf';

/** Boxes of several images: row i is in image `imageIndex[i]`. */
export interface Rois {
  /** [n * 4] pixels of the (resized) image, x1, y1, x2, y2. */
  readonly boxes: Float32Array;
  /** [n] */
  readonly imageIndex: Int32Array;
}

/** The pyramid level of a box, from 0: floor(4 + log2(sqrt(area) / 224)) clamped (Lin et al. 2017, eq. 1). */
export function assignLevel(boxes: Float32Array, i: number, levels: number): number {
  const area = (boxes[4 * i + 2] - boxes[4 * i]) * (boxes[4 * i + 3] - boxes[4 * i + 1]);
  // 1e-6 as torchvision's LevelMapper; the pyramid's finest level has stride 4, k = 2.
  const k = Math.floor(4 + Math.log2(Math.sqrt(Math.max(area, 0)) / 224) + 1e-6);
  return Math.min(Math.max(k, 2), 1 + levels) - 2;
}

/**
 * RoIAlign over a feature pyramid (He et al. 2017, section 3), sampling_ratio 2, aligned false: each box is pooled from
 * the level of its size.
 *
 * @param features [N, H_l, W_l, C], strides 4, 8, 16, 32.
 * @returns [n, size, size, C]; [0, size, size, C] without boxes.
 */
export function roiAlign(features: readonly Tensor4D[], rois: Rois, size: number): Tensor4D {
  const n = rois.imageIndex.length;
  const channels = features[0].shape[3];
  if (n === 0) return tf.zeros([0, size, size, channels]);
  if (hasKernels()) {
    const table = new Float32Array(n * 6);
    for (let i = 0; i < n; i++) {
      table.set(rois.boxes.subarray(i * 4, i * 4 + 4), i * 6);
      table[i * 6 + 4] = rois.imageIndex[i];
      table[i * 6 + 5] = assignLevel(rois.boxes, i, features.length);
    }
    return fusedRoiAlign(features, tf.tensor2d(table, [n, 6]), size);
  }
  const byLevel: number[][] = features.map(() => []);
  for (let i = 0; i < n; i++) byLevel[assignLevel(rois.boxes, i, features.length)].push(i);
  const pooled: Tensor4D[] = [];
  const position = new Int32Array(n);
  let at = 0;
  byLevel.forEach((rows, level) => {
    if (!rows.length) return;
    for (const row of rows) position[row] = at++;
    pooled.push(poolLevel(features[level], rois, rows, size, 1 / (4 << level)));
  });
  const all = pooled.length === 1 ? pooled[0] : tf.concat(pooled, 0);
  // Rows of one level are already in order.
  return pooled.length === 1 ? all : (tf.gather(all, tf.tensor1d(position, 'int32')) as Tensor4D);
}

function poolLevel(
  map: Tensor4D,
  rois: Rois,
  rows: readonly number[],
  size: number,
  scale: number,
): Tensor4D {
  const [, height, width] = map.shape;
  const points = new Float32Array(rows.length * 4);
  const images = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    const [x1, y1, x2, y2] = rois.boxes.subarray(row * 4, row * 4 + 4);
    images[i] = rois.imageIndex[row];
    const [top, bottom] = samplingRange(y1 * scale, y2 * scale, size);
    const [left, right] = samplingRange(x1 * scale, x2 * scale, size);
    // The map is padded by its edge by one pixel all round: samples up to a pixel outside take the edge's value.
    points.set(
      [
        (top + 1) / (height + 1),
        (left + 1) / (width + 1),
        (bottom + 1) / (height + 1),
        (right + 1) / (width + 1),
      ],
      i * 4,
    );
  });
  const padded = edgePad(map);
  return sampleBoxes(padded, tf.tensor2d(points, [rows.length, 4]), tf.tensor1d(images, 'int32'), size);
}

/** First and last of 2 * size sampling points between `low` and `high`; a side counts as at least one. */
function samplingRange(low: number, high: number, size: number): [number, number] {
  const bin = Math.max(high - low, 1) / size;
  return [low + bin / 4, low + size * bin - bin / 4];
}
