import { DataError, describeError } from '../../core/errors';
import type { Dataset } from '../dataset';
import { type DatasetRecord, recordBytes, type Sample } from '../record';
import { augmentRecord, sampleRng } from '../transforms/augment';
import type { Augmentation } from '../transforms/transforms';

/** Decoded images, the least recently used going first when their bytes exceed the limit. */
export class RecordCache {
  private readonly records = new Map<string, DatasetRecord>();
  private bytes = 0;

  constructor(
    private readonly dataset: Dataset,
    private readonly limit: number,
  ) {}

  /** The record, decoded now or kept. It must not be changed. */
  async load(id: string): Promise<DatasetRecord> {
    const known = this.records.get(id);
    if (known) {
      // Last in the order of a map is the most recent.
      this.records.delete(id);
      this.records.set(id, known);
      return known;
    }
    const record = await this.dataset.load(id);
    const size = recordBytes(record);
    if (size > this.limit || this.records.has(id)) return record;
    this.records.set(id, record);
    this.bytes += size;
    for (const [oldest, old] of this.records) {
      if (this.bytes <= this.limit) break;
      this.records.delete(oldest);
      this.bytes -= recordBytes(old);
    }
    return record;
  }

  /** Bytes held now. */
  get size(): number {
    return this.bytes;
  }
}

/** What one thread needs to make samples. */
export interface SampleRecipe {
  readonly ids: readonly string[];
  readonly augmentation: Augmentation;
  readonly seed: number;
  readonly cacheBytes: number;
  /** A sample without cells gets one of one pixel in its corner, as the report's code did. */
  readonly falseBoxes?: boolean;
}

/** One sample to make: `position` in the epoch, `image` in the list of ids. */
export interface SampleJob {
  readonly epoch: number;
  readonly position: number;
  readonly image: number;
}

/** Makes samples of a data set: a function of (seed, epoch, position) and the image alone, on whatever thread. */
export class SampleMaker {
  private readonly cache: RecordCache;

  constructor(
    private readonly dataset: Dataset,
    private readonly recipe: SampleRecipe,
  ) {
    this.cache = new RecordCache(dataset, recipe.cacheBytes);
  }

  /** Errors name the image. */
  async make({ epoch, position, image }: SampleJob): Promise<Sample> {
    const { ids, augmentation, seed } = this.recipe;
    const id = ids[image];
    try {
      const record = await this.cache.load(id);
      const sample = await augmentRecord(record, augmentation, sampleRng(seed, epoch, position), {
        channelOrder: this.dataset.channelOrder,
        donor: (rng) => this.cache.load(rng.pick(ids)),
      });
      return this.recipe.falseBoxes && sample.labels.length === 0 ? withFalseBox(sample) : sample;
    } catch (error) {
      const [reason] = describeError(error).split('\n');
      throw new DataError(`image "${id}": ${reason}`, { cause: error, fix: (error as DataError).fix });
    }
  }
}

function withFalseBox(sample: Sample): Sample {
  return {
    ...sample,
    boxes: Float32Array.of(0, 0, 1, 1),
    labels: Int32Array.of(1),
    masks: [{ x: 0, y: 0, width: 1, height: 1, data: Uint8Array.of(1) }],
  };
}
