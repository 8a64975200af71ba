// Training steps of one model, op by op and captured, in a process of its own: kernels and threads are settled when it
// starts. Prints one JSON document.
//   node dist/tests/runtime/captured_training.js MODEL WAY STEPS [planted]
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../src/config/architectures';
import { defaultConfig, type ExperimentConfig, networkOf } from '../../src/config/schema';
import { recordToSample, type Sample } from '../../src/data/record';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { binding } from '../../src/runtime/binding';
import { withoutCapture } from '../../src/runtime/capture';
import { type CaptureReport, captureReport } from '../../src/runtime/segments';
import { tf } from '../../src/runtime/tf';
import { restoreCheckpoint, saveCheckpoint, type TrainingState } from '../../src/training/checkpoint';
import type { TrainingProgress } from '../../src/training/checkpoint_state';
import { trainableParameters } from '../../src/training/loop';
import { createOptimizer } from '../../src/training/optimizers';
import { INITIAL_SCHEDULE } from '../../src/training/schedule';
import { takeStep } from '../../src/training/step';
import { WeightAverage } from '../../src/training/weight_average';

/**
 * `plain`: one image a step. `everything`: two images of different sizes a batch, one in five of them without cells,
 * two batches a step, clipping, a weight average, and a process that starts afresh from a checkpoint in the middle.
 * `adamw`: as plain, with AdamW.
 */
export type Way = 'plain' | 'everything' | 'adamw';

/** What steps came to. */
export interface Trained {
  /** Weights, running statistics, optimizer buffers and average, as one hash. */
  readonly state: string;
  /** Losses and gradient norm of every step. */
  readonly steps: readonly string[];
  /** Tensors of JavaScript, and handles of the runtime, after each step. */
  readonly tensors: readonly number[];
  readonly handles: readonly number[];
}

export interface Comparison {
  readonly eager: Trained;
  readonly captured: Trained;
  readonly report: CaptureReport;
}

const SIZES = [
  [64, 64],
  [96, 64],
  [33, 80],
  [64, 128],
  [70, 70],
] as const;

async function samples(): Promise<Sample[]> {
  const made: Sample[] = [];
  for (const [i, [height, width]] of SIZES.entries()) {
    const data = syntheticDataset({ images: 1, width, height, seed: i + 1 });
    const sample = recordToSample(await data.load(data.ids[0]));
    const none = { boxes: new Float32Array(), labels: new Int32Array(), masks: [] };
    made.push(i === 3 ? { ...sample, ...none } : sample);
  }
  return made;
}

function configOf(architecture: ArchitectureName, way: Way): ExperimentConfig {
  const config = defaultConfig(architecture);
  const { clipNorm, emaDecay } = config.training;
  const all = way === 'everything';
  return {
    ...config,
    training: { ...config.training, clipNorm: all ? 0.5 : clipNorm, emaDecay: all ? 0.9 : emaDecay },
    optimizer: { ...config.optimizer, kind: way === 'adamw' ? 'adamw' : 'sgd', learningRate: 0.002 },
  };
}

/** Narrow heads: dispatch and structure are those of the real ones. */
function stateOf(architecture: ArchitectureName, config: ExperimentConfig): TrainingState {
  const network = networkOf(architecture);
  const model = new MaskRcnn(
    {
      ...network,
      image: { ...network.image, resize: 'never' },
      fpnChannels: 16,
      rpn: { ...network.rpn, batchSizePerImage: 64 },
      box: { ...network.box, representationSize: 32, batchSizePerImage: 32 },
    },
    1,
    'float32',
    true,
  );
  const parameters = trainableParameters(model, config);
  const { emaDecay } = config.training;
  return {
    model,
    optimizer: createOptimizer(config.optimizer, parameters),
    average: emaDecay === null ? null : new WeightAverage(model.parameters.all(), emaDecay),
  };
}

function dispose({ model, optimizer, average }: TrainingState): void {
  average?.dispose();
  optimizer.buffers.dispose();
  model.dispose();
}

function hashOf({ model, optimizer, average }: TrainingState): string {
  const hash = createHash('sha256');
  const tensors = [
    ...model.parameters.all().map(({ variable }) => variable),
    ...optimizer.buffers.all().values(),
    ...(average?.all().values() ?? []),
  ];
  for (const tensor of tensors) hash.update(new Uint8Array(tensor.dataSync<'float32'>().buffer));
  return hash.digest('hex');
}

function train(
  architecture: ArchitectureName,
  way: Way,
  count: number,
  images: readonly Sample[],
  folder: string,
): Trained {
  const config = configOf(architecture, way);
  const [batchSize, accumulate] = way === 'everything' ? [2, 2] : [1, 1];
  let state = stateOf(architecture, config);
  let progress: TrainingProgress = {
    step: 0,
    epoch: 0,
    batch: 0,
    schedule: INITIAL_SCHEDULE,
    best: null,
    stopping: { best: null, since: 0 },
    ended: null,
  };
  const steps: string[] = [];
  const [tensors, handles]: number[][] = [[], []];
  for (let step = 0, at = 0; step < count; step++) {
    if (way === 'everything' && step === count >> 1) {
      fs.mkdirSync(path.join(folder, 'checkpoints'), { recursive: true });
      saveCheckpoint(folder, state, progress);
      dispose(state);
      state = stateOf(architecture, config);
      progress = restoreCheckpoint(folder, state, () => {}) ?? progress;
    }
    const batches = Array.from({ length: accumulate }, () =>
      Array.from({ length: batchSize }, () => images[at++ % images.length]),
    );
    const { losses, gradientNorm } = takeStep(state, batches, progress, count, config);
    steps.push(JSON.stringify([losses, gradientNorm]));
    progress = { ...progress, step: progress.step + 1 };
    tensors.push(tf.memory().numTensors);
    handles.push((binding as unknown as { getNumOfTensors(): number }).getNumOfTensors());
  }
  const hash = hashOf(state);
  dispose(state);
  return { state: hash, steps, tensors, handles };
}

async function main([name, way, count, planted]: readonly string[]): Promise<void> {
  const architecture = ARCHITECTURE_NAMES.find((known) => known === name) as ArchitectureName;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-captured-'));
  const images = await samples();
  const run = (): Trained => train(architecture, way as Way, Number(count), images, folder);
  try {
    const eager = withoutCapture(run);
    // A fault, planted: constants that change are not seen, and stay what they were when the function was made.
    if (planted) Object.assign(require('../../src/runtime/segments'), { compareConstants: () => {} });
    const captured = run();
    process.stdout.write(JSON.stringify({ eager, captured, report: captureReport() } satisfies Comparison));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

if (require.main === module) void main(process.argv.slice(2));
