import * as fs from 'node:fs';
import * as path from 'node:path';
import { writeFileAtomic } from '../core/files';
import { peakRssMb } from '../core/memory';
import { evaluateRun } from '../engine/evaluation/evaluate';
import { findExperiment } from '../engine/experiments';
import { type EpochMetrics, RunFolder, stepsOf } from '../engine/run/run_folder';
import { trainRun } from '../engine/run/train_run';
import { accuracyFigure, lossFigure } from '../plots/loss_curves';
import { svgToPng } from '../plots/png';
import { figureToSvg } from '../plots/svg';
import { curvePoints } from '../report/curve_points';
import { drawEvaluated, worstAndBest } from '../report/pictures';
import { runPage } from '../report/run_page';

export interface DemoResult {
  readonly page: string;
  readonly images: number;
  readonly steps: number;
  /** AP50 of the starting weights and of the trained ones, on the same images. */
  readonly before: number;
  readonly after: number;
  readonly parts: readonly { readonly part: string; readonly seconds: number }[];
  readonly peakRssMb: number;
}

/** Trains quickstart:demo afresh, evaluates, draws, and writes one page. */
export async function demo(out: string, say: (line: string) => void): Promise<DemoResult> {
  const parts: { part: string; seconds: number }[] = [];
  const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
    const started = Date.now();
    const result = await work();
    parts.push({ part, seconds: (Date.now() - started) / 1000 });
    return result;
  };
  fs.rmSync(out, { recursive: true, force: true });
  const dir = path.join(out, 'run');
  const run = await timed('training and validation', () =>
    trainRun({ experiment: findExperiment('quickstart'), variant: 'demo', preset: 'cpu', out: dir, say }),
  );
  const folder = new RunFolder(dir);
  const metrics = folder.metrics();
  const evaluation = await timed('evaluation', () => evaluateRun(dir));
  const page = path.join(out, 'index.html');
  await timed('pictures and page', async () => {
    const validations = curvePoints(metrics);
    const steps = stepsOf(metrics);
    writeFileAtomic(path.join(out, 'loss.png'), svgToPng(figureToSvg(lossFigure(steps, validations))));
    writeFileAtomic(path.join(out, 'ap50.png'), svgToPng(figureToSvg(accuracyFigure(validations))));
    const { best, worst } = worstAndBest(evaluation);
    writeFileAtomic(path.join(out, 'best.png'), await drawEvaluated(evaluation, best));
    writeFileAtomic(path.join(out, 'worst.png'), await drawEvaluated(evaluation, worst));
    writeFileAtomic(page, await runPage({ evaluation, metrics, run: dir }));
  });
  const first = metrics.find((line): line is EpochMetrics => line.type === 'epoch' && line.epoch === -1);
  return {
    page,
    images: evaluation.ids.length,
    steps: run.steps,
    before: first?.validation?.AP50 ?? 0,
    after: evaluation.segm.AP50,
    parts,
    peakRssMb: peakRssMb(),
  };
}
