import type { CropMask } from '../geometry/masks';
import type { LabelMap } from './formats/label_map';

/** The default minimum size: over 5 px, as in the report. */
export const MIN_INSTANCE_PIXELS = 6;

/** The instances of one label map, in the order of their values. */
export interface MapInstances {
  /** [n] the value each instance has in the map. */
  readonly values: Int32Array;
  /** [n] pixels. */
  readonly areas: Int32Array;
  /** [n] cropped to the extent of the instance. */
  readonly masks: readonly CropMask[];
  /** Instances left out because they have fewer pixels than asked for. */
  readonly small: number;
}

/** Values under this are looked up in an array, larger ones in a map. */
const DENSE_LIMIT = 1 << 18;

/** Growing rows of runs: slot, y, first x, end x. */
class Runs {
  data = new Int32Array(4096);
  length = 0;

  push(slot: number, y: number, from: number, to: number): void {
    if (this.length === this.data.length) {
      const grown = new Int32Array(this.data.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length++] = slot;
    this.data[this.length++] = y;
    this.data[this.length++] = from;
    this.data[this.length++] = to;
  }
}

/**
 * Finds the instances of a label map in one pass over its pixels: the pass collects horizontal runs, and box, area and
 * cropped mask follow from those. Pixels of one value are one instance, connected or not.
 *
 * @param map [height * width] @param minPixels smallest area kept, for all or by value.
 */
export function extractInstances(
  map: LabelMap,
  height: number,
  width: number,
  minPixels: number | ((value: number) => number) = MIN_INSTANCE_PIXELS,
): MapInstances {
  const slots = new SlotTable(map instanceof Uint16Array ? 65536 : DENSE_LIMIT);
  const runs = collectRuns(map, height, width, slots);
  const count = slots.values.length;
  const area = new Int32Array(count);
  const box = new Int32Array(count * 4);
  for (let s = 0; s < count; s++) box.set([width, height, 0, 0], s * 4);
  for (let r = 0; r < runs.length; r += 4) {
    const slot = runs.data[r];
    const y = runs.data[r + 1];
    const from = runs.data[r + 2];
    const to = runs.data[r + 3];
    const b = slot * 4;
    area[slot] += to - from;
    if (from < box[b]) box[b] = from;
    if (y < box[b + 1]) box[b + 1] = y;
    if (to > box[b + 2]) box[b + 2] = to;
    if (y >= box[b + 3]) box[b + 3] = y + 1;
  }
  const order = Array.from({ length: count }, (_, s) => s).sort((a, b) => slots.values[a] - slots.values[b]);
  const least = typeof minPixels === 'number' ? () => minPixels : (s: number) => minPixels(slots.values[s]);
  const kept = order.filter((s) => area[s] >= least(s));
  const crops = packCrops(kept, box, count);
  for (let r = 0; r < runs.length; r += 4) {
    const crop = crops[runs.data[r]];
    if (!crop) continue;
    const row = (runs.data[r + 1] - crop.y) * crop.width - crop.x;
    crop.data.fill(1, row + runs.data[r + 2], row + runs.data[r + 3]);
  }
  return {
    values: Int32Array.from(kept, (s) => slots.values[s]),
    areas: Int32Array.from(kept, (s) => area[s]),
    masks: kept.map((s) => crops[s] as CropMask),
    small: count - kept.length,
  };
}

/** Numbers the values of a map in the order they are met. */
class SlotTable {
  readonly values: number[] = [];
  private readonly dense: Int32Array;
  private readonly sparse = new Map<number, number>();

  constructor(denseSize: number) {
    this.dense = new Int32Array(denseSize);
  }

  of(value: number): number {
    const known = value < this.dense.length ? this.dense[value] : (this.sparse.get(value) ?? 0);
    if (known) return known - 1;
    this.values.push(value);
    if (value < this.dense.length) this.dense[value] = this.values.length;
    else this.sparse.set(value, this.values.length);
    return this.values.length - 1;
  }
}

function collectRuns(map: LabelMap, height: number, width: number, slots: SlotTable): Runs {
  const runs = new Runs();
  for (let y = 0, row = 0; y < height; y++, row += width) {
    let x = 0;
    while (x < width) {
      const value = map[row + x];
      const from = x++;
      while (x < width && map[row + x] === value) x++;
      if (value !== 0) runs.push(slots.of(value), y, from, x);
    }
  }
  return runs;
}

/** Empty crops by slot, all in one buffer, which another thread can take over at once. */
function packCrops(kept: readonly number[], box: Int32Array, count: number): (CropMask | undefined)[] {
  const sizes = kept.map((s) => (box[4 * s + 2] - box[4 * s]) * (box[4 * s + 3] - box[4 * s + 1]));
  const data = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const crops: (CropMask | undefined)[] = new Array(count);
  let at = 0;
  kept.forEach((s, i) => {
    const [x, y, right, bottom] = box.subarray(4 * s, 4 * s + 4);
    crops[s] = { x, y, width: right - x, height: bottom - y, data: data.subarray(at, at + sizes[i]) };
    at += sizes[i];
  });
  return crops;
}
