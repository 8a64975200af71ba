// This product's training steps or predictions, one for each line on standard input; a line of JSON answers each.
//   node dist/bench/model_ours.js MODEL SIZE CELLS train|infer PRECISION [TRACE.json]
// The line `calls` asks how often a piece of work calls the runtime.

import * as fs from 'node:fs';
import * as readline from 'node:readline';
import type { ArchitectureName } from '../src/config/architectures';
import { peakRssMb } from '../src/core/process';
import type { MaskRcnn } from '../src/models/mask_rcnn';
import { affine } from '../src/nn/linear';
import { type Calls, callsOf } from '../src/runtime/binding';
import { withCapture, withoutCapture } from '../src/runtime/capture';
import { choosePrecision, hasBfloat16 } from '../src/runtime/choose_precision';
import { type Precision, withPrecision } from '../src/runtime/precision';
import { captureReport } from '../src/runtime/segments';
import { type Tensor1D, type Tensor2D, tf } from '../src/runtime/tf';
import { traceOps } from '../src/runtime/trace';
import { buildJobModel, type ModelJob } from './model_job';
import { predictionWork, trainingWork, untraced, type Work } from './model_work';

async function main([name, size, cells, task, precision, trace]: readonly string[]): Promise<void> {
  const job: ModelJob = { model: name as ArchitectureName, size: Number(size), cells: Number(cells) };
  const chosen = precision === 'auto' ? choosePrecision().precision : (precision as Precision);
  const rates = {
    float32: matmulRate('float32'),
    bfloat16: hasBfloat16() ? matmulRate('bfloat16') : null,
  };
  const model = buildJobModel(job, chosen);
  const rois = countRois(model);
  const work = task === 'train' ? trainingWork(model, job) : predictionWork(model, job);
  const tell = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
  tell({ ready: true, precision: chosen, gigaflops: rates });
  let done = 0;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'calls') {
      tell(countCalls(work));
      continue;
    }
    rois.length = 0;
    const started = performance.now();
    const values = withCapture(model.capture, () => work(untraced));
    const seconds = (performance.now() - started) / 1000;
    tell({ seconds, values, rois: rois.reduce((a, b) => a + b, 0), peakRssMb: peakRssMb() });
    // The second piece of work: code and caches are built.
    if (trace && ++done === 1)
      fs.writeFileSync(trace, JSON.stringify({ traceEvents: traceOps((phase) => work(phase)) }));
  }
}

/** Calls of one piece of work: op by op, and captured, once its functions are made. */
function countCalls(work: Work): Record<'calls' | 'writes' | 'reads', { eager: number; captured: number }> {
  const one = (): void => void work(untraced);
  const eager = callsOf(() => withoutCapture(one));
  const together = (): Calls => callsOf(() => withCapture(true, one));
  let captured = together();
  for (let before = -1; captureReport().functions !== before; captured = together())
    before = captureReport().functions;
  const both = (kind: keyof Calls): { eager: number; captured: number } => ({
    eager: eager[kind],
    captured: captured[kind],
  });
  return { calls: both('ops'), writes: both('writes'), reads: both('reads') };
}

/** Billions of operations a second in the product of two 1024 x 1024 matrices: the machine's own limit. */
function matmulRate(precision: Precision): number {
  const [a, b] = [tf.ones([1024, 1024]), tf.ones([1024, 1024])] as Tensor2D[];
  const bias = tf.zeros([1024]) as Tensor1D;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    const started = performance.now();
    withPrecision(precision, () => tf.tidy(() => void affine(a, b, bias, 'none')));
    best = Math.min(best, performance.now() - started);
  }
  tf.dispose([a, b, bias]);
  return (2 * 1024 ** 3) / best / 1e6;
}

/** The number of regions of every call of the box head. */
function countRois({ boxHead: box }: MaskRcnn): number[] {
  const counts: number[] = [];
  const apply = box.apply.bind(box);
  box.apply = (pooled, mode) => {
    counts.push(pooled.shape[0]);
    return apply(pooled, mode);
  };
  return counts;
}

main(process.argv.slice(2)).catch((error: Error) => {
  // The last line is what the benchmark tells.
  process.stderr.write(`${error.message.trim()}\n`);
  process.exit(1);
});
