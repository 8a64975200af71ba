import * as path from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../core/errors';
import type { TaskView } from '../runs/executors/slurm/tasks';
import type { StudyOptions } from '../studies/run_study';
import type { Study, StudyCost } from '../studies/study';
import type { DecidedStudy, Look } from '../studies/until_decided';
import { progressTable } from './cluster/progress_table';
import {
  coresAsked,
  handInAndCollect,
  isOnSlurm,
  jobsOf,
  prepareSubmit,
  printScripts,
  type SlurmFlags,
  type SlurmWork,
  withSlurmOptions,
} from './cluster/slurm';
import {
  type CommonOptions,
  parseCount,
  printResult,
  say,
  withCommonOptions,
  withOverwrite,
} from './command';
import { describe, type StudySummary, summary } from './text';

interface ExperimentFlags extends CommonOptions, SlurmFlags {
  readonly overwrite?: boolean;
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
  const command = withSlurmOptions(
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
    {
      collect:
        'with what is there of its runs on the cluster: evaluate, compare, write the page; say what is missing',
    },
  );
  withCommonOptions(
    command,
    'npx cytobench experiment augmentation --data DIR --preset cpu --folds 5 --jobs 2',
    'npx cytobench experiment augmentation --data DIR --preset full --folds 5 --on slurm --partition gpu --gres gpu:1',
    'npx cytobench experiment anchors --recorded',
    'npx cytobench experiment thresholds --data DIR --preset cpu --folds 5 --plan',
  ).action(async (name: string, flags: ExperimentFlags) => {
    const { recordNames } = await import('../studies/record');
    const planned = flags.plan && flags.data === undefined && recordNames().includes(name);
    if (flags.recorded || planned) return await showRecorded(name, flags);
    if (isOnSlurm(flags) && !flags.collect && !flags.untilDecided && !flags.plan)
      return await runOnSlurm(name, flags);
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

/** What a study is made of, before anything of it is run. */
async function studyOptions(name: string, flags: ExperimentFlags): Promise<StudyOptions> {
  const { presetOf, requireData, useRuntime } = await import('./train');
  const { findExperiment } = await import('../config/experiments');
  const { resolveConfig, variantOf } = await import('../config/resolve');
  const experiment = findExperiment(name);
  const preset = presetOf(flags.preset);
  const variants = flags.variants?.map((variant) => variantOf(experiment, variant));
  for (const variant of variants ?? Object.keys(experiment.variants))
    requireData(experiment, variant, preset, flags);
  const set = coresEach(flags);
  const { runtime } = resolveConfig(experiment, { preset, set });
  useRuntime(runtime, flags);
  const { data, split, seeds, folds } = flags;
  return { experiment, preset, seeds, folds, variants, data, split, set };
}

async function runExperiment(name: string, flags: ExperimentFlags): Promise<void> {
  const options = await studyOptions(name, flags);
  const { watchSignals } = await import('./command');
  const { runStudy } = await import('../studies/run_study');
  const { costOf, noiseKnownOf } = await import('../studies/record');
  const signals = watchSignals();
  try {
    const { preset, data, folds } = options;
    const placed = await howToTrain(options, flags);
    const base: StudyOptions = {
      ...options,
      interrupted: signals.received,
      say: placed.say,
      train: placed.train,
      noise: noiseKnownOf(name, { preset, data, folds }),
    };
    const names = options.variants ?? Object.keys(options.experiment.variants);
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
    const { jobs, missing } = placed.onNodes();
    printResult(flags, { ...summary(study, cost, page), looks, stopped, jobs, missing }, () =>
      [describe(study, cost, page), ...(stopped ? [describeLooks(stopped, looks ?? [])] : [])].join('\n'),
    );
  } finally {
    signals.stop();
  }
}

/** Where the runs of a study are trained, and what is known of their tasks where that is a cluster. */
interface Placed {
  readonly train: StudyOptions['train'];
  readonly say: (line: string) => void;
  readonly onNodes: () => { readonly jobs?: object[]; readonly missing?: string[] };
}

async function howToTrain(options: StudyOptions, flags: ExperimentFlags): Promise<Placed> {
  const { jobs } = flags;
  const cluster = flags.collect || isOnSlurm(flags);
  const local = { say, onNodes: () => ({}) };
  if (!cluster && jobs === undefined) return { ...local, train: undefined };
  const table = await progressTable(jobs ?? 1);
  if (!cluster) {
    const { trainSideBySide } = await import('../studies/side_by_side');
    return {
      ...local,
      say: table.say,
      train: trainSideBySide({ jobs: jobs as number, onProgress: table.show }),
    };
  }
  const { collectRuns, trainOnSlurm } = await import('../studies/on_slurm');
  const { describePlace, progressOfTasks } = await import('../runs/executors/slurm/places');
  let seen: readonly TaskView[] = [];
  const onNodes: Placed['onNodes'] = () => ({
    jobs: jobsOf(seen),
    missing: seen.filter(({ state }) => state !== 'done').map(describePlace),
  });
  const remember = (views: readonly TaskView[]): void => {
    seen = views;
  };
  if (flags.collect) return { say, onNodes, train: collectRuns(coresAsked(flags), remember) };
  if (!flags.wait)
    throw new UsageError('--until-decided and --plan look at what was found: they wait', {
      fix: 'Leave out --no-wait.',
    });
  const submit = await prepareSubmit(await studyWork(options, flags), flags);
  const onViews = (views: readonly TaskView[]): void => {
    remember(views);
    table.show(progressOfTasks(views));
  };
  return { say: table.say, onNodes, train: trainOnSlurm({ submit, onViews }) };
}

/** The tasks of a study, and what they need of a node. */
async function studyWork(options: StudyOptions, flags: ExperimentFlags): Promise<SlurmWork> {
  const { requestRuns } = await import('../studies/run_study');
  const { studyTasks } = await import('../studies/on_slurm');
  const { requests, config } = await requestRuns(options);
  const cores = config.runtime.threads ?? coresAsked(flags);
  const { tasks } = studyTasks(requests, cores);
  // Without the name of the program.
  const [, ...estimate] = tasks[0].commands[0];
  const paths = [config.data.dir, flags.data, flags.split].filter((file) => file != null);
  return {
    title: options.experiment.name,
    noun: 'run',
    tasks,
    cores,
    needs: { paths: paths.map((file) => path.resolve(file)), estimate },
  };
}

/** Hands the runs of a study to the cluster, and behind them a task that collects them; waits for both. */
async function runOnSlurm(name: string, flags: ExperimentFlags): Promise<void> {
  const options = await studyOptions(name, flags);
  const work = await studyWork(options, flags);
  if (flags.dryRun) return await printScripts(work, flags);
  const study = await handInAndCollect<StudySummary>(
    {
      ...work,
      collect: collectWords(name, options, flags),
      again: `\`cytobench experiment ${name} … --collect\` shows what is there`,
    },
    flags,
  );
  if (!study) return;
  if (study.failures.length > 0) process.exitCode = 1;
  printResult(flags, study, () => describe(study, study.cost, study.report ?? ''));
}

/** The command that collects a study, as a node runs it. */
function collectWords(name: string, options: StudyOptions, flags: ExperimentFlags): string[] {
  const { record, out, overwrite, seeds, folds, variants, preset, threads } = flags;
  const { data, split, set = [] } = options;
  const file = (value: string | undefined): string | undefined => value && path.resolve(value);
  const values: readonly (readonly [string, string | number | undefined])[] = [
    ['preset', preset],
    ['data', file(data)],
    ['split', file(split)],
    ['seeds', seeds.join(',')],
    ['folds', folds],
    ['variants', variants?.join(',')],
    ['out', file(out)],
    ['threads', threads],
    ['record', typeof record === 'string' ? record : undefined],
  ];
  return [
    'experiment',
    name,
    ...values.flatMap(([key, value]) => (value === undefined ? [] : [`--${key}`, String(value)])),
    ...set.flatMap((text) => ['--set', text]),
    ...(overwrite ? ['--overwrite'] : []),
    ...(record === true ? ['--record'] : []),
    '--collect',
    '--json',
  ];
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
 * With `--jobs`, and on a cluster unless `--threads` says how many, each run has one core, however many run at once: the number
 * of threads is among the settings that decide a run, so that the same study is the same runs with any number of jobs.
 */
function coresEach(flags: ExperimentFlags): string[] {
  const { jobs, set, threads, collect } = flags;
  if (set.some((text) => text.startsWith('runtime.threads='))) return set;
  if (collect || isOnSlurm(flags)) return threads === undefined ? [...set, 'runtime.threads=1'] : set;
  return jobs === undefined ? set : [...set, 'runtime.threads=1'];
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

/** The page, and beside it its tables as Markdown and all that its figures are made of. */
async function writeReport(study: Study, out: string | undefined, name: string): Promise<string> {
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
