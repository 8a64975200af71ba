import { type Dataset, openDataset } from './dataset';
import { type SynthesisOptions, syntheticDataset } from './synth/synthesize';

/** How to open a data set again on another thread. */
export type DatasetSource =
  | { readonly kind: 'folder'; readonly dir: string; readonly maxPixels?: number }
  | { readonly kind: 'synthetic'; readonly options: SynthesisOptions };

/** Opens what `dataset.source` describes. */
export async function reopenDataset(source: DatasetSource): Promise<Dataset> {
  if (source.kind === 'synthetic') return syntheticDataset(source.options);
  return await openDataset(source.dir, { maxPixels: source.maxPixels });
}
