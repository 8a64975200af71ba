import { formatDuration } from '../core/progress';
import type { Ablation } from '../evaluation/ablate';
import type { ClassSweep } from '../metrics/analysis/threshold_sweep';
import { HEADLINE, PRIMARY } from '../metrics/headline';
import { formatInterval, leavesOut, MIN_GROUPS, type PairedInterval } from '../metrics/statistics/interval';
import type { ComparedClaim, ComparedVariant, StudyComparison } from '../studies/comparison';
import { costOf } from '../studies/record';
import { nameOf, type Study } from '../studies/study';

/** A table: its header, then its rows; HTML and Markdown are made of the same. */
export type Cells = readonly [header: readonly string[], rows: readonly (readonly string[])[]];

const shown = (value: number | null): string => value?.toFixed(3) ?? '–';

/** Every variant with its AP50, and what it differs by from the first. */
export function variantCells({ rows, alpha }: Pick<StudyComparison, 'rows' | 'alpha'>): Cells {
  const several = rows.some(({ values }) => values.length > 1);
  const compared = rows.some(({ difference }) => difference);
  return [
    [
      'variant',
      `${PRIMARY}, ${percent(1 - alpha)} interval`,
      ...(several ? ['by seed'] : []),
      ...(compared ? ['difference to the first', ''] : []),
    ],
    rows
      .filter(({ metric }) => metric === PRIMARY)
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
  return [formatInterval(difference), wordsOn(difference)];
}

/** `95 %`, `99.93 %`, `99.9988 %`: as many digits as tell it from 100. */
export function percent(share: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(1 - share)));
  return `${Number((100 * share).toFixed(digits))} %`;
}

/** What a difference says, in words. */
export function wordsOn(difference: PairedInterval): string {
  if (difference.shown) return 'a difference is shown';
  if (difference.groups < MIN_GROUPS) return 'too few groups to tell';
  if (difference.trainingNoise === 'unknown') return 'not claimed: training noise is unknown';
  return leavesOut(difference, 0) ? 'not shown after Holm’s correction' : 'no difference shown';
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
    ['variant', ...HEADLINE.map(({ name }) => name)],
    variants.map((name) => [
      name,
      ...HEADLINE.map(({ key }) => {
        const row = rows.find(({ variant, metric }) => variant === name && metric === key);
        return row ? formatInterval(row.interval) : '–';
      }),
    ]),
  ];
}

/** Every run: how long, how it ended, where it is. */
export function runCells({ runs, recorded }: Pick<Study, 'runs' | 'recorded'>): Cells {
  // A record holds no times: two runs of one study take others and find the same.
  const timed = !recorded;
  return [
    ['run', 'steps', 'ended', ...(timed ? ['training'] : []), 'folder'],
    runs.map((own) => [
      nameOf(own),
      String(own.steps),
      own.stopped,
      ...(timed ? [formatDuration(costOf([own]).seconds)] : []),
      own.run.split('/').at(-1) ?? own.run,
    ]),
  ];
}

/** Runs that did not end well. */
export function failureCells(failures: Study['failures']): Cells {
  return [['run', 'what ended it'], failures.map((own) => [nameOf(own), own.message])];
}

/** The best threshold of each class, and what it does. */
export function thresholdCells(classes: readonly string[], sweeps: readonly ClassSweep[]): Cells {
  return [
    ['class', 'best by F1', 'precision', 'recall', 'F1', 'AP50 of all over 0.1', 'AP50 at the best'],
    sweeps.map(({ best, curve }, k) => {
      const at = curve.find(({ threshold }) => threshold === best);
      return [
        classes[k],
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
    ['step', 'setting', 'by default', ...HEADLINE.map(({ name }) => name)],
    ablation.map(({ step, setting, byDefault, effects }) => [
      step,
      setting,
      byDefault ? 'on' : 'off',
      ...HEADLINE.map(({ key }) => formatInterval(effects[key])),
    ]),
  ];
}

/** The tables of an experiment's page as Markdown, to be quoted. */
export function experimentMarkdown(study: Study): string {
  const { experiment, comparison, data } = study;
  const sections = experiment.sections ?? [];
  const { thresholds, refinement } = study.findings;
  const parts = [markdownTable(variantCells(comparison))];
  if (comparison.claims.length) parts.push(markdownTable(claimCells(comparison.claims)));
  if (sections.includes('thresholds'))
    parts.push(markdownTable(thresholdCells(data.classes, thresholds ?? [])));
  if (sections.includes('refinement')) parts.push(markdownTable(stepCells(refinement ?? [])));
  parts.push(markdownTable(runCells(study)));
  return parts.join('\n');
}

function markdownTable([header, rows]: Cells): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('');
}
