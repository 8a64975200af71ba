import type { Dataset } from '../dataset';
import { type Appearance, appearanceOf, likeness, orientations } from './appearance';
import { defaultGroupBy, type GroupBy, groupIds } from './groups';
import type { Split } from './make_split';

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
