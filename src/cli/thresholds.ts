import { type Command, Option } from 'commander';
import type { ClassSweep } from '../metrics/analysis/threshold_sweep';
import { type CommonOptions, parseCount, parseShare, printResult, withCommonOptions } from './command';

interface ThresholdsFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
  readonly part?: 'train' | 'val' | 'all';
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly maxDets?: number;
  readonly checkpoint?: 'best' | 'last';
  readonly model?: string;
  readonly weights?: string;
}

/** `thresholds RUN`: each class over score thresholds. */
export function registerThresholds(program: Command): void {
  withCommonOptions(
    program
      .command('thresholds')
      .description('precision, recall, F1 and AP50 of each class over score thresholds, and its best one')
      .argument('[run]', 'a run folder or a model file')
      .option('--model <name>', 'with --weights: the architecture')
      .option('--weights <file>', 'bare weights, or nuclei, in place of a run')
      .option('--data <dir>', 'another data set')
      .option('--split <file>', 'a split of it')
      .addOption(new Option('--part <part>', 'which side of the split').choices(['train', 'val', 'all']))
      .option('--from <t>', 'the lowest threshold', parseShare, 0.1)
      .option('--to <t>', 'the highest', parseShare, 0.8)
      .option('--step <t>', 'the distance of two', parseShare, 0.05)
      .option('--max-dets <n>', 'for AP50: detections counted per image and class (default: 300)', parseCount)
      .addOption(new Option('--checkpoint <name>', 'which weights').choices(['best', 'last'])),
    'npx cytobench thresholds RUN --from 0.1 --to 0.8 --step 0.05',
  ).action(async (run: string | undefined, flags: ThresholdsFlags) => {
    const { UsageError } = await import('../core/errors');
    const { evaluateRun } = await import('../evaluation/evaluate');
    const { detectionsOf } = await import('../metrics/evaluation_image');
    const { sweepThresholds, thresholdGrid } = await import('../metrics/analysis/threshold_sweep');
    const where = flags.weights ?? run;
    if (where === undefined)
      throw new UsageError('no run named', { fix: 'Name a run folder or a model file.' });
    if (flags.from > flags.to)
      throw new UsageError(`--from ${flags.from} is over --to ${flags.to}`, { fix: 'Exchange them.' });
    const architecture = flags.weights === undefined ? undefined : flags.model;
    const { about, ids, set, predictions, source } = await evaluateRun(where, { ...flags, architecture });
    const sweeps = sweepThresholds(
      set.groundTruth,
      predictions.map((instances) => detectionsOf(instances)),
      {
        classes: about.classes.length,
        thresholds: thresholdGrid(flags.from, flags.to, flags.step),
        maxDets: flags.maxDets,
      },
    );
    const perClass = Object.fromEntries(about.classes.map((name, k) => [name, sweeps[k]]));
    printResult(flags, { images: ids.length, source, perClass }, () =>
      [
        `${ids.length} images, ${source}`,
        ...about.classes.map((name, k) => describe(name, sweeps[k])),
        'AP50 never rises with the threshold: that only cuts the tail of its curve. Choose by F1, on images kept for choosing.',
      ].join('\n'),
    );
  });
}

function describe(name: string, { best, curve }: ClassSweep): string {
  const show = (value: number | null): string => (value === null ? '    –' : value.toFixed(3));
  const rows = curve.map(
    ({ threshold, precision, recall, f1, ap50 }) =>
      `  ${threshold.toFixed(2)}   ${show(precision)}      ${show(recall)}   ${show(f1)}  ${show(ap50)}${threshold === best ? '  best F1' : ''}`,
  );
  return [`${name}`, '  score  precision  recall  F1     AP50', ...rows].join('\n');
}
