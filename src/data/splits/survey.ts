import { describeError } from '../../core/errors';
import type { Dataset } from '../dataset';
import { extractInstances } from '../extract_instances';
import { type Appearance, appearanceOf } from './check_split';

/** What one reading of every image tells: all that a split, the check for leaks and the warnings need. */
export interface Survey {
  /** Images that can be read, in the order given. */
  readonly ids: readonly string[];
  /** [K] instances a class, whatever their size. */
  readonly counts: ReadonlyMap<string, readonly number[]>;
  readonly appearances: ReadonlyMap<string, Appearance | undefined>;
  /** Pixels of each image. */
  readonly areas: ReadonlyMap<string, number>;
  /** Images that cannot be read, and why in one line naming the file. */
  readonly faults: readonly { readonly id: string; readonly problem: string }[];
}

/** Reads every image once. A file that cannot be read becomes a fault; nothing is thrown. */
export async function surveyDataset(
  dataset: Dataset,
  ids: readonly string[] = dataset.ids,
  onImage?: (done: number, total: number) => void,
): Promise<Survey> {
  const counts = new Map<string, number[]>();
  const appearances = new Map<string, Appearance | undefined>();
  const areas = new Map<string, number>();
  const faults: { id: string; problem: string }[] = [];
  for (const [done, id] of ids.entries()) {
    try {
      const { image, labelMaps, width, height } = await dataset.load(id);
      counts.set(
        id,
        labelMaps.map((map) => (map ? extractInstances(map, height, width, 1).values.length : 0)),
      );
      appearances.set(id, appearanceOf(image, width, height));
      areas.set(id, width * height);
    } catch (error) {
      faults.push({ id, problem: describeError(error).split('\n')[0] });
    }
    onImage?.(done + 1, ids.length);
  }
  return { ids: ids.filter((id) => counts.has(id)), counts, appearances, areas, faults };
}
