import * as path from 'node:path';
import { Worker } from 'node:worker_threads';
import { DataError } from '../../core/errors';
import type { DatasetSource } from '../dataset';
import type { Sample } from '../record';
import type { SampleJob, SampleRecipe } from './make_sample';
import type { WorkerReply, WorkerRequest, WorkerStart } from './worker';

/** A job that has not been answered. */
interface Pending extends WorkerRequest {
  readonly resolve: (sample: Sample) => void;
  readonly reject: (error: Error) => void;
  /** Workers that died or hung over it. */
  losses: number;
}

interface WorkerSlot {
  worker: Worker;
  /** Jobs sent, oldest first: a thread answers in order. */
  readonly pending: Map<number, Pending>;
  timer?: NodeJS.Timeout;
}

export interface WorkerPoolOptions {
  readonly workers: number;
  readonly source: DatasetSource;
  readonly recipe: SampleRecipe;
  /** A worker that gives no sign for this long is replaced. */
  readonly timeoutMs: number;
  readonly onWarning: (message: string) => void;
}

/** A job that costs this many workers is the fault of its image. */
const MAX_LOSSES = 2;

/** Threads that make samples. A thread that dies or hangs is replaced and its jobs are done again: none is lost. */
export class WorkerPool {
  private readonly slots: WorkerSlot[] = [];
  private nextJob = 0;
  private closed = false;

  constructor(private readonly options: WorkerPoolOptions) {
    for (let i = 0; i < options.workers; i++) {
      const slot: WorkerSlot = { worker: undefined as unknown as Worker, pending: new Map() };
      this.slots.push(slot);
      this.start(slot);
    }
  }

  /** Sends a job to the thread that has its image in its cache, unless that one has more to do than others. */
  run(job: SampleJob): Promise<Sample> {
    const least = Math.min(...this.slots.map(({ pending }) => pending.size));
    const own = this.slots[job.image % this.slots.length];
    const slot =
      own.pending.size <= least + 1 ? own : this.slots.find(({ pending }) => pending.size === least);
    return new Promise((resolve, reject) => {
      this.send(slot ?? own, { ...job, job: this.nextJob++, resolve, reject, losses: 0 });
    });
  }

  /** Thread numbers, for tests and messages. */
  get threads(): readonly Worker[] {
    return this.slots.map(({ worker }) => worker);
  }

  /** Ends every thread; what is pending is refused. */
  async close(): Promise<void> {
    this.closed = true;
    // Idle workers do not hold the process; waiting for their end must.
    const hold = setInterval(() => undefined, 1000);
    await Promise.all(
      this.slots.map(async (slot) => {
        clearTimeout(slot.timer);
        await slot.worker.terminate();
        for (const { reject } of slot.pending.values()) reject(new DataError('the loader was closed'));
        slot.pending.clear();
      }),
    ).finally(() => clearInterval(hold));
  }

  private start(slot: WorkerSlot): void {
    const { source, recipe, workers } = this.options;
    // Every thread keeps its part of the images.
    const share = { ...recipe, cacheBytes: Math.floor(recipe.cacheBytes / workers) };
    const worker = new Worker(path.join(__dirname, 'worker.js'), {
      workerData: { source, recipe: share } satisfies WorkerStart,
    });
    slot.worker = worker;
    // An idle loader keeps no process alive.
    worker.unref();
    worker.on('message', (reply: WorkerReply) => this.receive(slot, reply));
    let reason = 'ended';
    worker.on('error', (error: Error) => {
      reason = error.message.split('\n')[0];
    });
    worker.on('exit', () => {
      if (!this.closed && slot.worker === worker) this.replace(slot, reason);
    });
  }

  private send(slot: WorkerSlot, pending: Pending): void {
    const { job, epoch, position, image } = pending;
    slot.pending.set(job, pending);
    slot.worker.ref();
    slot.worker.postMessage({ job, epoch, position, image } satisfies WorkerRequest);
    if (!slot.timer) this.watch(slot);
  }

  private receive(slot: WorkerSlot, { job, sample, error }: WorkerReply): void {
    const pending = slot.pending.get(job);
    slot.pending.delete(job);
    clearTimeout(slot.timer);
    slot.timer = undefined;
    if (slot.pending.size > 0) this.watch(slot);
    else slot.worker.unref();
    if (sample) pending?.resolve(sample);
    else pending?.reject(new DataError(error?.message ?? 'no sample', { fix: error?.fix }));
  }

  private watch(slot: WorkerSlot): void {
    const { timeoutMs } = this.options;
    slot.timer = setTimeout(() => {
      const { worker } = slot;
      this.replace(slot, `gave no sign for ${timeoutMs / 1000} s`);
      void worker.terminate();
    }, timeoutMs);
  }

  /** Starts a new thread in place of a lost one and gives it the same jobs. */
  private replace(slot: WorkerSlot, reason: string): void {
    clearTimeout(slot.timer);
    slot.timer = undefined;
    const jobs = [...slot.pending.values()];
    slot.pending.clear();
    const [oldest] = jobs;
    const image = oldest ? `image "${this.options.recipe.ids[oldest.image]}"` : 'no image';
    this.options.onWarning(`a data worker ${reason} at ${image}; it is replaced, no sample is lost`);
    this.start(slot);
    for (const job of jobs) {
      if (job === oldest && ++job.losses >= MAX_LOSSES)
        job.reject(
          new DataError(`${image} ended ${job.losses} workers (${reason})`, {
            fix: 'Check the file, or leave the image out.',
          }),
        );
      else this.send(slot, job);
    }
  }
}
