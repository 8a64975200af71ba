import { formatDuration } from '../core/progress';
import type { Ablation } from '../evaluation/ablate';
import { HEADLINE } from '../evaluation/analyse';
import { type Evaluation, evaluateRun } from '../evaluation/evaluate';
import { type ClassSweep, sweepThresholds } from '../metrics/analysis/threshold_sweep';
import { detectionsOf } from '../metrics/evaluation_image';
import { formatInterval } from '../metrics/statistics/interval';
import { RunFolder } from '../runs/run_folder';
import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { Study } from '../studies/run_study';
import { stepsOf } from '../training/metrics_log';
import { METRIC_NAMES } from './sections';

/** A table: its header, then its rows; HTML and Markdown are made of the same. */
export type Cells = readonly [header: readonly string[], rows: readonly (readonly string[])[]];

const shown = (value: number | null): string => value?.toFixed(3) ?? '–';

/** Every variant with its AP50, and what it differs by from the first. */
export function variantCells(rows: readonly ComparedVariant[]): Cells {
  const several = rows.some(({ values }) => values.length > 1);
  const compared = rows.some(({ difference }) => difference);
  return [
    [
      'variant',
      'AP50, 95 % interval',
      ...(several ? ['by seed'] : []),
      ...(compared ? ['difference to the first', ''] : []),
    ],
    rows
      .filter(({ metric }) => metric === 'AP50')
      .map(({ variant, interval, values, difference }) => [
        variant,
        formatInterval(interval),
        ...(several ? [values.map(shown).join(', ')] : []),
        ...(compared ? comparedCells(difference) : []),
      ]),
  ];
}

function comparedCells(difference: ComparedVariant['difference']): string[] {
  if (!difference) return ['', ''];
  return [formatInterval(difference), difference.shown ? 'a difference is shown' : 'no difference shown'];
}

/** What the report claimed, what was found, and the verdict. */
export function claimCells(claims: readonly ComparedClaim[]): Cells {
  return [
    ['variant', 'the report', 'claimed difference', 'found', 'verdict'],
    claims.map(({ variant, against, words, claimed, because, verdict }) => [
      `${variant} against ${against}`,
      words,
      claimed === 0 ? 'none' : claimed.toFixed(3),
      because,
      verdict,
    ]),
  ];
}

/** Every metric of every variant. */
export function metricCells(rows: readonly ComparedVariant[]): Cells {
  const variants = [...new Set(rows.map(({ variant }) => variant))];
  return [
    ['variant', ...HEADLINE.map((key) => METRIC_NAMES[key])],
    variants.map((name) => [
      name,
      ...HEADLINE.map((key) => {
        const row = rows.find(({ variant, metric }) => variant === name && metric === key);
        return row ? formatInterval(row.interval) : '–';
      }),
    ]),
  ];
}

/** Every run: how long, how it ended, where it lies. */
export function runCells(runs: Study['runs']): Cells {
  return [
    ['run', 'steps', 'ended', 'training', 'folder'],
    runs.map(({ variant, seed, steps, stopped, run }) => [
      `${variant}, seed ${seed}`,
      String(steps),
      stopped,
      formatDuration(trainingSeconds(run)),
      run.split('/').at(-1) ?? run,
    ]),
  ];
}

/** Seconds spent in steps of a run. */
function trainingSeconds(dir: string): number {
  return stepsOf(new RunFolder(dir).metrics()).reduce((sum, { seconds }) => sum + seconds, 0);
}

export function sweepOf({ set, predictions, about }: Evaluation): ClassSweep[] {
  const found = predictions.map((prediction) => detectionsOf(prediction));
  return sweepThresholds(set.groundTruth, found, { classes: about.classes.length });
}

/** The best threshold of each class, and what it does. */
export function thresholdCells({ about }: Evaluation, sweeps: readonly ClassSweep[]): Cells {
  return [
    ['class', 'best by F1', 'precision', 'recall', 'F1', 'AP50 of all over 0.1', 'AP50 at the best'],
    about.classes.map((name, k) => {
      const { best, curve } = sweeps[k];
      const at = curve.find(({ threshold }) => threshold === best);
      return [
        name,
        best?.toFixed(2) ?? '–',
        shown(at?.precision ?? null),
        shown(at?.recall ?? null),
        shown(at?.f1 ?? null),
        shown(curve[0]?.ap50 ?? null),
        shown(at?.ap50 ?? null),
      ];
    }),
  ];
}

/** Each step after the model, with it less without it. */
export function stepCells(ablation: readonly Ablation[]): Cells {
  return [
    ['step', 'setting', 'by default', 'AP50', 'PQ', 'F1'],
    ablation.map(({ step, setting, byDefault, effects }) => [
      step,
      setting,
      byDefault ? 'on' : 'off',
      formatInterval(effects.AP50),
      formatInterval(effects.pq),
      formatInterval(effects.f1),
    ]),
  ];
}

/** The tables of an experiment's page as Markdown, to be quoted. */
export async function experimentMarkdown({ experiment, comparison, variants, runs }: Study): Promise<string> {
  const sections = experiment.sections ?? [];
  const [evaluation] = variants[0].evaluations;
  const parts = [markdownTable(variantCells(comparison.rows))];
  if (comparison.claims.length) parts.push(markdownTable(claimCells(comparison.claims)));
  if (sections.includes('thresholds'))
    parts.push(markdownTable(thresholdCells(evaluation, sweepOf(evaluation))));
  if (sections.includes('refinement')) {
    const { ablation = [] } = await evaluateRun(runs[0].run, { stored: true, ablate: true });
    parts.push(markdownTable(stepCells(ablation)));
  }
  parts.push(markdownTable(runCells(runs)));
  return parts.join('\n');
}

function markdownTable([header, rows]: Cells): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('');
}
