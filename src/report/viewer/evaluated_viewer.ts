import type { Evaluation } from '../../evaluation/evaluate';
import { drawingThreshold } from '../images';
import { viewerFrame, viewerHtml } from './viewer_page';

/**
 * One image of an evaluation to zoom into, ground truth and prediction: a frame for another page.
 * @param threshold score from which cells are shown at first. Default: the one of the best F1 over all images.
 */
export async function evaluatedViewer(
  evaluation: Evaluation,
  i: number,
  title: string,
  threshold: number = drawingThreshold(evaluation),
): Promise<string> {
  const { set, predictions, about, dataset } = evaluation;
  const sample = set.samples[i];
  const page = await viewerHtml({
    title,
    height: sample.height,
    width: sample.width,
    image: sample.image,
    channelOrder: dataset.channelOrder,
    pixelSize: dataset.pixelSize,
    classes: about.classes,
    instances: predictions[i],
    groundTruth: sample,
    threshold,
  });
  return viewerFrame(page, title);
}
