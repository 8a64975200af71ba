import type { Command } from 'commander';
import { DataError, UsageError } from '../../core/errors';
import { createProgress } from '../../core/progress';
import type { MadeSplit } from '../../data/splits/make_split';
import {
  type CommonOptions,
  parseShare,
  parseWhole,
  printResult,
  say,
  withCommonOptions,
  withOverwrite,
} from '../command';

interface SplitCommandOptions extends CommonOptions {
  readonly val?: number;
  readonly valGroups?: string;
  readonly groupBy?: string;
  readonly seed: number;
  readonly out: string;
}

/** Pairs that are named; the rest are counted. */
const MOST_WARNINGS = 10;

export function registerDataSplit(data: Command): void {
  withCommonOptions(
    withOverwrite(
      data
        .command('split <dir>')
        .description('divide into training and validation, no group on both sides, classes in balance')
        .option('--val <share>', 'share of the images for validation (default: 0.2)', parseShare)
        .option('--val-groups <names>', 'the groups for validation by name, separated by commas')
        .option(
          '--group-by <how>',
          'none, dataset, prefix:N or regex:PATTERN (default: dataset.json, else none)',
        )
        .option('--seed <s>', 'the same seed divides alike', parseWhole, 0)
        .requiredOption('--out <file>', 'where the split is written (JSON)'),
    ),
    'npx cytobench data split DIR --val 0.2 --group-by prefix:12 --out split.json',
  ).action(async (dir: string, options: SplitCommandOptions) => {
    if (options.val !== undefined && options.valGroups !== undefined)
      throw new UsageError('--val and --val-groups exclude each other');
    const { openDataset } = await import('../../data/dataset');
    const { makeSplit } = await import('../../data/splits/make_split');
    const { surveyDataset } = await import('../../data/splits/survey');
    const { checkSplit } = await import('../../data/splits/check_split');
    const { defaultGroupBy, parseGroupBy } = await import('../../data/splits/groups');
    const { MAKER, writeJson } = await import('../../core/files');
    const dataset = await openDataset(dir);
    const groupBy = options.groupBy === undefined ? defaultGroupBy(dataset) : parseGroupBy(options.groupBy);
    const names = options.valGroups?.split(',').map((name) => name.trim());
    // Each image is read once, for its cells and for what it looks like.
    const progress = createProgress({ label: 'split', total: dataset.ids.length, unit: 'images' });
    const { counts, appearances, faults } = await surveyDataset(dataset, dataset.ids, (done) =>
      progress.update(done),
    );
    if (faults.length > 0) throw new DataError(faults[0].problem);
    const split = await makeSplit(dataset, {
      groupBy,
      seed: options.seed,
      val: names ?? options.val ?? 0.2,
      counts,
    });
    const check = await checkSplit(dataset, split, { groupBy, appearances });
    progress.finish();
    writeJson(options.out, { ...split, madeBy: MAKER });
    for (const { train, val, likeness } of check.nearIdentical.slice(0, MOST_WARNINGS))
      say(`warning: ${train} (training) and ${val} (validation) look the same (${likeness})`);
    if (check.nearIdentical.length > MOST_WARNINGS)
      say(`warning: and ${check.nearIdentical.length - MOST_WARNINGS} pairs more (see --json)`);
    printResult(options, { ...split, check }, () =>
      [describeSplit(split), check.summary, options.out].join('\n'),
    );
  });
}

function describeSplit({ train, val, how }: MadeSplit): string {
  const rows = Object.entries(how.instances).map(([name, counts]) => {
    const total = counts.train + counts.val;
    const share = total > 0 ? Math.round((100 * counts.val) / total) : 0;
    return `  ${name}: ${counts.train} and ${counts.val} instances (${share} % for validation)`;
  });
  return [
    `${train.length} training and ${val.length} validation images, grouped by ${how.groupBy}`,
    ...rows,
  ].join('\n');
}
