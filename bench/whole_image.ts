// Where the time of a 2500 x 2500 image goes, from its file to files of all formats: in the model (its ops, proposals,
// boxes) and outside it (reading, drawing masks, joining tiles, post-processing, writing).
//   node dist/bench/whole_image.js RUN DIR [ROUNDS]      25 crops of 500 px from DIR, side by side

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import sharp from 'sharp';
import { peakRssMb } from '../src/core/process';
import { type Dataset, openDataset } from '../src/data/dataset';
import { predictInput, readInputImage } from '../src/inference/predict_image';
import { Predictor } from '../src/inference/predictor';
import type { DetectOptions } from '../src/models/mask_rcnn';
import { PREDICTION_FORMATS, PredictionWriter } from '../src/report/prediction_files';
import { loadModel } from '../src/runs/load_model';

const [SIDE, CROP] = [2500, 500];
const ROUNDS = Number(process.argv[4] ?? 3);

async function mosaic(dataset: Dataset, file: string): Promise<void> {
  const image = new Uint8Array(SIDE * SIDE * 3);
  const ids = dataset.ids.slice(0, (SIDE / CROP) ** 2);
  for (const [i, id] of ids.entries()) {
    const crop = await dataset.load(id);
    const [top, left] = [Math.floor((i * CROP) / SIDE) * CROP, (i * CROP) % SIDE];
    for (let y = 0; y < CROP; y++)
      image.set(
        crop.image.subarray(y * CROP * 3, (y + 1) * CROP * 3) as Uint8Array,
        ((top + y) * SIDE + left) * 3,
      );
  }
  await sharp(image, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .tiff({ compression: 'lzw' })
    .toFile(file);
}

async function main(): Promise<void> {
  const [run, dir] = process.argv.slice(2);
  if (!run || !dir) throw new Error('usage: node dist/bench/whole_image.js RUN DIR');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
  const file = path.join(folder, 'mosaic.tif');
  await mosaic(await openDataset(dir), file);
  const { model, about } = loadModel(run);
  const spent = { detect: 0, masks: 0 };
  const timed = <T>(part: keyof typeof spent, work: () => T): T => {
    const start = performance.now();
    const value = work();
    spent[part] += (performance.now() - start) / 1000;
    return value;
  };
  const detect = model.detect.bind(model);
  model.detect = (pictures, options: DetectOptions = {}) => {
    const { drawMask } = options;
    const draw =
      drawMask && ((...args: Parameters<typeof drawMask>) => timed('masks', () => drawMask(...args)));
    return timed('detect', () => detect(pictures, { ...options, drawMask: draw }));
  };
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    Object.assign(spent, { detect: 0, masks: 0 });
    const start = performance.now();
    const picture = await readInputImage(file, about.channelOrder);
    const read = performance.now();
    const { instances } = predictInput(new Predictor(model), about, picture, { threshold: 0.5 });
    const answered = performance.now();
    const writer = new PredictionWriter(path.join(folder, 'out'), PREDICTION_FORMATS, about.classes);
    const { channelOrder, pixelSize } = about;
    await writer.add({
      id: 'mosaic',
      fileName: file,
      ...picture,
      channelOrder,
      pixelSize: pixelSize ?? undefined,
      instances,
    });
    writer.finish();
    const end = performance.now();
    const whole = (end - start) / 1000;
    const inModel = spent.detect - spent.masks;
    rounds.push({
      cells: instances.labels.length,
      seconds: whole,
      reading: (read - start) / 1000,
      model: inModel,
      drawingMasks: spent.masks,
      joiningAndRefining: (answered - read) / 1000 - spent.detect,
      writing: (end - answered) / 1000,
      shareOutside: 1 - inModel / whole,
    });
  }
  model.dispose();
  fs.rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ formats: PREDICTION_FORMATS, rounds, peakRssMb: peakRssMb() }, null, 2));
}

void main();
