import { type Command, Option } from 'commander';
import type { CellSummary } from '../metrics/cells/summary';
import type { CocoSummary } from '../metrics/coco/summary';
import { type CommonOptions, parseCount, printResult, say, withCommonOptions } from './command';
import { formatScore, formatScores } from './text';

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
    'npx cytobench score --annotations gt.json --detections dt.json',
    'npx cytobench score --data DIR --detections dt.json --max-dets 300',
  ).action(async (options: ScoreOptions) => {
    const { UsageError } = await import('../core/errors');
    const { detections, type, maxDets } = options;
    if ((options.annotations === undefined) === (options.data === undefined))
      throw new UsageError('expected either --annotations GT.json or --data DIR');
    if (options.data !== undefined) {
      await scoreDataset({ ...options, data: options.data });
      return;
    }
    const { readCocoGroundTruth } = await import('../metrics/coco/ground_truth');
    const { readCocoResults } = await import('../metrics/coco/results');
    const { matchCocoResults } = await import('../metrics/coco/evaluate');
    const { summarizeCoco } = await import('../metrics/coco/summary');
    const groundTruth = readCocoGroundTruth(options.annotations as string);
    const results = readCocoResults(detections, groundTruth);
    const summary = summarizeCoco(matchCocoResults(groundTruth, results, { type, maxDets: maxDets ?? 100 }));
    const names = groundTruth.categories.map(({ id }) => String(id));
    const value = {
      type,
      images: groundTruth.images.length,
      annotations: groundTruth.count,
      detections: results.count,
      ...summary,
      perClass: keyed(names, summary.perClass),
      warnings: groundTruth.warnings,
    };
    for (const warning of groundTruth.warnings) say(`warning: ${options.annotations}: ${warning}`);
    warnCut(summary);
    const titles = groundTruth.categories.map(({ id, name }) => `${id} ${name}`);
    printResult(options, value, () => formatScores(type, summary, titles));
  });
}

/** The scores of each class under its name. */
function keyed<T>(names: readonly string[], perClass: readonly T[]): Record<string, T> {
  return Object.fromEntries(names.map((name, k) => [name, perClass[k]]));
}

/** Says so where the limit per image and class has left detections out. */
function warnCut({ cut, maxDets }: CocoSummary): void {
  if (cut > 0)
    say(
      `warning: --max-dets ${maxDets} (per image and class) has left out ${cut} detections; AP may be higher`,
    );
}

interface ScoreDatasetOptions extends CommonOptions {
  readonly data: string;
  readonly detections: string;
  readonly type: 'segm' | 'bbox';
  readonly maxDets?: number;
}

/** `score --data DIR --detections DT.json`: image ids are 1…n in the order of the folder names, category ids 1…K. */
async function scoreDataset({
  data,
  detections,
  type,
  maxDets = 300,
  ...options
}: ScoreDatasetOptions): Promise<void> {
  const { openDataset } = await import('../data/dataset');
  const { recordToSample } = await import('../data/record');
  const { CocoMatcher } = await import('../metrics/coco/match');
  const { readCocoResults } = await import('../metrics/coco/results');
  const { summarizeCoco } = await import('../metrics/coco/summary');
  const { CocoGroundTruth } = await import('../metrics/coco/ground_truth');
  const { countCells } = await import('../metrics/cells/counts');
  const { matchCells } = await import('../metrics/cells/match');
  const { summarizeCells } = await import('../metrics/cells/summary');
  const { groundTruthImage } = await import('../metrics/evaluation_image');
  const { createProgress } = await import('../core/progress');
  const dataset = await openDataset(data);
  const classes = dataset.classes.length;
  const progress = createProgress({ label: 'reading', total: dataset.ids.length, unit: 'images' });
  const images = [];
  for (const [i, id] of dataset.ids.entries()) {
    progress.update(i, id);
    // Every instance of the ground truth counts, however small.
    images.push(groundTruthImage(recordToSample(await dataset.load(id), 1), classes, dataset.groups[id]));
  }
  progress.finish();
  const groundTruth = new CocoGroundTruth(
    {
      images: images.map(({ id, height, width }, i) => ({ id: i + 1, height, width, file_name: id })),
      categories: dataset.classes.map((name, c) => ({ id: c + 1, name })),
      annotations: [],
    },
    data,
  );
  const results = readCocoResults(detections, groundTruth);
  const matcher = new CocoMatcher({ type, classes, maxDets });
  const counts = images.map((image, i) => {
    const found = results.detections(i, true);
    matcher.add(image, found);
    return countCells(matchCells(image, found), classes);
  });
  const summary = summarizeCoco(matcher.finish());
  const cells = summarizeCells(counts);
  warnCut(summary);
  const { pq, aji, f1, perClass: cellsPerClass, ...details } = cells;
  const value = {
    type,
    images: images.length,
    annotations: images.reduce((sum, { crowd }) => sum + crowd.reduce((n, flag) => n + 1 - flag, 0), 0),
    detections: results.count,
    ...summary,
    perClass: keyed(
      dataset.classes,
      summary.perClass.map((scores, k) => ({ ...scores, ...cellsPerClass[k] })),
    ),
    pq,
    aji,
    f1,
    scoreThreshold: 0.5,
    cells: details,
  };
  printResult(
    options,
    value,
    () => `${formatScores(type, summary, dataset.classes)}\n${formatCells(cells, dataset.classes)}`,
  );
}

/** The cell metrics, each on its line. */
function formatCells(cells: CellSummary, classes: readonly string[]): string {
  const quality = cells.perClass.map(({ pq }, k) => `${classes[k]} ${formatScore(pq)}`).join(', ');
  return [
    '',
    'detections at or over score 0.5, overlaps to the higher score:',
    `PQ ${formatScore(cells.pq)} (${quality})`,
    `binary PQ ${formatScore(cells.binary.pq)} = DQ ${formatScore(cells.binary.dq)} x SQ ${formatScore(cells.binary.sq)}`,
    `AJI ${formatScore(cells.aji)}   AJI+ ${formatScore(cells.ajiPlus)}   Dice ${formatScore(cells.dice)}`,
    ...cells.f1At.map(
      ({ iou, f1, precision, recall }) =>
        `F1 at IoU ${iou} ${formatScore(f1)}   precision ${formatScore(precision)}   recall ${formatScore(recall)}`,
    ),
  ].join('\n');
}
