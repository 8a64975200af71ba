import type { Ablation } from '../evaluation/ablate';
import type { RecallGroup } from '../metrics/analysis/breakdown';
import type { CocoScores, CocoSummary } from '../metrics/coco/summary';
import { HEADLINE } from '../metrics/headline';
import type { PairedInterval } from '../metrics/statistics/interval';
import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { Study, StudyCost } from '../studies/study';

const COLUMNS = ['AP', 'AP50', 'AP75', 'AR', 'APsmall', 'APmedium', 'APlarge'] as const;

/** A table: all classes, then each one; `-` where a class has no ground truth. */
export function formatScores(title: string, summary: CocoSummary, classes: readonly string[]): string {
  const width = Math.max(8, ...classes.map((name) => name.length));
  const line = (name: string, scores: CocoScores): string =>
    `${name.padEnd(width)}${COLUMNS.map((key) => formatScore(scores[key]).padStart(10)).join('')}`;
  return [
    `${title.padEnd(width)}${COLUMNS.map((key) => key.padStart(10)).join('')}`,
    line('all', summary),
    ...classes.map((name, k) => line(name, summary.perClass[k])),
    `at most ${summary.maxDets} detections counted per image and class`,
  ].join('\n');
}

/** Four decimals; `-` for COCO's -1 (nothing to find) and for null. */
export function formatScore(value: number | null): string {
  return value === null || value < 0 ? '-' : value.toFixed(4);
}

/** Cells found of those there, part by part. */
export function formatShares(shares: readonly RecallGroup[]): string {
  return shares.map(({ name, found, groundTruths }) => `${name} ${found}/${groundTruths}`).join(', ');
}

/** Ground truth by row, what it was taken for by column; the last of both is background. */
export function formatConfusion(
  classes: readonly string[],
  matrix: readonly (readonly number[])[],
): string[] {
  const names = [...classes, 'background'];
  const width = Math.max(...names.map(({ length }) => length), 6) + 2;
  const row = (name: string, cells: readonly (string | number)[]): string =>
    `${name.padEnd(width)}${cells.map((cell) => String(cell).padStart(width)).join('')}`;
  return [row('ground truth \\ predicted', names), ...matrix.map((cells, r) => row(names[r], cells))];
}

/** What `--json` holds of one step and one metric. */
interface Effect {
  readonly without: number | null;
  readonly with: number | null;
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly groups: number;
  readonly shown: boolean;
}

/** The table as JSON has it: metrics beside the step's name. */
export function ablationRows(ablation: readonly Ablation[]): Record<string, unknown>[] {
  return ablation.map(({ step, setting, byDefault, effects }) => ({
    step,
    setting,
    byDefault,
    ...Object.fromEntries(HEADLINE.map(({ key }) => [key, effectOf(effects[key])])),
  }));
}

/** The table as lines: the difference with its interval, an asterisk where that leaves out zero. */
export function formatAblation(ablation: readonly Ablation[]): string[] {
  const names = ablation.map(({ step, byDefault }) => `${step}${byDefault ? ' (on)' : ''}`);
  const width = Math.max(...names.map((name) => name.length));
  const cell = ({ value, low, high, shown }: PairedInterval): string => {
    if (value === null) return '-'.padEnd(27);
    const range = low === null || high === null ? '' : ` (${signed(low)} to ${signed(high)})`;
    return `${signed(value)}${range}${shown ? ' *' : ''}`.padEnd(27);
  };
  const [first] = ablation;
  return [
    '',
    `what each step after the model does, ${first?.effects.AP50.groups ?? 0} groups (95 % intervals of the differences; * leaves out zero)`,
    [''.padEnd(width), ...HEADLINE.map(({ name }) => name.padEnd(27))].join('  ').trimEnd(),
    ...ablation.map(({ effects }, i) =>
      [names[i].padEnd(width), ...HEADLINE.map(({ key }) => cell(effects[key]))].join('  ').trimEnd(),
    ),
  ];
}

function effectOf({ a, b, value, low, high, groups, shown }: PairedInterval): Effect {
  return { without: a, with: b, difference: value, low, high, groups, shown };
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
}

export function summary(study: Study, cost: StudyCost | null, report: string | null): StudySummary {
  const { experiment, preset, data, folds, seeds, runs, failures, comparison, recorded } = study;
  return {
    experiment: experiment.name,
    claim: experiment.claim,
    recorded,
    preset,
    data,
    folds,
    seeds,
    runs,
    failures,
    comparison,
    cost,
    report,
  };
}

/** What `--json` says of a study, which its lines are made of too. */
export interface StudySummary
  extends Pick<
    Study,
    'recorded' | 'preset' | 'data' | 'folds' | 'seeds' | 'runs' | 'failures' | 'comparison'
  > {
  readonly experiment: string;
  readonly claim: string;
  readonly cost: StudyCost | null;
  readonly report: string | null;
}

export function describe(
  { comparison, failures, recorded, data }: Pick<Study, 'comparison' | 'failures' | 'recorded' | 'data'>,
  cost: StudyCost | null,
  page: string,
): string {
  const { rows, claims, groups, notes, comparisons } = comparison;
  const number = (value: number | null): string => value?.toFixed(3) ?? '–';
  const range = (low: number | null, high: number | null): string =>
    low === null ? '' : ` (${number(low)} to ${number(high)})`;
  const line = ({ variant, metric, interval, values, difference }: ComparedVariant): string => {
    const seeds = values.length > 1 ? `  seeds ${values.map(number).join(', ')}` : '';
    const change = difference
      ? `  difference ${number(difference.value)}${range(difference.low, difference.high)}: ${difference.shown ? 'shown' : 'no difference shown'}`
      : '';
    return `${variant.padEnd(16)} ${metric} ${number(interval.value)}${range(interval.low, interval.high)}${seeds}${change}`;
  };
  const claim = ({ variant, against, words, verdict, because }: ComparedClaim): string =>
    `${variant} against ${against}: ${verdict} (${because}); the report: ${words}`;
  const hours = cost ? `, ${cost.runs} runs in ${(cost.seconds / 3600).toFixed(1)} h of training` : '';
  return [
    ...(recorded ? [`the recorded study, on ${data.name}`] : []),
    ...rows.filter(({ metric }) => metric === rows[0].metric).map(line),
    ...claims.map(claim),
    ...notes,
    ...failures.map(({ variant, seed, message }) => `failed: ${variant}, seed ${seed}: ${message}`),
    `${groups} groups of images${groups < 5 ? ', too few to tell' : ''}, ${comparisons} comparisons${hours}; ${page}`,
  ].join('\n');
}
