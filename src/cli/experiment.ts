import type { Command } from 'commander';
import { UsageError } from '../core/errors';
import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { StudyOptions } from '../studies/run_study';
import type { JobProgress } from '../studies/side_by_side';
import type { Study, StudyCost } from '../studies/study';
import type { DecidedStudy, Look } from '../studies/until_decided';
import {
  type CommonOptions,
  parseCount,
  printResult,
  say,
  withCommonOptions,
  withOverwrite,
} from './command';

interface ExperimentFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
  readonly preset: string;
  readonly seeds: readonly number[];
  readonly folds?: number;
  readonly jobs?: number;
  readonly variants?: readonly string[];
  readonly set: string[];
  readonly out?: string;
  /** The name of the record; true: that of the experiment. */
  readonly record?: string | true;
  readonly recorded?: string | true;
  readonly plan?: boolean;
  readonly untilDecided?: boolean;
  /** Seconds. */
  readonly budget?: number;
  readonly looks?: number;
}

/** `experiment NAME`: every variant, evaluated, compared, with its report. */
export function registerExperiment(program: Command): void {
  withCommonOptions(
    withOverwrite(
      program
        .command('experiment')
        .description(
          'every variant of an experiment, evaluated on the same images and compared, with its report',
        )
        .argument('<name>', 'a file of experiments/')
        .option('--data <dir>', 'data set folder; without it --preset smoke makes synthetic tissue')
        .option('--split <file>', 'which images train and which validate (data split makes one)')
        .option('--preset <name>', 'size of the runs: smoke, cpu or full', 'cpu')
        .option('--seeds <list>', 'seeds, with commas', parseSeeds, [0])
        .option(
          '--folds <k>',
          'cross-validate: every image is scored by the one of k models that has not seen its group',
          parseCount,
        )
        .option(
          '--jobs <n>',
          'so many runs side by side, each in a process of its own with one core (--set runtime.threads=N: with N)',
          parseCount,
        )
        .option('--variants <list>', 'only these, with commas', (text: string) => text.split(','))
        .option(
          '--set <key=value>',
          'change one setting of all; may be repeated',
          (value: string, all: string[]) => [...all, value],
          [],
        )
        .option(
          '--record [name]',
          'keep the study in results/studies and its numbers in results/numbers.json (default name: the experiment’s)',
        )
        .option(
          '--plan',
          'how wide the intervals would be with more folds or seeds, what that costs, and which claims it decides: from the recorded study; with --data from its runs, which are made where they are lacking',
        )
        .option(
          '--until-decided',
          'add seeds to undecided claims until all are decided or the budget is spent',
        )
        .option('--budget <time>', 'with --until-decided: 3h, 90m, 2h30m (default: 1h)', parseTime)
        .option('--looks <n>', 'with --until-decided: looks at most (default: 5)', parseCount)
        .option('--recorded [name]', 'show the study recorded in results/studies: nothing is trained')
        .option(
          '--out <file>',
          'the report, its tables beside it as Markdown (default: results/experiments/NAME-PRESET.html)',
        ),
    ),
    'npx cytobench experiment augmentation --data DIR --preset cpu --folds 5 --jobs 2',
    'npx cytobench experiment anchors --recorded',
    'npx cytobench experiment thresholds --data DIR --preset cpu --folds 5 --plan',
  ).action(async (name: string, flags: ExperimentFlags) => {
    const { recordNames } = await import('../studies/record');
    const planned = flags.plan && flags.data === undefined && recordNames().includes(name);
    if (flags.recorded || planned) return await showRecorded(name, flags);
    await runExperiment(name, flags);
  });
}

async function showRecorded(name: string, flags: ExperimentFlags): Promise<void> {
  const { openRecord, readCosts, readRecord } = await import('../studies/record');
  const recorded = typeof flags.recorded === 'string' ? flags.recorded : name;
  const study = openRecord(readRecord(recorded));
  const cost = readCosts()[recorded] ?? null;
  if (flags.plan) return await showPlan(study, cost, flags);
  const page = await writeReport(study, flags.out, `${recorded}-recorded`);
  printResult(flags, summary(study, cost, page), () => describe(study, cost, page));
}

async function showPlan(study: Study, cost: StudyCost | null, flags: ExperimentFlags): Promise<void> {
  const { planStudy } = await import('../studies/plan');
  const { formatDuration } = await import('../core/progress');
  const plan = planStudy(study, { cost, jobs: flags.jobs });
  printResult(flags, { ...summary(study, cost, null), plan }, () =>
    [
      `from ${study.recorded ? 'the recorded study' : 'its runs'} on ${study.data.name}: ${study.data.groups} groups, ${study.folds === null ? 'one split' : `${study.folds} folds`}, ${study.seeds.length} seeds; half-widths of 95 % intervals of differences of AP50`,
      ...plan.now.map(
        ({ variant, against, claimed, halfWidth }) =>
          `now        ${variant} against ${against}, ${claimed} claimed: ±${halfWidth?.toFixed(3) ?? '?'}`,
      ),
      ...plan.designs.map(({ folds, seeds, runs, newRuns, seconds, claims }) =>
        [
          `${folds === null ? 'one split' : `${folds} folds`}, ${seeds} seed${seeds === 1 ? '' : 's'}`.padEnd(
            20,
          ),
          `${runs} runs, ${newRuns} new${seconds === null ? '' : `, ${formatDuration(seconds)}`}`.padEnd(30),
          claims
            .map(
              ({ variant, halfWidth, decides, likely }) =>
                `${variant} ±${halfWidth?.toFixed(3) ?? '?'}${decides ? ' decides' : likely ? ' likely decides' : ''}`,
            )
            .join('; '),
        ].join('  '),
      ),
      ...plan.notes,
      'decides: the interval cannot hold zero and the claimed size both; likely: not if the difference is what it seems now',
    ].join('\n'),
  );
}

async function runExperiment(name: string, flags: ExperimentFlags): Promise<void> {
  const { presetOf, requireData, useThreads } = await import('./train');
  const { findExperiment } = await import('../config/experiments');
  const { resolveConfig, variantOf } = await import('../config/resolve');
  const experiment = findExperiment(name);
  const preset = presetOf(flags.preset);
  const variants = flags.variants?.map((variant) => variantOf(experiment, variant));
  const names = variants ?? Object.keys(experiment.variants);
  for (const variant of names) requireData(experiment, variant, preset, flags);
  const set = oneCoreEach(flags);
  const { runtime } = resolveConfig(experiment, { preset, set });
  useThreads(runtime.threads, flags);
  const { watchSignals } = await import('./command');
  const { runStudy } = await import('../studies/run_study');
  const { trainSideBySide } = await import('../studies/side_by_side');
  const { costOf, noiseKnownOf } = await import('../studies/record');
  const signals = watchSignals();
  try {
    const { data, split, seeds, folds, jobs } = flags;
    const table = jobs === undefined ? undefined : await progressTable(jobs);
    const base: StudyOptions = {
      experiment,
      preset,
      seeds,
      folds,
      variants,
      data,
      split,
      set,
      interrupted: signals.received,
      say: table?.say ?? say,
      train: jobs === undefined ? undefined : trainSideBySide({ jobs, onProgress: table?.show }),
      noise: noiseKnownOf(name, { preset, data, folds }),
    };
    const decided = flags.untilDecided ? await growUntilDecided(base, names, flags) : null;
    const study = flags.untilDecided ? (decided?.study ?? null) : await runStudy(base);
    if (!study) {
      process.exitCode = signals.received() === 'SIGINT' ? 130 : 143;
      say('ended in order; the same command continues it');
      return;
    }
    const cost = costOf(study.runs);
    if (flags.plan) return await showPlan(study, cost, flags);
    const page = await writeReport(study, flags.out, `${name}-${preset}`);
    if (flags.record) await record(study, cost, flags.record === true ? name : flags.record);
    if (study.failures.length > 0) process.exitCode = 1;
    const { looks, stopped } = decided ?? {};
    printResult(flags, { ...summary(study, cost, page), looks, stopped }, () =>
      [describe(study, cost, page), ...(stopped ? [describeLooks(stopped, looks ?? [])] : [])].join('\n'),
    );
  } finally {
    signals.stop();
  }
}

/** The study as it is when all claims are decided, or the time is spent. */
async function growUntilDecided(
  base: StudyOptions,
  variants: readonly string[],
  { jobs = 1, budget = 3600, looks }: ExperimentFlags,
): Promise<DecidedStudy<Study> | null> {
  const { runStudy } = await import('../studies/run_study');
  const { costOf } = await import('../studies/record');
  const { narrowing } = await import('../studies/plan');
  const { runUntilDecided } = await import('../studies/until_decided');
  if (!base.experiment.claims?.length)
    throw new UsageError(`${base.experiment.name} has no claims that could be decided`, {
      fix: 'Leave out --until-decided.',
    });
  const began = performance.now();
  return await runUntilDecided<Study>(
    {
      run: async (seedsOf, alpha) => {
        const study = await runStudy({ ...base, seedsOf, alpha });
        return study && { study, comparison: study.comparison, failed: study.failures.length > 0 };
      },
      secondsOfSeed: ({ runs, folds }) => (costOf(runs).secondsPerRun * (folds ?? 1)) / jobs,
      narrows: narrowing,
    },
    {
      variants,
      seeds: base.seeds ?? [0],
      looks,
      budget,
      elapsed: () => (performance.now() - began) / 1000,
      say: base.say,
    },
  );
}

const WHY_STOPPED: Readonly<Record<DecidedStudy<Study>['stopped'], string>> = {
  decided: 'all claims are decided',
  budget: 'the budget is spent',
  looks: 'the last look is taken',
  failed: 'a run has failed',
  exhausted: 'what is undecided no seed would decide',
};

function describeLooks(stopped: DecidedStudy<Study>['stopped'], looks: readonly Look[]): string {
  const last = looks[looks.length - 1];
  const why = WHY_STOPPED[stopped];
  return `${why}: ${last.decided.length} decided after ${looks.length} looks, the last at ${last.alpha.toPrecision(2)} (the levels of all looks add up to 0.05)`;
}

/**
 * With `--jobs` each run has one core, however many run at once: the number of threads is among the settings that decide a
 * run, so that the same study is the same runs with any number of jobs.
 */
function oneCoreEach({ jobs, set }: ExperimentFlags): string[] {
  const chosen = set.some((text) => text.startsWith('runtime.threads='));
  return jobs === undefined || chosen ? set : [...set, 'runtime.threads=1'];
}

function parseSeeds(text: string): number[] {
  const seeds = text.split(',').map(Number);
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    throw new UsageError(`--seeds ${text}: expected whole numbers with commas, for example 0,1,2`);
  return seeds;
}

/** `3h`, `90m`, `45s`, `2h30m` in seconds. */
function parseTime(text: string): number {
  const match = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  const [hours, minutes, seconds] = (match ?? []).slice(1).map((part) => Number(part ?? 0));
  const total = match ? hours * 3600 + minutes * 60 + seconds : 0;
  if (!(total > 0)) throw new UsageError(`--budget ${text}: expected a time, for example 3h, 90m or 2h30m`);
  return total;
}

/** The runs of a study on standard error: drawn over itself in a terminal, twice a minute elsewhere. */
async function progressTable(
  jobs: number,
): Promise<{ show: (all: readonly JobProgress[]) => void; say: (line: string) => void }> {
  const { secondsUntilDone } = await import('../studies/side_by_side');
  const { formatDuration } = await import('../core/progress');
  const terminal = process.stderr.isTTY === true;
  let [drawn, last] = [0, Number.NEGATIVE_INFINITY];
  const clear = (): void => {
    if (drawn > 0) process.stderr.write(`\x1b[${drawn}A\x1b[0J`);
    drawn = 0;
  };
  return {
    show: (all) => {
      const now = performance.now();
      const ended = all.every(({ state }) => state === 'done' || state === 'failed');
      if (!ended && now - last < (terminal ? 1000 : 30_000)) return;
      last = now;
      const left = secondsUntilDone(all, jobs);
      const count = (wanted: JobProgress['state']): number =>
        all.filter(({ state }) => state === wanted).length;
      const failed = count('failed') ? `, ${count('failed')} failed` : '';
      const lines = [
        `${count('done')} of ${all.length} runs done${failed}, ${count('waiting')} waiting${left === null ? '' : `, ${formatDuration(left)} left`}`,
        ...all
          .filter(({ state }) => ['starting', 'running', 'predicting'].includes(state))
          .map(
            ({ name, state, steps, totalSteps, secondsLeft }) =>
              `  ${name.padEnd(32)} ${state !== 'running' ? state : `step ${steps}${totalSteps === null ? '' : `/${totalSteps}`}`}${secondsLeft === null ? '' : `  ${formatDuration(secondsLeft)} left`}`,
          ),
      ];
      if (terminal) clear();
      process.stderr.write(`${lines.join('\n')}\n`);
      if (terminal) drawn = lines.length;
    },
    say: (line) => {
      if (terminal) clear();
      say(line);
    },
  };
}

/** The page, and beside it its tables as Markdown and all that its figures are made of. */
async function writeReport(study: Study, out: string | undefined, name: string): Promise<string> {
  const path = await import('node:path');
  const { experimentPage } = await import('../report/experiment_page');
  const { experimentMarkdown } = await import('../report/experiment_tables');
  const { writeFileAtomic } = await import('../core/files');
  const { PACKAGE_ROOT } = await import('../core/package_root');
  const { makeRecord, recordText } = await import('../studies/record');
  const page = out ?? path.join(PACKAGE_ROOT, 'results', 'experiments', `${name}.html`);
  const beside = (ending: string): string => page.replace(/(\.html)?$/, ending);
  writeFileAtomic(page, await experimentPage(study));
  writeFileAtomic(beside('.md'), experimentMarkdown(study));
  if (!study.recorded) writeFileAtomic(beside('.json'), recordText(makeRecord(study)));
  return page;
}

/** The study in results/studies, and NAME-VARIANT-PRESET-sSEED with its headline numbers for prose to cite. */
async function record(study: Study, cost: StudyCost, name: string): Promise<void> {
  const { recordNumbers } = await import('../notebook/citations');
  const { makeRecord, writeRecord } = await import('../studies/record');
  const { preset, variants, comparison } = study;
  const numbers: Record<string, Record<string, number>> = {};
  for (const { variant, seeds } of variants)
    seeds.forEach((seed, s) => {
      const rows = comparison.rows.filter((row) => row.variant === variant && row.values[s] !== null);
      numbers[`${name}-${variant}-${preset}-s${seed}`] = Object.fromEntries(
        rows.map(({ metric, values }) => [metric, Math.round((values[s] as number) * 1e4) / 1e4]),
      );
    });
  recordNumbers(numbers);
  say(`recorded in ${writeRecord(name, makeRecord(study), cost)}`);
}

function summary(study: Study, cost: StudyCost | null, report: string | null): object {
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

function describe(
  { comparison, failures, recorded, data }: Study,
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
