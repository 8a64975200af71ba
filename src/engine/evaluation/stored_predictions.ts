import * as fs from 'node:fs';
import { readJson, writeJson } from '../../core/files';
import type { Instances } from '../../structures/instances';
import { rleFromString, rleToString } from '../../structures/rle';
import type { RunFolder } from '../run/run_folder';

/** Predictions of a run on its own images, with what they were made from. */
interface Stored {
  /** The checkpoint's checksum and the images, as one text: others make the predictions stale. */
  readonly of: string;
  readonly images: readonly {
    readonly height: number;
    readonly width: number;
    readonly boxes: readonly number[];
    readonly scores: readonly number[];
    readonly labels: readonly number[];
    /** COCO run-length strings. */
    readonly masks: readonly string[];
  }[];
}

const FILE = 'predictions.json';

/** Predictions kept in a run folder, where they were made from the same weights and images; undefined else. */
export function readStored(run: RunFolder, of: string): Instances[] | undefined {
  if (!fs.existsSync(run.file(FILE))) return undefined;
  const stored = readJson<Stored>(run.file(FILE));
  if (stored.of !== of) return undefined;
  return stored.images.map(({ height, width, boxes, scores, labels, masks }) => ({
    height,
    width,
    boxes: Float32Array.from(boxes),
    scores: Float32Array.from(scores),
    labels: Int32Array.from(labels),
    masks: masks.map((counts) => rleFromString(counts, [height, width])),
  }));
}

export function writeStored(run: RunFolder, of: string, predictions: readonly Instances[]): void {
  const images = predictions.map(({ height, width, boxes, scores, labels, masks }) => ({
    height,
    width,
    boxes: [...boxes],
    scores: [...scores],
    labels: [...labels],
    masks: masks.map(rleToString),
  }));
  writeJson(run.file(FILE), { of, images } satisfies Stored);
}
