/** An edge between a truth and a detection. */
export interface Edge {
  readonly truth: number;
  readonly detection: number;
}

/**
 * The one-to-one choice of edges with the greatest total weight (weights over 0; an end may stay free). Pieces of the
 * graph that share no end are solved apart: cells touch few others.
 */
export function assignPairs<T extends Edge>(edges: readonly T[], weight: (edge: T) => number): T[] {
  return components(edges).flatMap((part) => (part.length === 1 ? [part[0]] : solve(part, weight)));
}

/** Edges by connected piece. */
function components<T extends Edge>(edges: readonly T[]): T[][] {
  const root = new Map<string, string>();
  const find = (key: string): string => {
    let top = key;
    for (let up = root.get(top); up !== undefined && up !== top; up = root.get(top)) top = up;
    root.set(key, top);
    return top;
  };
  for (const { truth, detection } of edges) root.set(find(`t${truth}`), find(`d${detection}`));
  const parts = new Map<string, T[]>();
  for (const edge of edges) {
    const key = find(`t${edge.truth}`);
    const part = parts.get(key);
    if (part) part.push(edge);
    else parts.set(key, [edge]);
  }
  return [...parts.values()];
}

/** Kuhn-Munkres with potentials on the dense matrix of one piece. Source: e-maxx, Hungarian algorithm in O(n^3). */
function solve<T extends Edge>(edges: readonly T[], weight: (edge: T) => number): T[] {
  const truths = [...new Set(edges.map(({ truth }) => truth))];
  const detections = [...new Set(edges.map(({ detection }) => detection))];
  const n = Math.max(truths.length, detections.length);
  const byPlace = new Map<number, T>();
  const cost = new Float64Array((n + 1) * (n + 1));
  const rowOf = new Map(truths.map((truth, i) => [truth, i + 1]));
  const columnOf = new Map(detections.map((detection, j) => [detection, j + 1]));
  for (const edge of edges) {
    const place = rowOf.get(edge.truth)! * (n + 1) + columnOf.get(edge.detection)!;
    cost[place] = -weight(edge);
    byPlace.set(place, edge);
  }
  const rowAt = assign(cost, n);
  return rowAt.flatMap((row, column) => {
    const edge = column > 0 ? byPlace.get(row * (n + 1) + column) : undefined;
    return edge ? [edge] : [];
  });
}

/** Row assigned to each column 1..n of a square cost matrix, 1-based. */
function assign(cost: Float64Array, n: number): number[] {
  const [rowPotential, columnPotential] = [new Float64Array(n + 1), new Float64Array(n + 1)];
  const rowAt = new Array<number>(n + 1).fill(0);
  const way = new Int32Array(n + 1);
  for (let i = 1; i <= n; i++) {
    rowAt[0] = i;
    const least = new Float64Array(n + 1).fill(Infinity);
    const used = new Uint8Array(n + 1);
    let column = 0;
    do {
      used[column] = 1;
      const row = rowAt[column];
      let [delta, next] = [Infinity, 0];
      for (let j = 1; j <= n; j++) {
        if (used[j] === 1) continue;
        const current = cost[row * (n + 1) + j] - rowPotential[row] - columnPotential[j];
        if (current < least[j]) [least[j], way[j]] = [current, column];
        if (least[j] < delta) [delta, next] = [least[j], j];
      }
      for (let j = 0; j <= n; j++) {
        if (used[j] === 1) {
          rowPotential[rowAt[j]] += delta;
          columnPotential[j] -= delta;
        } else least[j] -= delta;
      }
      column = next;
    } while (rowAt[column] !== 0);
    for (; column !== 0; column = way[column]) rowAt[column] = rowAt[way[column]];
  }
  return rowAt;
}
