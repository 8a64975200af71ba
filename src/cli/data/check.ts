import type { Command } from 'commander';
import { createProgress, type Progress } from '../../core/progress';
import type { DatasetCheck } from '../../data/check_dataset';
import { type CommonOptions, parseCount, printResult, withCommonOptions } from '../command';

interface CheckCommandOptions extends CommonOptions {
  readonly maxPixels?: number;
  readonly minPixels?: number;
}

export function registerDataCheck(data: Command): void {
  withCommonOptions(
    data
      .command('check <dir>')
      .description('validate a data set and list every problem; exit 1 when there is one')
      .option('--max-pixels <n>', 'refuse larger images (default: 50000000)', parseCount)
      .option('--min-pixels <n>', 'instances under this count as small (default: 6)', parseCount),
    'npx cytobench data check DIR',
  ).action(async (dir: string, options: CheckCommandOptions) => {
    const { checkDataset } = await import('../../data/check_dataset');
    let progress: Progress | undefined;
    const result = await checkDataset(dir, {
      ...options,
      onImage: (done, total, id) => {
        progress ??= createProgress({ label: 'check', total, unit: 'images' });
        progress.update(done, id);
      },
    });
    printResult(options, result, () => describeCheck(dir, result));
    if (!result.ok) process.exitCode = 1;
  });
}

/** The counts and the problems of a data set for a person. */
export function describeCheck(dir: string, { images, classes, problems, notes }: DatasetCheck): string {
  const rows = Object.entries(classes).map(([name, count]) => {
    const small = count.small > 0 ? `, ${count.small} of them too small for training` : '';
    return `  ${name}: ${count.instances} instances in ${count.images} images, median area ${count.areaMedian} px${small}`;
  });
  const verdict =
    problems.length === 0 ? 'no problem' : `${problems.length} problem${problems.length > 1 ? 's' : ''}`;
  const faults = problems.map(({ file, problem }) => `  ${file}: ${problem}`);
  const hints = notes.map(({ file, note }) => `  note: ${file ? `${file}: ` : ''}${note}`);
  return [`${dir}: ${images} images, ${verdict}`, ...rows, ...faults, ...hints].join('\n');
}
