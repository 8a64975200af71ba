import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ArchitectureName } from '../src/config/architectures';
import { networkOf } from '../src/config/schema';
import { MaskRcnn } from '../src/models/mask_rcnn';
import type { ModelImage, Target } from '../src/models/transform';
import { assign } from '../src/models/weights/load_state';
import { writePortableModel } from '../src/models/weights/portable';
import { generateImage, generateTargets, generateTensor } from '../src/parity/generate';
import type { Precision } from '../src/runtime/precision';

/** What both sides of a model benchmark work on: a function of its three values. */
export interface ModelJob {
  readonly model: ArchitectureName;
  /** Side of the square image, pixels: what the network sees, since nothing resizes it. */
  readonly size: number;
  readonly cells: number;
}

/** The model with the generated weights of the golden files: sane activations, many detections. */
export function buildJobModel({ model: name }: ModelJob, precision: Precision = 'float32'): MaskRcnn {
  const config = { ...networkOf(name), image: { ...networkOf(name).image, resize: 'never' as const } };
  const model = new MaskRcnn(config, null, precision);
  for (const parameter of model.parameters.all())
    assign(parameter, generateTensor(name, parameter.name, parameter.torchShape));
  return model;
}

export function jobSample({ size, cells }: ModelJob): ModelImage & Target {
  return {
    height: size,
    width: size,
    image: generateImage('bench:image', size, size),
    ...generateTargets('bench:targets', size, size, cells),
  };
}

/** Writes what the peer reads: the weights, the image and its instances. */
export function writeModelJob(folder: string, job: ModelJob): void {
  const model = buildJobModel(job);
  writePortableModel(path.join(folder, 'model.safetensors'), model, {
    architecture: job.model,
    config: model.config,
    classes: ['a', 'b', 'c', 'd'],
    pixelSize: null,
    channelOrder: 'rgb',
    scale: 1,
    thresholds: [0.5, 0.5, 0.5, 0.5],
  });
  model.dispose();
  const { image, boxes, labels, masks } = jobSample(job);
  fs.writeFileSync(path.join(folder, 'image.bin'), new Uint8Array((image as Float32Array).buffer));
  const crops = masks.map((mask) => ({ ...mask, data: Array.from(mask.data) }));
  const text = JSON.stringify({ ...job, boxes: Array.from(boxes), labels: Array.from(labels), masks: crops });
  fs.writeFileSync(path.join(folder, 'job.json'), text);
}
