import { augmentRecord, sampleRng } from '../data/augmentation/augment';
import type { Augmentation } from '../data/augmentation/levels';
import type { Dataset } from '../data/dataset';
import { recordToSample } from '../data/record';
import type { Sample } from '../data/sample';
import { drawContactSheet, type SheetCell } from '../plots/contact_sheet';

export interface PreviewOptions {
  readonly augmentation: Augmentation;
  readonly seed: number;
  /** Rows. Default: four images, spread over the data set. */
  readonly ids?: readonly string[];
  /** Augmented versions beside each image. Default 3. */
  readonly versions?: number;
}

/** What the model sees: each image as it is, then as augmentation makes it in the first epochs. PNG bytes. */
export async function previewSheet(dataset: Dataset, options: PreviewOptions): Promise<Buffer> {
  const { augmentation, seed, versions = 3 } = options;
  const ids = options.ids ?? spread(dataset.ids, 4);
  const rows: SheetCell[][] = [];
  for (const [index, id] of ids.entries()) {
    const record = await dataset.load(id);
    const row = [cell(`${id}, as it is`, recordToSample(record))];
    for (let epoch = 0; epoch < versions; epoch++) {
      const sample = await augmentRecord(record, augmentation, sampleRng(seed, epoch, index), {
        channelOrder: dataset.channelOrder,
        donor: (rng) => dataset.load(rng.pick(dataset.ids)),
      });
      row.push(cell(`epoch ${epoch}: ${sample.labels.length} cells`, sample));
    }
    rows.push(row);
  }
  const { classes, channelOrder } = dataset;
  return await drawContactSheet(rows, { classes, channelOrder });
}

function cell(title: string, sample: Sample): SheetCell {
  return { title, picture: sample, contours: { labels: sample.labels, masks: sample.masks } };
}

/** Up to `count` ids at even distances. */
function spread(ids: readonly string[], count: number): string[] {
  const n = Math.min(count, ids.length);
  return Array.from({ length: n }, (_, i) => ids[Math.floor((i * ids.length) / n)]);
}
