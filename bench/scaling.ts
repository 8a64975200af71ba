// How a training step grows with pixels and cells: node dist/bench/scaling.js MODEL OUT.png   -> one JSON line, and a plot

import * as fs from 'node:fs';
import type { ArchitectureName } from '../src/config/architectures';
import { PALETTE } from '../src/plots/canvas';
import type { Figure, Trace } from '../src/plots/figure';
import { figureToSvg, svgToPng } from '../src/plots/svg';
import { choosePrecision } from '../src/runtime/choose_precision';
import type { Precision } from '../src/runtime/precision';
import { type TraceEvent, traceOps } from '../src/runtime/trace';
import { buildJobModel } from './model_job';
import { trainingWork } from './model_work';

const SIZES = [256, 512, 1024];
const CELLS = [10, 100, 800];
const REPEATS = 4;

/** Milliseconds of a step by what they are spent on. */
type Terms = Readonly<Record<string, number>>;

interface Point {
  readonly size: number;
  readonly cells: number;
  readonly terms: Terms;
}

/** What a traced step spent on convolutions, on RoIAlign, on other native ops, and between them. */
function termsOf(events: readonly TraceEvent[]): Terms {
  const ms = (fits: (event: TraceEvent) => boolean): number =>
    events.filter(fits).reduce((sum, { dur }) => sum + dur / 1000, 0);
  const native = ms(({ cat }) => cat !== 'phase');
  const convolution = ms(({ name }) => /Conv|MatMul/.test(name));
  const roiAlign = ms(({ name }) => /RoiAlign|CropAndResize/.test(name));
  return {
    convolution,
    roiAlign,
    otherOps: native - convolution - roiAlign,
    javaScript: ms(({ cat, name }) => cat === 'phase' && name !== 'forward') - native,
  };
}

/** The least of several steps, term by term: what else the machine does only adds. */
function measure(model: ArchitectureName, precision: Precision, size: number, cells: number): Point {
  const job = { model, size, cells };
  const network = buildJobModel(job, precision);
  const work = trainingWork(network, job);
  work((_, part) => part());
  const runs = Array.from({ length: REPEATS }, () => termsOf(traceOps((phase) => void work(phase))));
  network.dispose();
  const terms = Object.fromEntries(
    Object.keys(runs[0]).map((name) => [name, Math.min(...runs.map((run) => run[name]))]),
  );
  return { size, cells, terms };
}

/** The largest growth of a term between two neighbours of the grid, over that of pixels plus cells. */
function excess(points: readonly Point[], term: string): number {
  let most = 0;
  for (const a of points)
    for (const b of points) {
      const wider = b.size === 2 * a.size && b.cells === a.cells;
      const fuller = b.size === a.size && b.cells > a.cells && b.cells <= 10 * a.cells;
      if (wider) most = Math.max(most, b.terms[term] / a.terms[term] / 4);
      if (fuller) most = Math.max(most, b.terms[term] / a.terms[term] / (b.cells / a.cells));
    }
  return most;
}

function figure(points: readonly Point[], title: string): Figure {
  const seconds = ({ terms }: Point): number => Object.values(terms).reduce((a, b) => a + b, 0) / 1000;
  const traces: Trace[] = CELLS.map((cells, i) => ({
    type: 'scatter',
    mode: 'lines+markers',
    name: `${cells} cells`,
    x: SIZES.map((size) => (size * size) / 1e6),
    y: points.filter((point) => point.cells === cells).map(seconds),
    line: { color: PALETTE[i] },
    marker: { color: PALETTE[i], size: 7 },
  }));
  return {
    data: traces,
    layout: {
      title: { text: title },
      xaxis: { title: { text: 'megapixels' }, range: [0, 1.1] },
      yaxis: { title: { text: 'seconds a step' }, range: [0, Math.max(...points.map(seconds)) * 1.05] },
    },
  };
}

function main([model, out]: readonly string[]): void {
  const { precision } = choosePrecision();
  const points = SIZES.flatMap((size) =>
    CELLS.map((cells) => measure(model as ArchitectureName, precision, size, cells)),
  );
  const growth = Object.fromEntries(Object.keys(points[0].terms).map((term) => [term, excess(points, term)]));
  fs.writeFileSync(out, svgToPng(figureToSvg(figure(points, `${model}, ${precision}`))));
  process.stdout.write(`${JSON.stringify({ model, precision, points, growth })}\n`);
}

main(process.argv.slice(2));
