// Training steps and predictions captured against op by op, on whatever device there is: node dist/bench/captured_steps.js
// [MODEL,… [SIDE [STEPS]]]. One line of JSON a model; ends with 1 where they differ by more than the device's own
// repetitions do (a CPU gives the same bits, a GPU adds in no fixed order), or nothing was captured.
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../src/config/architectures';
import { createProgress } from '../src/core/progress';
import { withCapture, withoutCapture } from '../src/runtime/capture';
import { captureReport } from '../src/runtime/segments';
import { device } from '../src/runtime/tf';
import { buildJobModel } from './model_job';
import { predictionWork, trainingWork, untraced } from './model_work';

const DEFAULT = ['efficientnet_lite0_fpn', 'resnet18_fpn', 'resnet50_fpn', 'resnet50_fpn_v2'].join();
const CELLS = 20;
/** How many times the difference of two runs op by op the captured one may differ, where bits are not repeated. */
const FACTOR = 3;

interface Outcome {
  readonly values: readonly number[];
  readonly milliseconds: number;
}

/** Losses of all steps, then a prediction's number of cells and best score. */
function run(model: ArchitectureName, side: number, steps: number, capture: boolean): Outcome {
  const job = { model, size: side, cells: CELLS };
  const network = buildJobModel(job);
  const [train, predict] = [trainingWork(network, job), predictionWork(network, job)];
  const times: number[] = [];
  const progress = createProgress({
    label: `${model}, ${capture ? 'captured' : 'op by op'}`,
    total: steps,
    unit: 'steps',
  });
  const work = (): number[] => {
    const values: number[] = [];
    for (let i = 0; i < steps; i++) {
      const started = performance.now();
      const losses = capture ? withCapture(true, () => train(untraced)) : train(untraced);
      times.push(performance.now() - started);
      values.push(...Object.values(losses));
      progress.update(i + 1);
    }
    for (let i = 0; i < 3; i++)
      values.push(...Object.values(capture ? withCapture(true, () => predict(untraced)) : predict(untraced)));
    return values;
  };
  const values = capture ? work() : withoutCapture(work);
  progress.finish();
  network.dispose();
  return { values, milliseconds: [...times].sort((a, b) => a - b)[times.length >> 1] };
}

function apart(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(Math.abs(value), 1e-6)));
}

function main([models = DEFAULT, side = '256', steps = '20']: readonly string[]): void {
  for (const name of models.split(',') as ArchitectureName[]) {
    if (!ARCHITECTURE_NAMES.includes(name)) throw new Error(`unknown model ${name}`);
    const before = captureReport();
    const [eager, again] = [0, 1].map(() => run(name, Number(side), Number(steps), false));
    const captured = run(name, Number(side), Number(steps), true);
    const repeats = apart(eager.values, again.values);
    const differs = apart(eager.values, captured.values);
    const report = captureReport();
    const calls = report.calls - before.calls;
    const ok = differs <= FACTOR * repeats && calls > 0 && report.refused === null;
    if (!ok) process.exitCode = 1;
    process.stdout.write(
      `${JSON.stringify({ model: name, device, side: Number(side), steps: Number(steps), ok, differs, repeats, calls, refused: report.refused, eagerMs: eager.milliseconds, capturedMs: captured.milliseconds })}\n`,
    );
  }
}

main(process.argv.slice(2));
