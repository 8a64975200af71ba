import type { Ablation } from '../engine/evaluation/ablate';
import type { Headline } from '../engine/evaluation/analyse';
import type { PairedInterval } from '../metrics/interval';

const SHOWN: readonly Headline[] = ['AP50', 'AP', 'pq', 'f1'];

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
    ...Object.fromEntries(SHOWN.map((metric) => [metric, effectOf(effects[metric])])),
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
    [''.padEnd(width), ...SHOWN.map((metric) => metric.toUpperCase().padEnd(27))].join('  ').trimEnd(),
    ...ablation.map(({ effects }, i) =>
      [names[i].padEnd(width), ...SHOWN.map((metric) => cell(effects[metric]))].join('  ').trimEnd(),
    ),
  ];
}

function effectOf({ a, b, value, low, high, groups, shown }: PairedInterval): Effect {
  return { without: a, with: b, difference: value, low, high, groups, shown };
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
}
