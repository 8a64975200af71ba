import { ConfigError, DataError, nearestName } from '../../core/errors';
import { readJson } from '../../core/files';
import { createRng, type Rng } from '../../core/rng';
import type { Dataset } from '../dataset';
import { extractInstances } from '../extract_instances';
import { formatGroupBy, type GroupBy, groupIds } from './groups';

/** Ids of both sides, in the order of the data set. */
export interface Split {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

export interface SplitOptions {
  readonly groupBy: GroupBy;
  readonly seed: number;
  /** Share of the images for validation, over 0 and under 1; or the groups for it by name. */
  readonly val: number | readonly string[];
  /** Instances a class of every image, where they have been counted already. */
  readonly counts?: ReadonlyMap<string, readonly number[]>;
}

/** A split and how it was made: what the file holds. */
export interface MadeSplit extends Split {
  readonly how: {
    readonly data: string;
    readonly groupBy: string;
    readonly seed: number;
    readonly val: number | readonly string[];
    readonly groups: { readonly train: number; readonly val: readonly string[] };
    /** Instances on both sides, by class name. */
    readonly instances: Readonly<Record<string, { readonly train: number; readonly val: number }>>;
  };
}

/** Divides a data set so that no group stands on both sides and every class is shared out as asked for. */
export async function makeSplit(dataset: Dataset, options: SplitOptions): Promise<MadeSplit> {
  const { groupBy, seed, val } = options;
  const groupOf = groupIds(dataset, dataset.ids, groupBy);
  const counts = options.counts ?? (await countInstances(dataset, dataset.ids));
  const chosen =
    typeof val === 'number' ? chooseGroups(groupOf, counts, val, seed) : namedGroups(groupOf, val);
  const isVal = (id: string): boolean => chosen.has(groupOf.get(id) as string);
  const train = dataset.ids.filter((id) => !isVal(id));
  const validation = dataset.ids.filter(isVal);
  if (train.length === 0) throw new DataError('no image is left for training', { where: dataset.dir });
  const count = (ids: readonly string[], c: number): number =>
    ids.reduce((sum, id) => sum + (counts.get(id)?.[c] ?? 0), 0);
  const instances = Object.fromEntries(
    dataset.classes.map((name, c) => [name, { train: count(train, c), val: count(validation, c) }]),
  );
  const groups = { train: new Set(groupOf.values()).size - chosen.size, val: [...chosen].sort() };
  const how = { data: dataset.dir, groupBy: formatGroupBy(groupBy), seed, val, groups, instances };
  return { train, val: validation, how };
}

/** Instances of every class in every image, whatever their size. */
export async function countInstances(
  dataset: Dataset,
  ids: readonly string[],
): Promise<Map<string, number[]>> {
  const counts = new Map<string, number[]>();
  for (const id of ids) {
    const { labelMaps, width, height } = await dataset.load(id);
    counts.set(
      id,
      labelMaps.map((map) => (map ? extractInstances(map, height, width, 1).values.length : 0)),
    );
  }
  return counts;
}

function namedGroups(groupOf: ReadonlyMap<string, string>, names: readonly string[]): Set<string> {
  const known = [...new Set(groupOf.values())];
  for (const name of names)
    if (!known.includes(name)) {
      const near = nearestName(name, known);
      throw new ConfigError(
        `val-groups: there is no group "${name}"${near ? `, did you mean "${near}"?` : ''}`,
        {
          fix: `Groups: ${known.slice(0, 8).join(', ')}${known.length > 8 ? ', …' : ''}`,
        },
      );
    }
  return new Set(names);
}

/** What a group weighs: images, then instances of each class, as shares of the whole. */
type Weights = Map<string, Float64Array>;

/**
 * Groups for validation whose shares of the images and of every class come nearest to `share`: the best of several
 * random starts, each improved by single moves and exchanges until none helps.
 */
export function chooseGroups(
  groupOf: ReadonlyMap<string, string>,
  counts: ReadonlyMap<string, readonly number[]>,
  share: number,
  seed: number,
): Set<string> {
  const weights = groupWeights(groupOf, counts);
  const names = [...weights.keys()].sort();
  if (groupOf.size === 1)
    throw new DataError('a single image cannot be divided into training and validation', {
      fix: 'Cut it into tiles, one folder each; or give a split file with its id under "train" and an empty "val".',
    });
  if (names.length < 2)
    throw new DataError(`all images are of one group ("${names[0]}"): there is nothing to divide`, {
      fix: 'Group by something finer.',
    });
  const rng = createRng(seed).fork('split');
  let best = new Set<string>();
  let bestCost = Number.POSITIVE_INFINITY;
  for (let start = 0; start < 8; start++) {
    const found = improve(randomStart(names, weights, share, rng.fork(start)), names, weights, share);
    const cost = costOf(sumsOf(found, weights), presentClasses(weights), share);
    if (cost < bestCost - 1e-12) [best, bestCost] = [found, cost];
  }
  return best;
}

function groupWeights(
  groupOf: ReadonlyMap<string, string>,
  counts: ReadonlyMap<string, readonly number[]>,
): Weights {
  const classes = Math.max(0, ...[...counts.values()].map((count) => count.length));
  const totals = new Float64Array(classes + 1);
  const weights: Weights = new Map();
  for (const [id, group] of groupOf) {
    const own = weights.get(group) ?? new Float64Array(classes + 1);
    weights.set(group, own);
    [1, ...(counts.get(id) ?? [])].forEach((value, k) => {
      own[k] += value;
      totals[k] += value;
    });
  }
  for (const own of weights.values()) for (let k = 0; k < own.length; k++) own[k] /= Math.max(1, totals[k]);
  return weights;
}

function randomStart(names: readonly string[], weights: Weights, share: number, rng: Rng): Set<string> {
  const chosen = new Set<string>();
  let images = 0;
  for (const name of rng.shuffle([...names])) {
    const own = (weights.get(name) as Float64Array)[0];
    // The nearer of with and without it; at least one.
    if (chosen.size > 0 && Math.abs(images + own - share) >= Math.abs(images - share)) continue;
    chosen.add(name);
    images += own;
  }
  if (chosen.size === names.length) chosen.delete(names[0]);
  return chosen;
}

/** Squared distance of the shares from the one asked for; the images count as much as all classes together. */
function costOf(sums: Float64Array, present: readonly number[], share: number): number {
  let spread = 0;
  for (const k of present) spread += (sums[k] - share) ** 2;
  return (sums[0] - share) ** 2 + spread / Math.max(1, present.length);
}

/** Classes that occur at all, by their place in the weights. */
function presentClasses(weights: Weights): number[] {
  const [first] = weights.values();
  return Array.from({ length: first.length - 1 }, (_, k) => k + 1).filter((k) =>
    [...weights.values()].some((own) => own[k] > 0),
  );
}

function sumsOf(chosen: Iterable<string>, weights: Weights): Float64Array {
  const [first] = weights.values();
  const sums = new Float64Array(first.length);
  for (const name of chosen)
    (weights.get(name) as Float64Array).forEach((value, k) => {
      sums[k] += value;
    });
  return sums;
}

/** A group that comes in, one that goes, or both. */
interface Move {
  readonly into?: string;
  readonly out?: string;
}

function improve(start: Set<string>, names: readonly string[], weights: Weights, share: number): Set<string> {
  const chosen = new Set(start);
  const present = presentClasses(weights);
  const next = new Float64Array(present.length > 0 ? Math.max(...present) + 1 : 1);
  for (let round = 0; round < 100; round++) {
    const sums = sumsOf(chosen, weights);
    let cost = costOf(sums, present, share);
    let better: Move | undefined;
    for (const move of moves(chosen, names)) {
      // Only what the move changes is counted: shares are sums over the groups.
      const into = move.into === undefined ? undefined : weights.get(move.into);
      const out = move.out === undefined ? undefined : weights.get(move.out);
      for (let k = 0; k < next.length; k++) next[k] = sums[k] + (into ? into[k] : 0) - (out ? out[k] : 0);
      const nextCost = costOf(next, present, share);
      if (nextCost < cost - 1e-12) [better, cost] = [move, nextCost];
    }
    if (!better) break;
    if (better.out !== undefined) chosen.delete(better.out);
    if (better.into !== undefined) chosen.add(better.into);
  }
  return chosen;
}

/** Every single move; every exchange too, where that is not too many. */
function* moves(chosen: ReadonlySet<string>, names: readonly string[]): Generator<Move> {
  const outside = names.filter((name) => !chosen.has(name));
  if (outside.length > 1) for (const into of outside) yield { into };
  if (chosen.size > 1) for (const out of chosen) yield { out };
  if (chosen.size * outside.length > 1000) return;
  for (const out of chosen) for (const into of outside) yield { into, out };
}

/** Reads a split; errors name the file and what is wrong: not two lists, ids twice or on both sides, unknown ids. */
export function readSplit(file: string, ids?: readonly string[]): Split {
  const raw = readJson<{ train?: unknown; val?: unknown }>(file);
  const list = (key: 'train' | 'val'): string[] => {
    const value = raw?.[key];
    if (!Array.isArray(value) || value.some((id) => typeof id !== 'string'))
      throw new DataError(`${key}: expected a list of image ids`, { where: file });
    return value as string[];
  };
  const split = { train: list('train'), val: list('val') };
  const seen = new Map<string, string>();
  for (const key of ['train', 'val'] as const)
    for (const id of split[key]) {
      const before = seen.get(id);
      if (before !== undefined)
        throw new DataError(
          before === key ? `${key}: "${id}" stands twice` : `"${id}" is in train and in val`,
          { where: file },
        );
      seen.set(id, key);
      if (ids && !ids.includes(id)) {
        const near = nearestName(id, ids);
        throw new DataError(
          `${key}: the data set has no image "${id}"${near ? `, did you mean "${near}"?` : ''}`,
          { where: file },
        );
      }
    }
  if (split.train.length === 0) throw new DataError('train: is empty', { where: file });
  return split;
}
