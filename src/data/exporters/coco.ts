import type { Instances } from '../../geometry/instances';
import { encodeCropMask, type Rle, rleArea, rleBox, rleToString } from '../../geometry/rle';
import type { Dataset } from '../dataset';
import type { DatasetInfo } from '../dataset_info';
import { extractInstances } from '../extract_instances';
import { datasetInfo } from '../write_dataset';

/** One annotation with its run-length mask, as pycocotools writes it. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  readonly segmentation: { readonly size: readonly [number, number]; readonly counts: string };
  readonly area: number;
  readonly bbox: readonly number[];
  readonly iscrowd: 0 | 1;
}

export interface CocoDocument {
  /** What COCO has no place for: pixel size, channel order, groups. */
  readonly info: { readonly description: string; readonly dataset: DatasetInfo };
  readonly images: readonly {
    readonly id: number;
    readonly file_name: string;
    readonly width: number;
    readonly height: number;
  }[];
  readonly categories: readonly { readonly id: number; readonly name: string }[];
  readonly annotations: readonly CocoAnnotation[];
}

/**
 * A data set as COCO annotations: image ids 1..n in the order of the ids, category ids the K of `classK`, run-length
 * masks. An ignored region becomes a crowd annotation of every category: it is neither target nor error of any.
 */
export async function exportCoco(
  dataset: Dataset,
  onImage?: (done: number, total: number, id: string) => void,
): Promise<CocoDocument> {
  const images: CocoDocument['images'][number][] = [];
  const annotations: CocoAnnotation[] = [];
  const categories = dataset.classes.map((name, c) => ({ id: c + 1, name }));
  for (const [i, id] of dataset.ids.entries()) {
    const { width, height, labelMaps, ignore } = await dataset.load(id);
    images.push({ id: i + 1, file_name: dataset.fileName(id), width, height });
    const add = (code: Rle, category: number, iscrowd: 0 | 1): void => {
      const segmentation = { size: [height, width] as const, counts: rleToString(code) };
      const id = annotations.length + 1;
      const bbox = [...rleBox(code)];
      annotations.push({
        id,
        image_id: i + 1,
        category_id: category,
        segmentation,
        area: rleArea(code),
        bbox,
        iscrowd,
      });
    };
    labelMaps.forEach((map, c) => {
      if (!map) return;
      for (const mask of extractInstances(map, height, width, 1).masks)
        add(encodeCropMask(mask, height, width), c + 1, 0);
    });
    if (ignore)
      for (const mask of extractInstances(ignore, height, width, 1).masks)
        for (const { id: category } of categories) add(encodeCropMask(mask, height, width), category, 1);
    onImage?.(i + 1, dataset.ids.length, id);
  }
  const info = { description: 'exported by Cytobench', dataset: datasetInfo(dataset) };
  return { info, images, categories, annotations };
}

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
