import type { Dataset } from '../data/dataset';
import { recordToSample } from '../data/record';
import type { Sample } from '../data/sample';
import type { Evaluation } from '../engine/evaluate';
import { contoursOf, drawPanels, type OverlayOptions } from '../plots/overlay';

/** Score from which predictions are drawn. */
const DRAWN_SCORE = 0.5;

function optionsOf(dataset: Dataset, classes: readonly string[]): OverlayOptions {
  return { classes, channelOrder: dataset.channelOrder, pixelSize: dataset.pixelSize };
}

/** Truth beside prediction of image i of an evaluation. PNG bytes. */
export async function drawEvaluated(
  { set, predictions, dataset, about, perImage }: Evaluation,
  i: number,
): Promise<Buffer> {
  const sample = set.samples[i];
  const contours = contoursOf(predictions[i], DRAWN_SCORE);
  const ap = perImage[i] < 0 ? '' : `, AP50 ${perImage[i].toFixed(2)}`;
  return await drawPanels(
    sample,
    [
      { title: `truth: ${sample.labels.length} cells`, contours: sample },
      { title: `predicted at ${DRAWN_SCORE}: ${contours.masks.length}${ap}`, contours },
    ],
    optionsOf(dataset, about.classes),
  );
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
export function worstAndBest({ perImage }: Evaluation): { worst: number; best: number } {
  const rows = [...perImage.keys()].filter((i) => perImage[i] >= 0).sort((a, b) => perImage[a] - perImage[b]);
  return { worst: rows[0] ?? 0, best: rows.at(-1) ?? 0 };
}
