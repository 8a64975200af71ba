import type { CellSummary } from '../metrics/cell_summary';
import { answer, type CommonOptions } from './command';
import { keyed, warnCut } from './score';
import { formatScore, formatScores } from './score_text';

export interface ScoreDatasetOptions extends CommonOptions {
  readonly data: string;
  readonly detections: string;
  readonly type: 'segm' | 'bbox';
  readonly maxDets?: number;
}

/** `score --data DIR --detections DT.json`: image ids are 1…n in the order of the folder names, category ids 1…K. */
export async function scoreDataset({
  data,
  detections,
  type,
  maxDets = 300,
  ...options
}: ScoreDatasetOptions): Promise<void> {
  const { openDataset } = await import('../data/dataset');
  const { recordToSample } = await import('../data/record');
  const { CocoMatcher } = await import('../metrics/coco_match');
  const { readCocoResults } = await import('../metrics/coco_results');
  const { summarizeCoco } = await import('../metrics/coco_summary');
  const { CocoTruth } = await import('../metrics/coco_truth');
  const { countCells } = await import('../metrics/cell_counts');
  const { matchCells } = await import('../metrics/cell_match');
  const { summarizeCells } = await import('../metrics/cell_summary');
  const { truthImage } = await import('../metrics/evaluation_image');
  const { createProgress } = await import('../core/progress');
  const dataset = await openDataset(data);
  const classes = dataset.classes.length;
  const progress = createProgress({ label: 'reading', total: dataset.ids.length, unit: 'images' });
  const images = [];
  for (const [i, id] of dataset.ids.entries()) {
    progress.update(i, id);
    // Every instance of the truth counts, however small.
    images.push(truthImage(recordToSample(await dataset.load(id), 1), classes, dataset.groups[id]));
  }
  progress.finish();
  const truth = new CocoTruth(
    {
      images: images.map(({ id, height, width }, i) => ({ id: i + 1, height, width, file_name: id })),
      categories: dataset.classes.map((name, c) => ({ id: c + 1, name })),
      annotations: [],
    },
    data,
  );
  const results = readCocoResults(detections, truth);
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
  answer(
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
