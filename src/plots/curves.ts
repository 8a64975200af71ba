import { PALETTE } from './canvas';
import type { Figure, Trace } from './figure';

/** A step of training, as far as curves need it. */
export interface CurveStep {
  readonly step: number;
  readonly total: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly learningRate: number;
}

/** A validation, after `step` steps. */
export interface CurveValidation {
  readonly step: number;
  readonly total: number;
  readonly AP50: number;
}

/** Training loss (each step faint, running mean strong), its five terms, and the validation loss. */
export function lossFigure(
  steps: readonly CurveStep[],
  validations: readonly CurveValidation[],
  title = 'Losses',
): Figure {
  const x = steps.map(({ step }) => step + 1);
  const total = steps.map((line) => line.total);
  const terms = Object.keys(steps[0]?.losses ?? {});
  const traces: Trace[] = [
    {
      type: 'scatter',
      name: 'each step',
      mode: 'lines',
      x,
      y: total,
      line: { color: '#999999', width: 1 },
      opacity: 0.45,
    },
    {
      type: 'scatter',
      name: 'training, all five',
      mode: 'lines',
      x,
      y: runningMean(total),
      line: { color: '#222222', width: 2.5 },
    },
    ...terms.map(
      (term, i): Trace => ({
        type: 'scatter',
        name: term.replace('loss_', '').replaceAll('_', ' '),
        mode: 'lines',
        x,
        y: runningMean(steps.map(({ losses }) => losses[term])),
        line: { color: PALETTE[i], width: 1.5 },
      }),
    ),
  ];
  if (validations.length)
    traces.push({
      type: 'scatter',
      name: 'validation, all five',
      mode: 'lines+markers',
      x: validations.map(({ step }) => step),
      y: validations.map((v) => v.total),
      line: { color: '#AA0044', width: 2, dash: 'dash' },
      marker: { color: '#AA0044' },
    });
  // A few steps are all shown; of many, a wild one in fifty does not flatten the rest.
  const top = (total.length < 50 ? Math.max(...total) : quantile(total, 0.98)) * 1.1 || 1;
  return {
    data: traces,
    layout: {
      title: { text: title },
      xaxis: { title: { text: 'step' } },
      yaxis: { title: { text: 'loss' }, range: [0, top] },
    },
  };
}

/** AP50 on the validation images over the run. */
export function accuracyFigure(
  validations: readonly CurveValidation[],
  title = 'AP50 on validation images',
): Figure {
  const colour = PALETTE[0];
  return {
    data: [
      {
        type: 'scatter',
        name: 'AP50 (masks)',
        mode: 'lines+markers',
        x: validations.map(({ step }) => step),
        y: validations.map(({ AP50 }) => AP50),
        line: { color: colour },
        marker: { color: colour },
      },
    ],
    layout: {
      title: { text: title },
      xaxis: { title: { text: 'step' } },
      yaxis: {
        title: { text: 'AP50' },
        range: [0, Math.max(0.5, ...validations.map(({ AP50 }) => AP50 * 1.1))],
      },
      height: 320,
    },
  };
}

/** The learning rate of every step. */
export function rateFigure(steps: readonly CurveStep[], title = 'Learning rate'): Figure {
  return {
    data: [
      {
        type: 'scatter',
        name: 'learning rate',
        mode: 'lines',
        x: steps.map(({ step }) => step + 1),
        y: steps.map(({ learningRate }) => learningRate),
        line: { color: PALETTE[0] },
        showlegend: false,
      },
    ],
    layout: {
      title: { text: title },
      xaxis: { title: { text: 'step' } },
      yaxis: {
        title: { text: '' },
        range: [0, Math.max(0, ...steps.map(({ learningRate }) => learningRate)) * 1.1 || 1],
      },
      height: 280,
    },
  };
}

/** Mean over a window of a twentieth of the run, centred. */
function runningMean(values: readonly number[]): number[] {
  const half = Math.max(1, Math.floor(values.length / 40));
  const sums = [0];
  for (const value of values) sums.push(sums[sums.length - 1] + value);
  return values.map((_, i) => {
    const from = Math.max(0, i - half);
    const to = Math.min(values.length, i + half + 1);
    return (sums[to] - sums[from]) / (to - from);
  });
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * q)] ?? 0;
}
