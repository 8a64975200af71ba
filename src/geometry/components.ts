/** Connected pieces of a label map. */
export interface Components {
  /** [height * width] 1..count by the first pixel of each piece, row by row; 0 where the map is 0. */
  readonly labels: Int32Array;
  readonly count: number;
}

/**
 * Numbers the connected pieces of equal values other than 0; pixels that touch at a corner are connected, as in
 * scikit-image's `label`. Runs of a row are joined with those of the row above: linear in pixels.
 */
export function connectedComponents(map: ArrayLike<number>, height: number, width: number): Components {
  const labels = new Int32Array(height * width);
  const parents: number[] = [0];
  const find = (label: number): number => {
    let root = label;
    while (parents[root] !== root) root = parents[root];
    for (let next = label; next !== root; ) {
      const above = parents[next];
      parents[next] = root;
      next = above;
    }
    return root;
  };
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; ) {
      const value = map[row + x];
      const from = x++;
      while (x < width && map[row + x] === value) x++;
      if (value === 0) continue;
      let label = 0;
      // The row above, one pixel farther on either side.
      const end = y > 0 ? Math.min(width, x + 1) : 0;
      for (let above = Math.max(0, from - 1); above < end; above++) {
        if (map[row - width + above] !== value) continue;
        const root = find(labels[row - width + above]);
        if (label === 0) label = root;
        else if (root !== label) {
          const [low, high] = root < label ? [root, label] : [label, root];
          parents[high] = low;
          label = low;
        }
      }
      if (label === 0) {
        label = parents.length;
        parents.push(label);
      }
      labels.fill(label, row + from, row + x);
    }
  }
  const numbers = new Int32Array(parents.length);
  let count = 0;
  for (let p = 0; p < labels.length; p++) {
    if (labels[p] === 0) continue;
    const root = find(labels[p]);
    if (numbers[root] === 0) numbers[root] = ++count;
    labels[p] = numbers[root];
  }
  return { labels, count };
}
