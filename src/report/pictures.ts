import type { Dataset } from '../data/dataset';
import { recordToSample } from '../data/record';
import type { Sample } from '../data/sample';
import type { Evaluation } from '../engine/evaluation/evaluate';
import type { PredictedPicture } from '../engine/prediction/predict_image';
import { drawContactSheet, type SheetCell } from '../plots/contact_sheet';
import { showPng } from '../plots/notebook';
import { contoursOf, drawPanels, type OverlayOptions, type Panel } from '../plots/overlay';
import { applyThresholds } from '../postprocess/thresholds';
import { outcomesOf } from './outcomes';

export interface PictureOptions {
  /** Least score of a prediction that is drawn. Default 0.5. */
  readonly threshold?: number;
  /** Writes each prediction's score beside it. */
  readonly scores?: boolean;
}

export interface GalleryOptions extends PictureOptions {
  /** How many of the worst, and of the best. Default 3. */
  readonly count?: number;
}

type Evaluated = Pick<Evaluation, 'set' | 'predictions' | 'dataset' | 'about' | 'perImage'>;

/** What a tint means where truth stands beside prediction. */
const TINTED = 'filled: missed (left), false alarm (right)';

function optionsOf(dataset: Dataset, classes: readonly string[]): OverlayOptions {
  return { classes, channelOrder: dataset.channelOrder, pixelSize: dataset.pixelSize };
}

/**
 * Truth beside prediction of image i of an evaluation, in the colours of the classes: what was missed and what is a
 * false alarm is filled, hits (IoU 0.5, same class) are outlines. PNG bytes.
 */
export async function drawEvaluated(
  evaluation: Evaluated,
  i: number,
  options: PictureOptions = {},
): Promise<Buffer> {
  const { set, dataset, about } = evaluation;
  return await drawPanels(set.samples[i], comparedPanels(evaluation, i, options), {
    ...optionsOf(dataset, about.classes),
    tinted: TINTED,
  });
}

/** The images with the lowest AP50, then those with the highest, a row each: truth beside prediction. PNG bytes. */
export async function gallery(evaluation: Evaluated, options: GalleryOptions = {}): Promise<Buffer> {
  const { set, about, dataset, perImage } = evaluation;
  const ranked = rankImages(perImage);
  const count = Math.min(options.count ?? 3, Math.ceil(ranked.length / 2));
  const best = ranked.slice(count).slice(-count).reverse();
  const rows = [
    ...ranked.slice(0, count).map((i) => ['worst', i] as const),
    ...best.map((i) => ['best', i] as const),
  ];
  const cells = rows.map(([which, i]): SheetCell[] => {
    const [truth, found] = comparedPanels(evaluation, i, options);
    const picture = set.samples[i];
    return [
      { ...truth, picture, title: `${which}: ${picture.id}, ${truth.title}` },
      { ...found, picture },
    ];
  });
  return await drawContactSheet(cells, { ...optionsOf(dataset, about.classes), tinted: TINTED });
}

function comparedPanels(
  { set, predictions, perImage }: Evaluated,
  i: number,
  { threshold = 0.5, scores = false }: PictureOptions,
): [Panel, Panel] {
  const sample = set.samples[i];
  const drawn = applyThresholds(predictions[i], threshold);
  const { missed, falseAlarms } = outcomesOf(drawn, sample);
  const ap = perImage[i] < 0 ? '' : `, AP50 ${perImage[i].toFixed(2)}`;
  return [
    {
      title: `truth: ${sample.labels.length} cells, ${missed.size} missed`,
      contours: { labels: sample.labels, masks: sample.masks, tinted: missed },
    },
    {
      title: `predicted at ${threshold}: ${drawn.labels.length}, ${falseAlarms.size} false alarms${ap}`,
      contours: { ...contoursOf(drawn, 0, scores), tinted: falseAlarms },
    },
  ];
}

/** The cells found in one image (`predict`), in the colours of their classes. PNG bytes. */
export async function drawOverlay(
  predicted: PredictedPicture,
  { threshold = 0, scores = false }: PictureOptions = {},
): Promise<Buffer> {
  const { id, classes, instances, channelOrder, pixelSize } = predicted;
  const contours = contoursOf(instances, threshold, scores);
  const title = `${id}: ${contours.masks.length} cells`;
  return await drawPanels(predicted, [{ title, contours }], { classes, channelOrder, pixelSize });
}

/** The same, shown in a notebook. */
export async function showOverlay(predicted: PredictedPicture, options: PictureOptions = {}): Promise<void> {
  showPng(await drawOverlay(predicted, options));
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

/** Rows of the images with the lowest and the highest AP50, among those that have cells. */
export function worstAndBest({ perImage }: Pick<Evaluation, 'perImage'>): { worst: number; best: number } {
  const rows = rankImages(perImage);
  return { worst: rows[0] ?? 0, best: rows.at(-1) ?? 0 };
}

/** Rows of the images that have cells, by rising AP50. */
function rankImages(perImage: readonly number[]): number[] {
  return [...perImage.keys()].filter((i) => perImage[i] >= 0).sort((a, b) => perImage[a] - perImage[b]);
}
