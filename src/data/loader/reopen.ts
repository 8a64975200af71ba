import { type Dataset, type DatasetSource, openDataset } from '../dataset';
import { syntheticDataset } from '../synthetic/synthesize';

/** Opens what `dataset.source` describes. */
export async function reopenDataset(source: DatasetSource): Promise<Dataset> {
  if (source.kind === 'synthetic') return syntheticDataset(source.options);
  return await openDataset(source.dir, { maxPixels: source.maxPixels, range: source.range });
}
