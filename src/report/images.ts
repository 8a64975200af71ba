import type { Dataset } from '../data/dataset';
import { recordToSample, type Sample } from '../data/record';
import { augmentRecord, sampleRng } from '../data/transforms/augment';
import type { Augmentation } from '../data/transforms/transforms';
import type { Evaluation } from '../evaluation/evaluate';
import type { Instances } from '../geometry/instances';
import type { CropMask } from '../geometry/masks';
import { sortByScore } from '../geometry/nms';
import { encodeCropMask, rleArea, rleBox } from '../geometry/rle';
import { boxesMeet, sharedPixels } from '../geometry/rle_operations';
import { applyThresholds } from '../inference/postprocess/scores';
import type { PredictedImage } from '../inference/predict_image';
import { drawContactSheet, type SheetCell } from '../plots/contact_sheet';
import { contoursOf, drawPanels, type OverlayOptions, type Panel } from '../plots/overlay';
import type { FailedImage } from '../runs/failed_batch';

/** Ground truth as a data set's sample holds it. */
export interface TrueCells {
  /** [m] 1..K */
  readonly labels: ArrayLike<number>;
  /** [m] */
  readonly masks: readonly CropMask[];
}

/** Rows, for an image: what was found, and what was not. */
export interface Outcomes {
  /** Rows of the instances that are no true cell, or one that a higher score has already. */
  readonly falsePositives: ReadonlySet<number>;
  /** Rows of the ground truth that no instance covers. */
  readonly missed: ReadonlySet<number>;
}

/** IoU from which a true cell counts as found. */
const MATCH = 0.5;

/** For each instance the true cell of its class with the greatest IoU, from 0.5 on; -1 for none. */
export function coveredCells(instances: Instances, groundTruth: TrueCells): Int32Array {
  const { height, width } = instances;
  const codes = groundTruth.masks.map((mask) => encodeCropMask(mask, height, width));
  const areas = codes.map(rleArea);
  const boxes = codes.map(rleBox);
  return Int32Array.from(instances.masks, (mask, i) => {
    const [box, area] = [rleBox(mask), rleArea(mask)];
    let [best, most] = [-1, MATCH];
    codes.forEach((code, t) => {
      if (groundTruth.labels[t] !== instances.labels[i] || !boxesMeet(box, boxes[t])) return;
      const shared = sharedPixels(mask.counts, code.counts);
      const iou = shared / (area + areas[t] - shared);
      if (iou >= most) [best, most] = [t, iou];
    });
    return best;
  });
}

/** Hits, misses and false positives: by falling score each instance takes the true cell that it covers, if it is free. */
export function outcomesOf(instances: Instances, groundTruth: TrueCells): Outcomes {
  const covered = coveredCells(instances, groundTruth);
  const missed = new Set(groundTruth.masks.keys());
  const falsePositives = new Set<number>();
  for (const row of sortByScore(instances.scores)) if (!missed.delete(covered[row])) falsePositives.add(row);
  return { falsePositives, missed };
}

export interface DrawOptions {
  /** Least score of a prediction that is drawn. Default: the one of the best F1 over all images evaluated. */
  readonly threshold?: number;
  /** Writes each prediction's score beside it. */
  readonly scores?: boolean;
}

export interface GalleryOptions extends DrawOptions {
  /** How many of the worst, and of the best. Default 3. */
  readonly count?: number;
}

type Evaluated = Pick<Evaluation, 'set' | 'predictions' | 'dataset' | 'about' | 'perImage'>;

/** What a tint means where ground truth stands beside prediction. */
const TINTED = 'filled: missed (left), false positive (right)';

function optionsOf(dataset: Dataset, classes: readonly string[]): OverlayOptions {
  return { classes, channelOrder: dataset.channelOrder, pixelSize: dataset.pixelSize };
}

/**
 * Ground truth beside prediction of image i of an evaluation, in the colours of the classes: what was missed and what is a
 * false positive is filled, hits (IoU 0.5, same class) are outlines. PNG bytes.
 */
export async function drawEvaluated(
  evaluation: Evaluated,
  i: number,
  options: DrawOptions = {},
): Promise<Buffer> {
  const { set, dataset, about } = evaluation;
  return await drawPanels(set.samples[i], comparedPanels(evaluation, i, options), {
    ...optionsOf(dataset, about.classes),
    tinted: TINTED,
  });
}

/**
 * The images with the lowest F1 of what is drawn, then those with the highest, a row each: ground truth beside prediction.
 * PNG bytes.
 */
export async function gallery(evaluation: Evaluated, options: GalleryOptions = {}): Promise<Buffer> {
  const { set, about, dataset } = evaluation;
  const ranked = rankImages(evaluation, options.threshold);
  const count = Math.min(options.count ?? 3, Math.ceil(ranked.length / 2));
  const best = ranked.slice(count).slice(-count).reverse();
  const rows = [
    ...ranked.slice(0, count).map((i) => ['worst', i] as const),
    ...best.map((i) => ['best', i] as const),
  ];
  const cells = rows.map(([which, i]): SheetCell[] => {
    const [groundTruth, found] = comparedPanels(evaluation, i, options);
    const picture = set.samples[i];
    return [
      { ...groundTruth, picture, title: `${which}: ${picture.id}, ${groundTruth.title}` },
      { ...found, picture },
    ];
  });
  return await drawContactSheet(cells, { ...optionsOf(dataset, about.classes), tinted: TINTED });
}

function comparedPanels(
  evaluation: Evaluated,
  i: number,
  { threshold = drawingThreshold(evaluation), scores = false }: DrawOptions,
): [Panel, Panel] {
  const { set, predictions, perImage } = evaluation;
  const sample = set.samples[i];
  const drawn = applyThresholds(predictions[i], threshold);
  const { missed, falsePositives } = outcomesOf(drawn, sample);
  const ap = perImage[i] < 0 ? '' : `, AP50 ${perImage[i].toFixed(2)}`;
  return [
    {
      title: `ground truth: ${sample.labels.length} cells, ${missed.size} missed`,
      contours: { labels: sample.labels, masks: sample.masks, tinted: missed },
    },
    {
      title: `predicted at ${threshold}: ${drawn.labels.length}, ${falsePositives.size} false positives${ap}`,
      contours: { ...contoursOf(drawn, 0, scores), tinted: falsePositives },
    },
  ];
}

/** The cells found in one image (`predict`), in the colours of their classes. PNG bytes. */
export async function drawOverlay(
  predicted: PredictedImage,
  { threshold = 0, scores = false }: DrawOptions = {},
): Promise<Buffer> {
  const { id, classes, instances, channelOrder, pixelSize } = predicted;
  const contours = contoursOf(instances, threshold, scores);
  const title = `${id}: ${contours.masks.length} cells`;
  return await drawPanels(predicted, [{ title, contours }], { classes, channelOrder, pixelSize });
}

/** A few images of a data set with their cells. PNG bytes each. */
export async function drawExamples(
  dataset: Dataset,
  ids: readonly string[],
): Promise<{ id: string; png: Buffer }[]> {
  const drawn: { id: string; png: Buffer }[] = [];
  for (const id of ids) {
    const sample: Sample = recordToSample(await dataset.load(id));
    const panels = [
      { title: id, contours: { labels: [], masks: [] } },
      { title: `${sample.labels.length} cells`, contours: sample },
    ];
    drawn.push({ id, png: await drawPanels(sample, panels, optionsOf(dataset, dataset.classes)) });
  }
  return drawn;
}

/** Rows of the images with the lowest and the highest F1 of what is drawn, among those that have cells. */
export function worstAndBest(evaluation: Evaluated): { worst: number; best: number } {
  const rows = rankImages(evaluation);
  return { worst: rows[0] ?? 0, best: rows.at(-1) ?? 0 };
}

/** Scores that are tried for drawing. */
const TRIED = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** Hits and predictions of one image at each of `TRIED`, and its true cells. */
interface Hits {
  readonly hits: readonly number[];
  readonly predicted: readonly number[];
  readonly cells: number;
}

const COUNTED = new WeakMap<object, readonly Hits[]>();

function hitsOf({ set, predictions }: Pick<Evaluated, 'set' | 'predictions'>): readonly Hits[] {
  const known = COUNTED.get(predictions);
  if (known) return known;
  const counted = predictions.map((instances, i): Hits => {
    const covered = coveredCells(instances, set.samples[i]);
    const over = TRIED.map((threshold) =>
      [...covered.keys()].filter((k) => instances.scores[k] >= threshold),
    );
    return {
      hits: over.map((rows) => new Set(rows.map((k) => covered[k]).filter((cell) => cell >= 0)).size),
      predicted: over.map((rows) => rows.length),
      cells: set.samples[i].labels.length,
    };
  });
  COUNTED.set(predictions, counted);
  return counted;
}

/** F1 of some images at the threshold `TRIED[t]`. */
function f1At(images: readonly Hits[], t: number): number {
  const sum = (of: (image: Hits) => number): number => images.reduce((total, image) => total + of(image), 0);
  const all = sum(({ predicted }) => predicted[t]) + sum(({ cells }) => cells);
  return all === 0 ? 0 : (2 * sum(({ hits }) => hits[t])) / all;
}

/** The score of the best F1 over all images, the highest of equals: what a person wants to see drawn. */
export function drawingThreshold(evaluation: Pick<Evaluated, 'set' | 'predictions'>): number {
  const counted = hitsOf(evaluation);
  return TRIED.reduce((best, threshold, t) =>
    f1At(counted, t) >= f1At(counted, TRIED.indexOf(best)) ? threshold : best,
  );
}

/** Rows of the images that have cells, by rising F1 at the threshold they are drawn at. */
function rankImages(evaluation: Evaluated, threshold: number = drawingThreshold(evaluation)): number[] {
  const counted = hitsOf(evaluation);
  const nearest = TRIED.reduce((best, one) =>
    Math.abs(one - threshold) < Math.abs(best - threshold) ? one : best,
  );
  const t = TRIED.indexOf(nearest);
  const f1 = counted.map((image) => f1At([image], t));
  return [...counted.keys()].filter((i) => counted[i].cells > 0).sort((a, b) => f1[a] - f1[b]);
}

/** An image of a failed batch as the network saw it, with its boxes. PNG bytes. */
export async function drawFailedImage(image: FailedImage): Promise<Buffer> {
  const { labels, boxes } = image;
  const masks = Array.from(labels, (_, i) => boxMask(boxes.subarray(4 * i, 4 * i + 4)));
  const classes = Array.from({ length: Math.max(1, ...labels) }, (_, k) => `class${k + 1}`);
  const title = `${image.id}: ${labels.length} boxes`;
  return await drawPanels(image, [{ title, contours: { labels, masks } }], { classes });
}

function boxMask([x1, y1, x2, y2]: Float32Array): CropMask {
  const [x, y] = [Math.floor(x1), Math.floor(y1)];
  const width = Math.max(1, Math.ceil(x2) - x);
  const height = Math.max(1, Math.ceil(y2) - y);
  return { x, y, width, height, data: new Uint8Array(width * height).fill(1) };
}

export interface PreviewOptions {
  readonly augmentation: Augmentation;
  readonly seed: number;
  /** Rows. Default: four images, spread over the data set. */
  readonly ids?: readonly string[];
  /** Augmented versions beside each image. Default 3. */
  readonly versions?: number;
}

/** What the model sees: each image as it is, then as augmentation makes it in the first epochs. PNG bytes. */
export async function previewSheet(dataset: Dataset, options: PreviewOptions): Promise<Buffer> {
  const { augmentation, seed, versions = 3 } = options;
  const ids = options.ids ?? spread(dataset.ids, 4);
  const rows: SheetCell[][] = [];
  for (const [index, id] of ids.entries()) {
    const record = await dataset.load(id);
    const row = [cell(`${id}, as it is`, recordToSample(record))];
    for (let epoch = 0; epoch < versions; epoch++) {
      const sample = await augmentRecord(record, augmentation, sampleRng(seed, epoch, index), {
        channelOrder: dataset.channelOrder,
        donor: (rng) => dataset.load(rng.pick(dataset.ids)),
      });
      row.push(cell(`epoch ${epoch}: ${sample.labels.length} cells`, sample));
    }
    rows.push(row);
  }
  const { classes, channelOrder } = dataset;
  return await drawContactSheet(rows, { classes, channelOrder });
}

function cell(title: string, sample: Sample): SheetCell {
  return { title, picture: sample, contours: { labels: sample.labels, masks: sample.masks } };
}

/** Up to `count` ids at even distances. */
function spread(ids: readonly string[], count: number): string[] {
  const n = Math.min(count, ids.length);
  return Array.from({ length: n }, (_, i) => ids[Math.floor((i * ids.length) / n)]);
}
