import type { Instances } from '../../structures/instances';
import { rleToString } from '../../structures/rle';

/** One detection as COCO's result files hold it. */
export interface CocoResultEntry {
  readonly image_id: number;
  /** x, y, width, height in pixels. */
  readonly bbox: readonly [number, number, number, number];
  readonly score: number;
  /** K of `classK`. */
  readonly category_id: number;
  readonly segmentation: { readonly size: readonly [number, number]; readonly counts: string };
}

/** The instances of one image as COCO results: the model's own boxes, masks as pycocotools writes them. */
export function cocoResults(imageId: number, instances: Instances): CocoResultEntry[] {
  const { boxes, scores, labels, masks } = instances;
  return masks.map((mask, i) => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
    return {
      image_id: imageId,
      bbox: [x1, y1, x2 - x1, y2 - y1],
      score: scores[i],
      category_id: labels[i],
      segmentation: { size: mask.size, counts: rleToString(mask) },
    };
  });
}

/** A result file's text: a list, one detection a line. */
export function cocoResultsJson(entries: readonly CocoResultEntry[]): string {
  return `[${entries.map((entry) => JSON.stringify(entry)).join(',\n')}]\n`;
}
