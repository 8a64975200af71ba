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

interface Seat {
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
  private readonly seats: Seat[] = [];
  private nextJob = 0;
  private closed = false;

  constructor(private readonly options: WorkerPoolOptions) {
    for (let i = 0; i < options.workers; i++) {
      const seat: Seat = { worker: undefined as unknown as Worker, pending: new Map() };
      this.seats.push(seat);
      this.start(seat);
    }
  }

  /** Sends a job to the thread that has its image in its cache, unless that one has more to do than others. */
  run(job: SampleJob): Promise<Sample> {
    const least = Math.min(...this.seats.map(({ pending }) => pending.size));
    const own = this.seats[job.image % this.seats.length];
    const seat =
      own.pending.size <= least + 1 ? own : this.seats.find(({ pending }) => pending.size === least);
    return new Promise((resolve, reject) => {
      this.send(seat ?? own, { ...job, job: this.nextJob++, resolve, reject, losses: 0 });
    });
  }

  /** Thread numbers, for tests and messages. */
  get threads(): readonly Worker[] {
    return this.seats.map(({ worker }) => worker);
  }

  /** Ends every thread; what is pending is refused. */
  async close(): Promise<void> {
    this.closed = true;
    // Idle workers do not hold the process; waiting for their end must.
    const hold = setInterval(() => undefined, 1000);
    await Promise.all(
      this.seats.map(async (seat) => {
        clearTimeout(seat.timer);
        await seat.worker.terminate();
        for (const { reject } of seat.pending.values()) reject(new DataError('the loader was closed'));
        seat.pending.clear();
      }),
    ).finally(() => clearInterval(hold));
  }

  private start(seat: Seat): void {
    const { source, recipe, workers } = this.options;
    // Every thread keeps its part of the images.
    const share = { ...recipe, cacheBytes: Math.floor(recipe.cacheBytes / workers) };
    const worker = new Worker(path.join(__dirname, 'worker.js'), {
      workerData: { source, recipe: share } satisfies WorkerStart,
    });
    seat.worker = worker;
    // An idle loader keeps no process alive.
    worker.unref();
    worker.on('message', (reply: WorkerReply) => this.receive(seat, reply));
    let reason = 'ended';
    worker.on('error', (error: Error) => {
      reason = error.message.split('\n')[0];
    });
    worker.on('exit', () => {
      if (!this.closed && seat.worker === worker) this.replace(seat, reason);
    });
  }

  private send(seat: Seat, pending: Pending): void {
    const { job, epoch, position, image } = pending;
    seat.pending.set(job, pending);
    seat.worker.ref();
    seat.worker.postMessage({ job, epoch, position, image } satisfies WorkerRequest);
    if (!seat.timer) this.watch(seat);
  }

  private receive(seat: Seat, { job, sample, error }: WorkerReply): void {
    const pending = seat.pending.get(job);
    seat.pending.delete(job);
    clearTimeout(seat.timer);
    seat.timer = undefined;
    if (seat.pending.size > 0) this.watch(seat);
    else seat.worker.unref();
    if (sample) pending?.resolve(sample);
    else pending?.reject(new DataError(error?.message ?? 'no sample', { fix: error?.fix }));
  }

  private watch(seat: Seat): void {
    const { timeoutMs } = this.options;
    seat.timer = setTimeout(() => {
      const { worker } = seat;
      this.replace(seat, `gave no sign for ${timeoutMs / 1000} s`);
      void worker.terminate();
    }, timeoutMs);
  }

  /** Starts a new thread in place of a lost one and gives it the same jobs. */
  private replace(seat: Seat, reason: string): void {
    clearTimeout(seat.timer);
    seat.timer = undefined;
    const jobs = [...seat.pending.values()];
    seat.pending.clear();
    const [oldest] = jobs;
    const image = oldest ? `image "${this.options.recipe.ids[oldest.image]}"` : 'no image';
    this.options.onWarning(`a data worker ${reason} at ${image}; it is replaced, no sample is lost`);
    this.start(seat);
    for (const job of jobs) {
      if (job === oldest && ++job.losses >= MAX_LOSSES)
        job.reject(
          new DataError(`${image} ended ${job.losses} workers (${reason})`, {
            fix: 'Check the file, or leave the image out.',
          }),
        );
      else this.send(seat, job);
    }
  }
}
