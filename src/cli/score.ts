import { type Command, Option } from 'commander';
import type { CocoSummary } from '../metrics/coco_summary';
import { answer, type CommonOptions, say, withCommonOptions } from './command';
import { parseCount } from './parse';
import { formatScores } from './score_text';

interface ScoreOptions extends CommonOptions {
  readonly annotations?: string;
  readonly data?: string;
  readonly detections: string;
  readonly type: 'segm' | 'bbox';
  readonly maxDets?: number;
}

export function registerScore(program: Command): void {
  withCommonOptions(
    program
      .command('score')
      .description('COCO evaluation of any result file, against a COCO file or a dataset folder')
      .option('--annotations <gt.json>', 'COCO ground truth')
      .option('--data <dir>', 'or a dataset folder: image ids 1…n in the order of the folder names')
      .requiredOption('--detections <dt.json>', 'COCO results')
      .addOption(
        new Option('--type <type>', 'compare masks or boxes').choices(['segm', 'bbox']).default('segm'),
      )
      .option(
        '--max-dets <n>',
        'detections counted per image and class (default: 100, with --data 300)',
        parseCount,
      ),
  ).action(async (options: ScoreOptions) => {
    const { UsageError } = await import('../core/errors');
    const { detections, type, maxDets } = options;
    if ((options.annotations === undefined) === (options.data === undefined))
      throw new UsageError('expected either --annotations GT.json or --data DIR');
    if (options.data !== undefined) {
      const { scoreDataset } = await import('./score_dataset');
      await scoreDataset({ ...options, data: options.data });
      return;
    }
    const { readCocoTruth } = await import('../metrics/coco_truth');
    const { readCocoResults } = await import('../metrics/coco_results');
    const { matchCocoResults } = await import('../metrics/coco_score');
    const { summarizeCoco } = await import('../metrics/coco_summary');
    const truth = readCocoTruth(options.annotations as string);
    const results = readCocoResults(detections, truth);
    const summary = summarizeCoco(matchCocoResults(truth, results, { type, maxDets: maxDets ?? 100 }));
    const names = truth.categories.map(({ id }) => String(id));
    const value = {
      type,
      images: truth.images.length,
      annotations: truth.count,
      detections: results.count,
      ...summary,
      perClass: keyed(names, summary.perClass),
      warnings: truth.warnings,
    };
    for (const warning of truth.warnings) say(`warning: ${options.annotations}: ${warning}`);
    warnCut(summary);
    const titles = truth.categories.map(({ id, name }) => `${id} ${name}`);
    answer(options, value, () => formatScores(type, summary, titles));
  });
}

/** The scores of each class under its name. */
export function keyed<T>(names: readonly string[], perClass: readonly T[]): Record<string, T> {
  return Object.fromEntries(names.map((name, k) => [name, perClass[k]]));
}

/** Says so where the limit per image and class has left detections out. */
export function warnCut({ cut, maxDets }: CocoSummary): void {
  if (cut > 0)
    say(
      `warning: --max-dets ${maxDets} (per image and class) has left out ${cut} detections; AP may be higher`,
    );
}
