import type { Dataset } from './dataset';
import { extractInstances } from './extract_instances';

/** Areas in pixels of all labelled cells of some images, class by class: [K][n]. */
export async function cellAreas(dataset: Dataset, ids: readonly string[] = dataset.ids): Promise<number[][]> {
  const areas: number[][] = dataset.classes.map(() => []);
  for (const id of ids) {
    const { labelMaps, width, height } = await dataset.load(id);
    labelMaps.forEach((map, c) => {
      if (!map) return;
      for (const area of extractInstances(map, height, width, 1).areas) areas[c].push(area);
    });
  }
  return areas;
}
