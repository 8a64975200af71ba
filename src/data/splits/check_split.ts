import type { Dataset } from '../dataset';
import { defaultGroupBy, type GroupBy, groupIds } from './groups';
import type { Split } from './make_split';

/** Side of the small image that stands for an image. */
const SIDE = 24;

/** What an image looks like: [SIDE * SIDE] grey levels of a small square copy, mean 0, length 1. */
export type Appearance = Float32Array;

/** Shrinks by area to a small square and takes brightness and contrast out. Undefined for an image without any. */
export function appearanceOf(image: Uint8Array, width: number, height: number): Appearance | undefined {
  const sums = new Float64Array(SIDE * SIDE);
  const columns = shares(width);
  const rows = shares(height);
  for (let y = 0; y < height; y++) {
    const row = new Float64Array(SIDE);
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      const grey = image[at] + image[at + 1] + image[at + 2];
      const { bin, first } = columns[x];
      row[bin] += grey * first;
      if (first < 1) row[bin + 1] += grey * (1 - first);
    }
    const { bin, first } = rows[y];
    for (let k = 0; k < SIDE; k++) {
      sums[bin * SIDE + k] += row[k] * first;
      if (first < 1) sums[(bin + 1) * SIDE + k] += row[k] * (1 - first);
    }
  }
  const mean = sums.reduce((total, value) => total + value, 0) / sums.length;
  const length = Math.sqrt(sums.reduce((total, value) => total + (value - mean) ** 2, 0));
  // An even surface: a spread of under a thousandth of the mean.
  if (length < 1e-3 * Math.max(1, mean) * SIDE) return undefined;
  return Float32Array.from(sums, (value) => (value - mean) / length);
}

/** For every pixel the bin it begins in, and the share of it that lies there. */
function shares(length: number): { bin: number; first: number }[] {
  return Array.from({ length }, (_, i) => {
    const start = (i * SIDE) / length;
    const end = ((i + 1) * SIDE) / length;
    const bin = Math.floor(start);
    // A pixel wider than a bin (images under 24 px) goes to the bin of its start; such images are compared roughly.
    return { bin, first: end <= bin + 1 || bin + 1 >= SIDE ? 1 : (bin + 1 - start) / (end - start) };
  });
}

/** The eight ways to lay an image: turns by 90 degrees, and the same mirrored. */
export function orientations(appearance: Appearance): Appearance[] {
  const turned = (from: Appearance): Appearance =>
    from.map((_, i) => from[(i % SIDE) * SIDE + SIDE - 1 - Math.floor(i / SIDE)]);
  const mirrored = (from: Appearance): Appearance =>
    from.map((_, i) => from[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]);
  const out: Appearance[] = [appearance];
  for (let k = 1; k < 4; k++) out.push(turned(out[k - 1]));
  return [...out, ...out.map(mirrored)];
}

/** Correlation, -1..1. */
export function likeness(a: Appearance, b: Appearance): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * Correlation of two small grey copies from which images count as the same. Among the 108 CoNSeP images no two reach
 * 0.70; turned, mirrored, brightened, resized and hard recompressed (JPEG 30) copies of them keep over 0.93.
 */
export const SAME_IMAGE = 0.9;

/** An image of the training set that looks like one of the validation set, possibly turned, mirrored or recompressed. */
export interface NearIdentical {
  readonly train: string;
  readonly val: string;
  readonly likeness: number;
}

/** What was compared, and what was found on both sides. */
export interface SplitCheck {
  readonly ok: boolean;
  /** How images were grouped; `none` when nothing is known of patients or slides. */
  readonly groupBy: GroupBy;
  readonly sharedGroups: readonly string[];
  readonly nearIdentical: readonly NearIdentical[];
  /** One line for a person. */
  readonly summary: string;
}

export interface CheckSplitOptions {
  /** Default: the groups of dataset.json, where it has them for every image. */
  readonly groupBy?: GroupBy;
  /** What images look like, where they have been looked at already. */
  readonly appearances?: ReadonlyMap<string, Appearance | undefined>;
  readonly onImage?: (done: number, total: number) => void;
}

/**
 * Looks for leaks: groups that stand on both sides, and near-identical images in all eight orientations: for each
 * training image the validation image that it is most like.
 */
export async function checkSplit(
  dataset: Dataset,
  split: Split,
  options: CheckSplitOptions = {},
): Promise<SplitCheck> {
  const { groupBy = defaultGroupBy(dataset) } = options;
  const groups = groupIds(dataset, [...split.train, ...split.val], groupBy);
  const trainGroups = new Set(split.train.map((id) => groups.get(id)));
  const sharedGroups = [...new Set(split.val.map((id) => groups.get(id) as string))].filter((group) =>
    trainGroups.has(group),
  );
  const nearIdentical = await findNearIdentical(dataset, split, options);
  const known =
    groupBy.kind === 'none'
      ? 'no groups are known (each image is taken alone)'
      : `${sharedGroups.length} shared groups`;
  const summary = `${split.train.length} training and ${split.val.length} validation images: ${known}, ${nearIdentical.length} near-identical pairs`;
  return {
    ok: sharedGroups.length === 0 && nearIdentical.length === 0,
    groupBy,
    sharedGroups,
    nearIdentical,
    summary,
  };
}

async function findNearIdentical(
  dataset: Dataset,
  split: Split,
  { appearances, onImage }: CheckSplitOptions,
): Promise<NearIdentical[]> {
  const total = split.train.length + split.val.length;
  let done = 0;
  const look = async (id: string): Promise<Appearance | undefined> => {
    onImage?.(++done, total);
    if (appearances?.has(id)) return appearances.get(id);
    const { image, width, height } = await dataset.loadImage(id);
    return appearanceOf(image, width, height);
  };
  const validation: Candidate[] = [];
  for (const id of split.val) {
    const appearance = await look(id);
    if (appearance)
      validation.push({ id, views: orientations(appearance), balanced: balancedOf(appearance) });
  }
  const pairs: NearIdentical[] = [];
  for (const train of split.train) {
    const own = await look(train);
    const nearest = own && nearestOf(own, validation);
    if (nearest) pairs.push({ train, ...nearest });
  }
  return pairs.sort((a, b) => b.likeness - a.likeness);
}

/** An image of the validation set as it may be laid. */
interface Candidate {
  readonly id: string;
  readonly views: readonly Appearance[];
  readonly balanced: Float32Array;
}

/** From so many likenesses on another is no news: the search for a still nearer one ends. */
const ENOUGH_ALIKE = 16;

/** The validation image that an image is most like, where it is the same; of many that are, one of the first. */
function nearestOf(
  own: Appearance,
  validation: readonly Candidate[],
): { val: string; likeness: number } | undefined {
  const balanced = balancedOf(own);
  let best: { val: string; likeness: number } | undefined;
  let found = 0;
  for (const { id, views, balanced: other } of validation) {
    // What all orientations share can only be nearer than the images are: images farther apart than this are not alike.
    if (distance(balanced, other) > 2 - 2 * SAME_IMAGE + 1e-4) continue;
    let most = -1;
    for (const view of views) most = Math.max(most, likeness(own, view));
    if (most < SAME_IMAGE) continue;
    const rounded = Math.round(most * 1e4) / 1e4;
    if (!best || rounded > best.likeness) best = { val: id, likeness: rounded };
    if (++found >= ENOUGH_ALIKE) break;
  }
  return best;
}

/** The mean of an appearance over its eight orientations, an eighth of the square: [(SIDE / 2) * (SIDE / 2)]. */
function balancedOf(appearance: Appearance): Float32Array {
  const views = orientations(appearance);
  const half = SIDE / 2;
  return Float32Array.from({ length: half * half }, (_, i) => {
    const at = Math.floor(i / half) * SIDE + (i % half);
    return views.reduce((sum, view) => sum + view[at], 0) / views.length;
  });
}

/** Squared distance of two such means over the whole square: its four quarters are alike. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return 4 * sum;
}
