import type { Sample } from '../data/record';
import { type TensorToWrite, writeSafetensors } from '../models/weights/formats/safetensors';
import { openWeights } from '../models/weights/open';

/** One image of a batch that a run failed on, as far as a person needs to see it. */
export type FailedImage = Pick<Sample, 'id' | 'height' | 'width' | 'image' | 'boxes' | 'labels'>;

export interface FailedBatch {
  readonly step: number;
  /** The loss, or 'the gradient', that was not a number. */
  readonly term: string;
  readonly images: readonly FailedImage[];
}

/** Keeps the batch of a failed step: images, boxes and labels in one `.safetensors` file. */
export function keepFailedBatch(
  file: string,
  step: number,
  term: string,
  batches: readonly (readonly Sample[])[],
): void {
  const samples = batches.flat();
  const tensors = samples.flatMap(({ image, height, width, boxes, labels }, i): TensorToWrite[] => [
    { name: `image.${i}`, dtype: 'uint8', shape: [height, width, 3], data: image },
    { name: `boxes.${i}`, dtype: 'float32', shape: [labels.length, 4], data: boxes },
    { name: `labels.${i}`, dtype: 'int32', shape: [labels.length], data: labels },
  ]);
  const ids = samples.map(({ id }) => id);
  writeSafetensors(file, tensors, { step: String(step), term, ids: JSON.stringify(ids) });
}

export function readFailedBatch(file: string): FailedBatch {
  const weights = openWeights(file);
  const { step, term, ids } = weights.metadata;
  const images = (JSON.parse(ids ?? '[]') as string[]).map((id, i): FailedImage => {
    const [height, width] = weights.tensors.find(({ name }) => name === `image.${i}`)?.shape ?? [0, 0];
    return {
      id,
      height,
      width,
      image: weights.read(`image.${i}`) as Uint8Array,
      boxes: weights.read(`boxes.${i}`) as Float32Array,
      labels: weights.read(`labels.${i}`) as Int32Array,
    };
  });
  return { step: Number(step), term: term ?? '', images };
}
