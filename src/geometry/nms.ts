/** Row numbers by falling score; equal scores keep their order (a stable sort, as torchvision's). */
export function sortByScore(scores: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i);
  return order.sort((a, b) => scores[b] - scores[a] || a - b);
}

/** The `k` rows of highest value, by falling value. */
export function topK(values: Float32Array, k: number): Int32Array {
  if (k >= values.length) return sortByScore(values);
  const threshold = Float32Array.from(values).sort()[values.length - k];
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] >= threshold) rows.push(i);
  rows.sort((a, b) => values[b] - values[a] || a - b);
  return Int32Array.from(rows.slice(0, k));
}

/**
 * Greedy non-maximum suppression within groups (classes or pyramid levels): a box goes when its IoU with a better one
 * of its group is over `threshold`. Returns the kept rows by falling score.
 *
 * @param boxes [n * 4] pixels, xyxy. @param groups [n]; without it all boxes compete.
 */
export function nonMaximumSuppression(
  boxes: Float32Array,
  scores: Float32Array,
  threshold: number,
  groups?: Int32Array,
  limit: number = Number.POSITIVE_INFINITY,
): Int32Array {
  const order = sortByScore(scores);
  const kept: number[] = [];
  // Coordinates of the kept boxes of each group, packed, so that the inner loop reads memory in order.
  const packs = new Map<number, { data: Float64Array; count: number }>();
  for (const row of order) {
    if (kept.length >= limit) break;
    const group = groups ? groups[row] : 0;
    let pack = packs.get(group);
    if (!pack) {
      pack = { data: new Float64Array(64 * 5), count: 0 };
      packs.set(group, pack);
    }
    if (suppressed(boxes, row, pack.data, pack.count, threshold)) continue;
    kept.push(row);
    if (pack.count * 5 === pack.data.length) {
      const grown = new Float64Array(pack.data.length * 2);
      grown.set(pack.data);
      pack.data = grown;
    }
    const [x1, y1, x2, y2] = boxes.subarray(row * 4, row * 4 + 4);
    pack.data.set([x1, y1, x2, y2, (x2 - x1) * (y2 - y1)], pack.count * 5);
    pack.count++;
  }
  return Int32Array.from(kept);
}

function suppressed(
  boxes: Float32Array,
  row: number,
  kept: Float64Array,
  count: number,
  threshold: number,
): boolean {
  const x1 = boxes[row * 4];
  const y1 = boxes[row * 4 + 1];
  const x2 = boxes[row * 4 + 2];
  const y2 = boxes[row * 4 + 3];
  const area = (x2 - x1) * (y2 - y1);
  for (let k = 0, at = 0; k < count; k++, at += 5) {
    const width = Math.min(x2, kept[at + 2]) - Math.max(x1, kept[at]);
    if (width <= 0) continue;
    const height = Math.min(y2, kept[at + 3]) - Math.max(y1, kept[at + 1]);
    if (height <= 0) continue;
    const overlap = width * height;
    if (overlap > threshold * (area + kept[at + 4] - overlap)) return true;
  }
  return false;
}
