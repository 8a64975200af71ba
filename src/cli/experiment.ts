import type { Command } from 'commander';
import { UsageError } from '../core/errors';
import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { Study } from '../studies/study';
import { answer, type CommonOptions, say, withCommonOptions } from './command';

interface ExperimentFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
  readonly preset: string;
  readonly seeds: readonly number[];
  readonly variants?: readonly string[];
  readonly set: string[];
  readonly out?: string;
  readonly record?: boolean;
}

/** `experiment NAME`: every variant, evaluated, compared, with its report. */
export function registerExperiment(program: Command): void {
  withCommonOptions(
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
      .option('--variants <list>', 'only these, with commas', (text: string) => text.split(','))
      .option(
        '--set <key=value>',
        'change one setting of all; may be repeated',
        (value: string, all: string[]) => [...all, value],
        [],
      )
      .option('--record', 'put its numbers where the prose of notebooks may cite them (results/numbers.json)')
      .option(
        '--out <file>',
        'the report, its tables beside it as Markdown (default: results/experiments/NAME-PRESET.html)',
      ),
  ).action(async (name: string, flags: ExperimentFlags) => {
    const { presetOf, requireData, useThreads } = await import('./train');
    const { findExperiment } = await import('../config/experiments');
    const { resolveConfig, variantOf } = await import('../config/resolve');
    const experiment = findExperiment(name);
    const preset = presetOf(flags.preset);
    const variants = flags.variants?.map((variant) => variantOf(experiment, variant));
    const names = variants ?? Object.keys(experiment.variants);
    for (const variant of names) requireData(experiment, variant, preset, flags);
    const { runtime } = resolveConfig(experiment, { preset, set: flags.set });
    useThreads(runtime.threads, flags);
    const { watchSignals } = await import('./command');
    const { runStudy } = await import('../studies/run_study');
    const signals = watchSignals();
    try {
      const { data, split, seeds, set } = flags;
      const interrupted = signals.received;
      const study = await runStudy({
        experiment,
        preset,
        seeds,
        variants,
        data,
        split,
        set,
        interrupted,
        say,
      });
      if (!study) {
        process.exitCode = signals.received() === 'SIGINT' ? 130 : 143;
        say('ended in order; the same command continues it');
        return;
      }
      const page = await writeReport(study, flags.out);
      if (flags.record) await record(study);
      answer(flags, summary(study, page), () => describe(study, page));
    } finally {
      signals.stop();
    }
  });
}

function parseSeeds(text: string): number[] {
  const seeds = text.split(',').map(Number);
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0))
    throw new UsageError(`--seeds ${text}: expected whole numbers with commas, for example 0,1,2`);
  return seeds;
}

/** The page, and beside it its tables as Markdown. */
async function writeReport(study: Study, out?: string): Promise<string> {
  const path = await import('node:path');
  const { experimentPage } = await import('../report/experiment_page');
  const { experimentMarkdown } = await import('../report/experiment_tables');
  const { writeFileAtomic } = await import('../core/files');
  const { PACKAGE_ROOT } = await import('../core/package_root');
  const name = `${study.experiment.name}-${study.preset}.html`;
  const page = out ?? path.join(PACKAGE_ROOT, 'results', 'experiments', name);
  writeFileAtomic(page, await experimentPage(study));
  writeFileAtomic(page.replace(/(\.html)?$/, '.md'), await experimentMarkdown(study));
  return page;
}

/** NAME-VARIANT-PRESET-sSEED and its headline numbers. */
async function record({ experiment, preset, variants, comparison }: Study): Promise<void> {
  const { recordNumbers } = await import('../notebook/citations');
  const numbers: Record<string, Record<string, number>> = {};
  for (const { variant, seeds } of variants)
    seeds.forEach((seed, s) => {
      const rows = comparison.rows.filter((row) => row.variant === variant && row.values[s] !== null);
      numbers[`${experiment.name}-${variant}-${preset}-s${seed}`] = Object.fromEntries(
        rows.map(({ metric, values }) => [metric, Math.round((values[s] as number) * 1e4) / 1e4]),
      );
    });
  recordNumbers(numbers);
}

function summary({ experiment, preset, runs, comparison }: Study, report: string): object {
  return { experiment: experiment.name, claim: experiment.claim, preset, runs, comparison, report };
}

function describe({ comparison }: Study, page: string): string {
  const { rows, claims, groups, notes } = comparison;
  const number = (value: number | null): string => value?.toFixed(3) ?? '–';
  const line = ({ variant, interval, values, difference }: ComparedVariant): string => {
    const seeds = values.length > 1 ? `  seeds ${values.map(number).join(', ')}` : '';
    const change = difference
      ? `  difference ${number(difference.value)} (${number(difference.low)} to ${number(difference.high)}): ${difference.shown ? 'shown' : 'no difference shown'}`
      : '';
    return `${variant.padEnd(16)} AP50 ${number(interval.value)} (${number(interval.low)} to ${number(interval.high)})${seeds}${change}`;
  };
  const claim = ({ variant, against, words, verdict, because }: ComparedClaim): string =>
    `${variant} against ${against}: ${verdict} (${because}); the report: ${words}`;
  return [
    ...rows.filter(({ metric }) => metric === 'AP50').map(line),
    ...claims.map(claim),
    ...notes,
    `${groups} groups of images; ${page}`,
  ].join('\n');
}
