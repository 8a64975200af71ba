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

/** Looks for leaks: groups that stand on both sides, and near-identical images in all eight orientations. */
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
  const validation: { id: string; views: Appearance[] }[] = [];
  for (const id of split.val) {
    const appearance = await look(id);
    if (appearance) validation.push({ id, views: orientations(appearance) });
  }
  const pairs: NearIdentical[] = [];
  for (const train of split.train) {
    const own = await look(train);
    if (!own) continue;
    for (const { id: val, views } of validation) {
      const most = Math.max(...views.map((view) => likeness(own, view)));
      if (most >= SAME_IMAGE) pairs.push({ train, val, likeness: Math.round(most * 1e4) / 1e4 });
    }
  }
  return pairs.sort((a, b) => b.likeness - a.likeness);
}
