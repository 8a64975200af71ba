import { parentPort, workerData } from 'node:worker_threads';
import type { DatasetSource } from '../dataset';
import type { Sample } from '../record';
import { type SampleJob, SampleMaker, type SampleRecipe } from './make_sample';
import { reopenDataset } from './reopen';

/** What the thread is started with. */
export interface WorkerStart {
  readonly source: DatasetSource;
  readonly recipe: SampleRecipe;
}

/** A job with its number. */
export interface WorkerRequest extends SampleJob {
  readonly job: number;
}

/** The sample, or why there is none. */
export interface WorkerReply {
  readonly job: number;
  readonly sample?: Sample;
  readonly error?: { readonly message: string; readonly fix?: string };
}

function serve(): void {
  const port = parentPort;
  if (!port) return;
  const { source, recipe } = workerData as WorkerStart;
  const maker = reopenDataset(source).then((dataset) => new SampleMaker(dataset, recipe));
  // One after the other: the oldest pending job is the one being worked on.
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: WorkerRequest) => {
    last = last.then(async () => {
      try {
        const sample = await (await maker).make(request);
        port.postMessage({ job: request.job, sample } satisfies WorkerReply, buffersOf(sample));
      } catch (error) {
        const { message, fix } = error as { message: string; fix?: string };
        port.postMessage({ job: request.job, error: { message, fix } } satisfies WorkerReply);
      }
    });
  });
}

/** The buffers of a sample, each once: they are handed over, not copied. */
function buffersOf({ image, boxes, labels, masks, ignore }: Sample): ArrayBuffer[] {
  const buffers = [
    image.buffer,
    boxes.buffer,
    labels.buffer,
    ...[...masks, ...ignore].map(({ data }) => data.buffer),
  ];
  return [...new Set(buffers)] as ArrayBuffer[];
}

serve();
