import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { Study, StudyCost } from '../studies/study';

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
