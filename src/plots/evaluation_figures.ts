import type { RecallGroup } from '../metrics/analysis/breakdown';
import type { ClassSweep } from '../metrics/analysis/threshold_sweep';
import { classColour, PALETTE } from './canvas';
import type { Figure, Trace } from './figure';

/** A value with the ends of its interval, as a row of a figure. */
export interface IntervalRow {
  readonly name: string;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Values and their intervals, a row each, the first on top; `claims` in a second colour. */
export function intervalFigure(
  rows: readonly IntervalRow[],
  title: string,
  axis: string,
  claims: readonly { readonly name: string; readonly value: number }[] = [],
): Figure {
  const names = rows.map(({ name }) => name);
  const known = rows.filter(({ value }) => value !== null);
  const ends = (pick: 'low' | 'high'): number[] =>
    known.map((row) => Math.abs((row[pick] ?? (row.value as number)) - (row.value as number)));
  const found: Trace = {
    type: 'scatter',
    name: 'found, with its 95 % interval',
    mode: 'markers',
    x: known.map(({ value }) => value as number),
    y: known.map(({ name }) => name),
    error_x: { type: 'data', symmetric: false, array: ends('high'), arrayminus: ends('low') },
    marker: { color: PALETTE[0], size: 10 },
  };
  const claimed: Trace = {
    type: 'scatter',
    name: 'claimed by the report',
    mode: 'markers',
    x: claims.map(({ value }) => value),
    y: claims.map(({ name }) => name),
    marker: { color: PALETTE[3], size: 9 },
  };
  return {
    data: claims.length ? [found, claimed] : [found],
    layout: {
      title: { text: title },
      xaxis: { title: { text: axis } },
      yaxis: { title: { text: '' }, categoryarray: [...names].reverse(), automargin: true },
      height: 130 + 34 * rows.length,
    },
  };
}

/** Precision, recall, F1 and AP50 of one class over score thresholds. */
export function thresholdFigure(name: string, { best, curve }: ClassSweep): Figure {
  const x = curve.map(({ threshold }) => threshold);
  const line = (key: 'precision' | 'recall' | 'f1' | 'ap50', label: string, colour: string): Trace => ({
    type: 'scatter',
    name: label,
    mode: 'lines+markers',
    x,
    y: curve.map((point) => point[key] ?? Number.NaN),
    line: { color: colour },
    marker: { color: colour, size: 5 },
  });
  const chosen: Trace[] =
    best === null
      ? []
      : [
          {
            type: 'scatter',
            name: `best F1 at ${best}`,
            mode: 'lines',
            x: [best, best],
            y: [0, 1],
            line: { color: '#888888', width: 1, dash: 'dash' },
          },
        ];
  return {
    data: [
      line('precision', 'precision', PALETTE[0]),
      line('recall', 'recall', PALETTE[1]),
      line('f1', 'F1', PALETTE[2]),
      line('ap50', 'AP50 of what is left', PALETTE[4]),
      ...chosen,
    ],
    layout: {
      title: { text: name },
      xaxis: { title: { text: 'score threshold' } },
      yaxis: { title: { text: '' }, range: [0, 1] },
      height: 320,
    },
  };
}

/** Precision over recall at IoU 0.5, one line a class. @param curves [K] of precisions at recalls 0, 0.01, … 1. */
export function precisionRecallFigure(
  classes: readonly string[],
  curves: readonly (ArrayLike<number> | null)[],
): Figure {
  const data = classes.flatMap((name, k): Trace[] => {
    const curve = curves[k];
    if (!curve) return [];
    const y = Array.from(curve);
    const x = y.map((_, i) => i / (y.length - 1));
    return [{ type: 'scatter', name, mode: 'lines', x, y, line: { color: PALETTE[k % PALETTE.length] } }];
  });
  return {
    data,
    layout: {
      title: { text: 'Precision and recall of the masks at IoU 0.5' },
      xaxis: { title: { text: 'recall' }, range: [0, 1] },
      yaxis: { title: { text: 'precision' }, range: [0, 1] },
    },
  };
}

/** Cells there and found, by size or crowding. */
export function recallFigure(shares: readonly RecallGroup[], title: string): Figure {
  const x = shares.map(({ name }) => name);
  const bars = (name: string, y: number[], color: string): Trace => ({
    type: 'bar',
    name,
    x,
    y,
    marker: { color },
  });
  return {
    data: [
      bars(
        'cells',
        shares.map(({ groundTruths }) => groundTruths),
        '#bbbbbb',
      ),
      bars(
        'found',
        shares.map(({ found }) => found),
        PALETTE[2],
      ),
    ],
    layout: {
      title: { text: title },
      xaxis: { title: { text: '' } },
      yaxis: { title: { text: 'cells' } },
      height: 320,
      barmode: 'group',
    },
  };
}

/** Which class is taken for which. @param matrix [K + 1][K + 1], ground truth by row; the last is background. */
export function confusionFigure(classes: readonly string[], matrix: readonly (readonly number[])[]): Figure {
  const names = [...classes, 'background'];
  const shares = matrix.map((row) => {
    const total = row.reduce((sum, value) => sum + value, 0) || 1;
    return row.map((value) => value / total);
  });
  return {
    data: [
      {
        type: 'heatmap',
        name: 'share of the row',
        x: names,
        y: [...names].reverse(),
        z: [...shares].reverse(),
        text: [...matrix].reverse().map((row) => row.map(String)),
        texttemplate: '%{text}',
        colorscale: [
          [0, '#ffffff'],
          [1, '#0b4f8a'],
        ],
        showscale: false,
      },
    ],
    layout: {
      title: { text: 'Ground truth (row) and what it was taken for (column), in cells' },
      xaxis: { title: { text: 'predicted' } },
      yaxis: { title: { text: '' }, categoryarray: [...names].reverse(), automargin: true },
      height: 120 + 52 * names.length,
      width: 680,
    },
  };
}

/** How large the cells of each class are. @param areas [K] pixels of every cell. */
export function sizeFigure(areas: readonly (readonly number[])[], classes: readonly string[]): Figure {
  const most = Math.max(8, ...areas.flat());
  const bins = Math.ceil(Math.log2(most)) + 1;
  const names = Array.from({ length: bins }, (_, b) => `${2 ** b}–${2 ** (b + 1) - 1}`);
  const counts = areas.map((own) => {
    const count = new Array<number>(bins).fill(0);
    for (const area of own) count[Math.floor(Math.log2(Math.max(area, 1)))]++;
    return count;
  });
  const first = Math.max(
    0,
    names.findIndex((_, b) => counts.some((count) => count[b] > 0)),
  );
  const data = classes.map(
    (name, k): Trace => ({
      type: 'bar',
      name,
      x: names.slice(first),
      y: counts[k].slice(first),
      marker: { color: classColour(k + 1) },
    }),
  );
  return {
    data,
    layout: {
      title: { text: 'Size of the cells' },
      xaxis: { title: { text: 'area, pixels' } },
      yaxis: { title: { text: 'cells' } },
      height: 340,
      barmode: 'group',
    },
  };
}
