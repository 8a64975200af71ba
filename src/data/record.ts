import type { CropMask } from '../geometry/masks';
import { extractInstances, MIN_INSTANCE_PIXELS } from './extract_instances';
import type { LabelMap } from './formats/label_map';

/** One image with its instances, after augmentation: what the model takes. */
export interface Sample {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255, row by row, channels in the order of the file. */
  readonly image: Uint8Array;
  /** [n * 4] pixels, x1, y1, x2, y2; x2 and y2 are exclusive: the extent of the mask. */
  readonly boxes: Float32Array;
  /** [n] 1..K. */
  readonly labels: Int32Array;
  /** [n] */
  readonly masks: readonly CropMask[];
  /** Regions that are neither target nor error (COCO crowd). */
  readonly ignore: readonly CropMask[];
  /** Transforms that acted on it, in order; undefined for an image as it is in its folder. */
  readonly applied?: readonly string[];
}

/** One image of a data set as it is in its folder: pixels and one label map a class. Never changed once made. */
export interface DatasetRecord {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], 0..255, row by row, channels in the order of the file. */
  readonly image: Uint8Array;
  /** [K]; `labelMaps[c - 1]` is class c, null where the class does not occur. */
  readonly labelMaps: readonly (LabelMap | null)[];
  /** Regions that are neither target nor error; null where there are none. */
  readonly ignore: LabelMap | null;
}

/** Bytes of the arrays of a record: what a cache has to count. */
export function recordBytes(record: DatasetRecord): number {
  let bytes = record.image.byteLength + (record.ignore?.byteLength ?? 0);
  for (const map of record.labelMaps) bytes += map?.byteLength ?? 0;
  return bytes;
}

/**
 * The record as the model takes it, unchanged by augmentation: instances class by class, in the order of their values.
 * The image is shared with the record, not copied.
 *
 * @param minPixels smallest area kept, for all or by class index (from 0) and value.
 */
export function recordToSample(
  record: DatasetRecord,
  minPixels: number | ((classIndex: number, value: number) => number) = MIN_INSTANCE_PIXELS,
): Sample {
  const { id, height, width, image, labelMaps, ignore } = record;
  const masks: CropMask[] = [];
  const labels: number[] = [];
  labelMaps.forEach((map, c) => {
    if (!map) return;
    const least = typeof minPixels === 'number' ? minPixels : (value: number) => minPixels(c, value);
    for (const mask of extractInstances(map, height, width, least).masks) {
      masks.push(mask);
      labels.push(c + 1);
    }
  });
  const boxes = new Float32Array(masks.length * 4);
  masks.forEach((mask, i) => {
    boxes.set([mask.x, mask.y, mask.x + mask.width, mask.y + mask.height], i * 4);
  });
  return {
    id,
    height,
    width,
    image,
    boxes,
    labels: Int32Array.from(labels),
    masks,
    ignore: ignore ? extractInstances(ignore, height, width, 1).masks : [],
  };
}
