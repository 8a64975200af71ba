import { DataError, UsageError } from '../../core/errors';
import { createRng, type Rng } from '../../core/rng';

/** Which group each image is of, and how many cells of each class it holds. */
export interface FoldInput {
  /** Image id to group. */
  readonly groupOf: ReadonlyMap<string, string>;
  /** Image id to instances of each class; images that are not there count as images alone. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  /** K, 2 or more. */
  readonly folds: number;
  readonly seed: number;
}

/** What a group adds to its fold, as shares of the whole: groups, images, then instances of each class. */
type Shares = Float64Array;

/**
 * Deals groups out to K folds, so that each fold holds nearly a K-th of the groups, the images, and the instances of every
 * class: the best of several random starts, each improved by single moves and exchanges until none helps. Gives the
 * fold of every image, 0 to K - 1; images of one group are never in two folds.
 */
export function makeFolds({ groupOf, counts, folds, seed }: FoldInput): Map<string, number> {
  if (!Number.isSafeInteger(folds) || folds < 2)
    throw new UsageError(`folds: expected a whole number from 2, got ${folds}`);
  const shares = groupShares(groupOf, counts);
  const names = [...shares.keys()].sort();
  if (names.length < folds)
    throw new DataError(`${folds} folds need as many groups, there are ${names.length}`, {
      fix: 'Ask for fewer folds, or group by something finer (data.groupBy).',
    });
  const rng = createRng(seed).fork('folds');
  const rows = names.map((name) => shares.get(name) as Shares);
  let best: Int32Array | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let start = 0; start < 8; start++) {
    const found = improve(deal(rows, folds, rng.fork(start)), rows, folds);
    const cost = costOf(found, rows, folds);
    if (cost < least - 1e-12) [best, least] = [found, cost];
  }
  const foldOfGroup = new Map(names.map((name, g) => [name, (best as Int32Array)[g]]));
  return new Map([...groupOf].map(([id, group]) => [id, foldOfGroup.get(group) as number]));
}

function groupShares(
  groupOf: ReadonlyMap<string, string>,
  counts: ReadonlyMap<string, readonly number[]>,
): Map<string, Shares> {
  const classes = Math.max(0, ...[...counts.values()].map((count) => count.length));
  const groups = new Set(groupOf.values()).size;
  const totals = new Float64Array(classes + 2);
  const shares = new Map<string, Shares>();
  for (const [id, group] of groupOf) {
    const first = !shares.has(group);
    const own = shares.get(group) ?? new Float64Array(classes + 2);
    shares.set(group, own);
    [first ? 1 : 0, 1, ...(counts.get(id) ?? [])].forEach((value, k) => {
      own[k] += value;
      totals[k] += value;
    });
  }
  totals[0] = groups;
  for (const own of shares.values()) for (let k = 0; k < own.length; k++) own[k] /= Math.max(1, totals[k]);
  return shares;
}

/** Groups in random order, the next always to a fold that holds the fewest. */
function deal(rows: readonly Shares[], folds: number, rng: Rng): Int32Array {
  const order = rng.shuffle([...rows.keys()]);
  const foldOf = new Int32Array(rows.length);
  for (const [turn, g] of order.entries()) foldOf[g] = turn % folds;
  return foldOf;
}

/** Squared distances of the shares of all folds from 1 / K: groups and images count as much as all classes together. */
function costOf(foldOf: Int32Array, rows: readonly Shares[], folds: number): number {
  const sums = Array.from({ length: folds }, () => new Float64Array(rows[0].length));
  for (const [g, row] of rows.entries()) for (let k = 0; k < row.length; k++) sums[foldOf[g]][k] += row[k];
  const classes = rows[0].length - 2;
  let cost = 0;
  for (const sum of sums) {
    // An empty fold trains on everything and scores nothing.
    if (sum[0] === 0) return Number.POSITIVE_INFINITY;
    for (let k = 0; k < sum.length; k++)
      cost += (sum[k] - 1 / folds) ** 2 * (k < 2 ? 1 : 1 / Math.max(1, classes));
  }
  return cost;
}

function improve(start: Int32Array, rows: readonly Shares[], folds: number): Int32Array {
  const chosen = start.slice();
  let cost = costOf(chosen, rows, folds);
  // Changes one thing, keeps it where it helps.
  const attempt = (change: () => void, undo: () => void): boolean => {
    change();
    const next = costOf(chosen, rows, folds);
    if (next < cost - 1e-12) {
      cost = next;
      return true;
    }
    undo();
    return false;
  };
  for (let round = 0, better = true; better && round < 50; round++) {
    better = false;
    for (let g = 0; g < chosen.length; g++)
      for (let f = 0; f < folds; f++) {
        const before = chosen[g];
        if (f === before) continue;
        better =
          attempt(
            () => {
              chosen[g] = f;
            },
            () => {
              chosen[g] = before;
            },
          ) || better;
      }
    for (let g = 0; g < chosen.length; g++)
      for (let other = g + 1; other < chosen.length; other++) {
        if (chosen[g] === chosen[other]) continue;
        const exchange = (): void => {
          [chosen[g], chosen[other]] = [chosen[other], chosen[g]];
        };
        better = attempt(exchange, exchange) || better;
      }
  }
  return chosen;
}
