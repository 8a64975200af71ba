// Whether bfloat16 trains as float32 does: node dist/bench/precision_curves.js OUT.png FLOAT32_RUN… -- BFLOAT16_RUN…
// Runs of equal settings and steps, one a seed in the same order on both sides. -> one JSON line, and a plot

import * as fs from 'node:fs';
import * as path from 'node:path';
import { PALETTE } from '../src/plots/canvas';
import type { Figure, Trace } from '../src/plots/figure';
import { figureToSvg, svgToPng } from '../src/plots/svg';
import type { StepMetrics } from '../src/training/metrics_log';

/** Steps averaged together: single images differ far more than curves do. */
const WINDOW = 20;

/** The total loss, averaged over windows. */
function curve(run: string): number[] {
  const totals = fs
    .readFileSync(path.join(run, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as StepMetrics)
    .filter(({ type }) => type === 'step')
    .map(({ total }) => total);
  const windows = Math.floor(totals.length / WINDOW);
  return Array.from(
    { length: windows },
    (_, w) => totals.slice(w * WINDOW, (w + 1) * WINDOW).reduce((a, b) => a + b, 0) / WINDOW,
  );
}

/** Mean distance of two curves, as a share of the first, without its first window: from a random start all fall steeply. */
function distance(a: readonly number[], b: readonly number[]): number {
  const shares = a.map((value, w) => Math.abs(value - b[w]) / value).slice(1);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function figure(groups: readonly (readonly [string, readonly number[][]])[]): Figure {
  const data = groups.flatMap(([name, curves], g) =>
    curves.map(
      (values, seed): Trace => ({
        type: 'scatter',
        mode: 'lines',
        name: `${name}, seed ${seed}`,
        // The steep fall of the first window would hide the rest.
        x: values.slice(1).map((_, w) => (w + 1.5) * WINDOW),
        y: values.slice(1),
        line: { color: PALETTE[g], width: 2, dash: seed === 0 ? 'solid' : 'dash' },
      }),
    ),
  );
  return {
    data,
    layout: {
      title: { text: `Training loss, means of ${WINDOW} steps` },
      xaxis: { title: { text: 'step' } },
      yaxis: { title: { text: 'loss' } },
    },
  };
}

function main([out, ...runs]: readonly string[]): void {
  const cut = runs.indexOf('--');
  const [float32, bfloat16] = [runs.slice(0, cut), runs.slice(cut + 1)].map((part) => part.map(curve));
  const pairs = float32.flatMap((a, i) => float32.slice(i + 1).map((b) => [a, b] as const));
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const result = {
    window: WINDOW,
    betweenSeeds: mean(pairs.map(([a, b]) => distance(a, b))),
    betweenPrecisions: mean(float32.map((a, i) => distance(a, bfloat16[i]))),
    float32,
    bfloat16,
  };
  fs.writeFileSync(
    out,
    svgToPng(
      figureToSvg(
        figure([
          ['float32', float32],
          ['bfloat16', bfloat16],
        ]),
      ),
    ),
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main(process.argv.slice(2));
