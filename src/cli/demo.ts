import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Command } from 'commander';
import { DataError } from '../core/errors';
import { writeFileAtomic } from '../core/files';
import { peakRssMb } from '../core/process';
import type { EpochMetrics } from '../training/metrics_log';
import { type CommonOptions, printResult, say, withCommonOptions } from './command';

/** `demo`: from nothing to a page that shows a model finding cells. */
export function registerDemo(program: Command): void {
  withCommonOptions(
    program
      .command('demo')
      .description('train the light model on synthetic tissue and show what it learned')
      .option('--out <dir>', 'where the run and its page go', 'results/demo'),
    'npm run demo',
    'npx cytobench demo --out results/demo',
  ).action(async (flags: CommonOptions & { out: string }) => {
    const result = await demo(flags.out);
    printResult(flags, result, () =>
      [
        '',
        `AP50 on ${result.images} images it has not seen: ${result.before.toFixed(3)} before, ${result.after.toFixed(3)} after ${result.steps} steps`,
        ...result.parts.map(({ part, seconds }) => `  ${part.padEnd(28)}${seconds.toFixed(0).padStart(5)} s`),
        `  ${'peak memory'.padEnd(28)}${result.peakRssMb.toFixed(0).padStart(5)} MB`,
        '',
        `Open ${result.page}`,
        'Then: npm run lab (notebooks/00_quickstart.ipynb), or your own data: npx cytobench data check DIR',
      ].join('\n'),
    );
  });
}

interface DemoResult {
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
async function demo(out: string): Promise<DemoResult> {
  const { evaluateRun } = await import('../evaluation/evaluate');
  const { accuracyFigure, lossFigure } = await import('../plots/curves');
  const { figureToSvg, svgToPng } = await import('../plots/svg');
  const { drawEvaluated, worstAndBest } = await import('../report/images');
  const { runPage } = await import('../report/run_page');
  const { curvePoints } = await import('../report/sections');
  const { trainRun } = await import('../runs/executors/in_process');
  const { findExperiment } = await import('../config/experiments');
  const { RunFolder } = await import('../runs/run_folder');
  const { stepsOf } = await import('../training/metrics_log');
  const parts: { part: string; seconds: number }[] = [];
  const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
    const started = Date.now();
    const result = await work();
    parts.push({ part, seconds: (Date.now() - started) / 1000 });
    return result;
  };
  clearDemo(out);
  const dir = path.join(out, 'run');
  const run = await timed('training and validation', () =>
    trainRun({ experiment: findExperiment('quickstart'), variant: 'demo', preset: 'cpu', out: dir, say }),
  );
  const folder = new RunFolder(dir);
  const metrics = folder.metrics();
  const evaluation = await timed('evaluation', () => evaluateRun(dir));
  const page = path.join(out, 'index.html');
  await timed('images and page', async () => {
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

/** What a demo leaves. */
const LEFT = ['run', 'index.html', 'loss.png', 'ap50.png', 'best.png', 'worst.png'];

/** Removes what an earlier demo left; a folder that holds anything else is a user's, and is left as it is. */
function clearDemo(out: string): void {
  if (!fs.existsSync(out)) return;
  const names = fs.readdirSync(out);
  const foreign = names.find((name) => !LEFT.includes(name));
  const own = names.length === 0 || fs.existsSync(path.join(out, 'run', 'config.json'));
  if (foreign !== undefined || !own)
    throw new DataError(`holds "${foreign ?? names[0]}", which no demo has made: nothing was removed`, {
      where: out,
      fix: 'Name a new or an empty folder with --out.',
    });
  for (const name of names) fs.rmSync(path.join(out, name), { recursive: true, force: true });
}
