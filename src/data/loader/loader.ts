import { ConfigError, DataError } from '../../core/errors';
import type { Dataset } from '../dataset';
import type { Sample } from '../record';
import { type Augmentation, checkTransforms } from '../transforms/transforms';
import { SampleMaker } from './make_sample';
import { epochOrder } from './sampler';
import { WorkerPool } from './worker_pool';

export interface LoaderOptions {
  readonly dataset: Dataset;
  /** The images to use. Default: all of the data set. */
  readonly ids?: readonly string[];
  readonly augmentation: Augmentation;
  readonly seed: number;
  /** Default 1. */
  readonly batchSize?: number;
  /** Threads that decode and augment; 0 works inline, with the same bytes. Default 0. */
  readonly workers?: number;
  /** Samples under way ahead of the one asked for. Default: two batches, at least two a worker. */
  readonly prefetch?: number;
  /** Bytes of decoded images kept, over all workers. Default 256 MB. */
  readonly cacheBytes?: number;
  /** One an image: how often it is drawn. Default: each once an epoch. */
  readonly weights?: readonly number[];
  /** Gives an image without cells a false one. Default false. */
  readonly falseBoxes?: boolean;
  /** Default true; false keeps the order of `ids`. */
  readonly shuffle?: boolean;
  /** An image that cannot be read ends the epoch with its error (`stop`), or is left out and counted (`skip`). */
  readonly onCorrupt?: 'stop' | 'skip';
  /** A worker without a sign for this long is replaced. Default 120 s. */
  readonly timeoutMs?: number;
  readonly onWarning?: (message: string) => void;
}

/** Where in an epoch to begin: after a resume, the number of batches already done. */
export interface EpochOptions {
  readonly fromBatch?: number;
}

/** Batches of augmented samples, epoch by epoch. */
export interface Loader {
  /** What it was made with. */
  readonly options: LoaderOptions;
  readonly batchesPerEpoch: number;
  /** Threads at work now. */
  readonly threads: number;
  /** Images left out because they could not be read (`onCorrupt: 'skip'`). */
  readonly skipped: readonly string[];
  /** Milliseconds the caller has waited for samples. */
  readonly waitedMs: number;
  epoch(epoch: number, options?: EpochOptions): AsyncIterableIterator<Sample[]>;
  /** Ends all threads. Further epochs are refused. */
  close(): Promise<void>;
}

/** Makes a loader. Order and samples are functions of (seed, epoch), whatever the number of workers. */
export function createLoader(options: LoaderOptions): Loader {
  return new DatasetLoader(options);
}

class DatasetLoader implements Loader {
  readonly batchesPerEpoch: number;
  readonly skipped: string[] = [];
  waitedMs = 0;
  private readonly ids: readonly string[];
  private readonly batchSize: number;
  private readonly pool?: WorkerPool;
  private readonly maker?: SampleMaker;
  private closed = false;

  constructor(readonly options: LoaderOptions) {
    const {
      dataset,
      augmentation,
      seed,
      workers = 0,
      cacheBytes = 256e6,
      batchSize = 1,
      falseBoxes,
    } = options;
    this.ids = options.ids ?? dataset.ids;
    this.batchSize = batchSize;
    checkTransforms(augmentation.transforms);
    const unknown = this.ids.find((id) => !dataset.ids.includes(id));
    if (unknown !== undefined) throw new DataError(`has no image "${unknown}"`, { where: dataset.dir });
    if (this.ids.length === 0) throw new DataError('no image to load', { where: dataset.dir });
    if (!(batchSize >= 1)) throw new ConfigError(`batchSize: expected at least 1, got ${batchSize}`);
    this.batchesPerEpoch = Math.ceil(this.ids.length / batchSize);
    const recipe = { ids: this.ids, augmentation, seed, cacheBytes, falseBoxes };
    if (workers === 0) this.maker = new SampleMaker(dataset, recipe);
    else {
      if (!dataset.source)
        throw new ConfigError('this data set cannot be opened on another thread', { fix: 'Use workers: 0.' });
      const { timeoutMs = 120_000, onWarning = (message) => process.stderr.write(`${message}\n`) } = options;
      this.pool = new WorkerPool({ workers, source: dataset.source, recipe, timeoutMs, onWarning });
    }
  }

  get threads(): number {
    return this.pool?.threads.length ?? 0;
  }

  async *epoch(epoch: number, { fromBatch = 0 }: EpochOptions = {}): AsyncIterableIterator<Sample[]> {
    const { seed, weights, shuffle = true } = this.options;
    const count = this.ids.length;
    const order =
      shuffle || weights
        ? epochOrder(count, seed, epoch, weights)
        : Int32Array.from({ length: count }, (_, i) => i);
    const queue: Promise<Sample | undefined>[] = [];
    let next = fromBatch * this.batchSize;
    const ahead = this.pool ? this.prefetch() : 0;
    try {
      for (let start = next; start < count; start += this.batchSize) {
        const size = Math.min(this.batchSize, count - start);
        const batch: Sample[] = [];
        for (let k = 0; k < size; k++) {
          if (this.closed) throw new DataError('the loader was closed');
          // As many under way as asked for, and never more: finished samples wait in memory.
          while (queue.length <= ahead && next < count) queue.push(this.request(epoch, next, order[next++]));
          const began = performance.now();
          const sample = await queue.shift();
          this.waitedMs += performance.now() - began;
          if (sample) batch.push(sample);
        }
        if (batch.length > 0) yield batch;
      }
    } finally {
      // The caller may have left early: nobody waits for these.
      for (const pending of queue) pending.catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.pool?.close();
  }

  private prefetch(): number {
    const { prefetch, workers = 0 } = this.options;
    return prefetch ?? Math.max(2 * this.batchSize, 2 * workers);
  }

  private request(epoch: number, position: number, image: number): Promise<Sample | undefined> {
    const job = { epoch, position, image };
    const made = this.pool ? this.pool.run(job) : (this.maker as SampleMaker).make(job);
    // Without a handler, a failure that is asked for later would end the process now.
    made.catch(() => undefined);
    if (this.options.onCorrupt !== 'skip') return made;
    return made.catch((error: Error) => {
      if (this.closed) throw error;
      this.skipped.push(this.ids[image]);
      return undefined;
    });
  }
}
