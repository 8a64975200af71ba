// What it costs to hand a training step over: models with narrow heads on 64 pixels, TensorFlow's own ops, one thread, so
// that little is left but the calls. Op by op and captured in turn; CPU milliseconds of a step, the least and the middle.
//   node dist/bench/dispatch.js [STEPS]   -> one line of JSON a model
import { spawnSync } from 'node:child_process';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../src/config/architectures';
import { networkOf } from '../src/config/schema';
import type { MaskRcnn } from '../src/models/mask_rcnn';

const MODELS: readonly ArchitectureName[] = ARCHITECTURE_NAMES.filter((name) =>
  ['efficientnet_lite0_fpn', 'resnet50_fpn_v2'].includes(name),
);
const [SIDE, CELLS] = [64, 6];
/** Steps before those that count: the first makes code and caches, the second and third functions. */
const WARM_UP = 4;
/** What is settled before the runtime is loaded. */
const SETTINGS = { CYTOBENCH_KERNELS: '0', CYTOBENCH_DEVICE: 'cpu', TF_NUM_INTRAOP_THREADS: '1' };

async function narrowModel(name: ArchitectureName): Promise<MaskRcnn> {
  const { MaskRcnn: Model } = await import('../src/models/mask_rcnn');
  const { assign } = await import('../src/models/weights/load_state');
  const { generateTensor } = await import('../src/parity/generate');
  const { image, rpn, box, ...rest } = networkOf(name);
  const narrow = {
    ...rest,
    image: { ...image, resize: 'never' as const },
    fpnChannels: 8,
    rpn: { ...rpn, batchSizePerImage: 16, preNmsTopNTrain: 50, postNmsTopNTrain: 50 },
    box: { ...box, representationSize: 16, batchSizePerImage: 8 },
  };
  const model = new Model(narrow, null);
  for (const parameter of model.parameters.all())
    assign(parameter, generateTensor(name, parameter.name, parameter.torchShape));
  return model;
}

interface Times {
  readonly least: number;
  readonly middle: number;
}

function summary(times: readonly number[]): Times {
  const sorted = [...times].sort((a, b) => a - b);
  return { least: sorted[0], middle: sorted[sorted.length >> 1] };
}

async function measure(name: ArchitectureName, steps: number): Promise<object> {
  const { callsOf } = await import('../src/runtime/binding');
  const { withCapture } = await import('../src/runtime/capture');
  const { captureReport } = await import('../src/runtime/segments');
  const { trainingWork, untraced } = await import('./model_work');
  const job = { model: name, size: SIDE, cells: CELLS };
  const sides = await Promise.all(
    [false, true].map(async (capture) => {
      const work = trainingWork(await narrowModel(name), job);
      const times: number[] = [];
      const step = (): void => withCapture(capture, () => void work(untraced));
      return { step, times };
    }),
  );
  for (let i = 0; i < steps + WARM_UP; i++)
    for (const { step, times } of sides) {
      const before = process.cpuUsage();
      step();
      const { user, system } = process.cpuUsage(before);
      if (i >= WARM_UP) times.push((user + system) / 1000);
    }
  const [eager, captured] = sides.map(({ times }) => summary(times));
  const calls = { eager: callsOf(sides[0].step).ops, captured: callsOf(sides[1].step).ops };
  const ratio = captured.least / eager.least;
  return { model: name, eager, captured, ratio, calls, capture: captureReport() };
}

async function main([count = '20', child]: readonly string[]): Promise<void> {
  if (!child) {
    const env = { ...process.env, ...SETTINGS };
    process.exitCode =
      spawnSync(process.execPath, [__filename, count, 'settled'], { env, stdio: 'inherit' }).status ?? 1;
    return;
  }
  for (const name of MODELS) process.stdout.write(`${JSON.stringify(await measure(name, Number(count)))}\n`);
}

void main(process.argv.slice(2));
