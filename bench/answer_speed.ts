// What an answer of 1,000 cells on 2500 x 2500 costs after the model: the fastest and the middle of five rounds, and the
// processor's time of the fastest, which other work on the machine does not lengthen.
//   node dist/bench/answer_speed.js

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { peakRssMb } from '../src/core/process';
import { createRng } from '../src/core/rng';
import type { Instances } from '../src/geometry/instances';
import { encodeCropMask, rleBox, rleToCropMask } from '../src/geometry/rle';
import { REPORT_BOUNDARY } from '../src/inference/postprocess/boundary';
import { DEFAULT_MASK_NMS } from '../src/inference/postprocess/mask_nms';
import { REPORT_MORPHOLOGY } from '../src/inference/postprocess/morphology';
import { toLabelMaps } from '../src/inference/postprocess/overlaps';
import { refine } from '../src/inference/postprocess/refine';
import { REPORT_SIZE_SCORE } from '../src/inference/postprocess/scores';
import { drawSoftMask, GUIDED_SOFT_MASK } from '../src/inference/postprocess/soft_masks';
import { drawOverlay } from '../src/report/images';
import { type ImageToWrite, PREDICTION_FORMATS, PredictionWriter } from '../src/report/prediction_files';
import { ellipseMask, randomCell } from './score_data';

const SIDE = 2500;
const CELLS = 1000;
const ROUNDS = 5;
const CLASSES = ['epithelial', 'lymphocyte', 'neutrophil', 'macrophage'];

function makeAnswer(): ImageToWrite {
  const rng = createRng('answer speed');
  const masks = Array.from({ length: CELLS }, () =>
    encodeCropMask(ellipseMask(randomCell(rng, SIDE)), SIDE, SIDE),
  );
  const instances: Instances = {
    height: SIDE,
    width: SIDE,
    boxes: Float32Array.from(
      masks.flatMap((mask) => {
        const [x, y, w, h] = rleBox(mask);
        return [x, y, x + w, y + h];
      }),
    ),
    scores: Float32Array.from(masks, () => rng.uniform(0.5, 1)),
    labels: Int32Array.from(masks, () => 1 + rng.integer(0, CLASSES.length)),
    masks,
  };
  const image = new Uint8Array(SIDE * SIDE * 3).map((_, i) => 170 + 50 * Math.sin(i / 700) + 20 * rng.next());
  return {
    id: 'large',
    fileName: 'large.tif',
    height: SIDE,
    width: SIDE,
    image,
    channelOrder: 'rgb',
    pixelSize: 0.25,
    instances,
  };
}

async function main(): Promise<void> {
  const predicted = makeAnswer();
  const { instances, image } = predicted;
  const crops = instances.masks.map(rleToCropMask);
  const rng = createRng('soft');
  const soft = Float32Array.from({ length: 28 * 28 }, (_, k) =>
    Math.min(
      Math.max(1.2 - Math.hypot((k % 28) - 13.5, Math.floor(k / 28) - 13.5) / 14 + rng.uniform(0, 0.1), 0.02),
      0.98,
    ),
  );
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
  const refined = (): Instances =>
    refine(instances, {
      sizeScore: REPORT_SIZE_SCORE,
      threshold: 0.5,
      morphology: REPORT_MORPHOLOGY,
      boundary: REPORT_BOUNDARY,
      maskNms: DEFAULT_MASK_NMS,
      overlaps: 'split',
    });
  const write = async (formats: typeof PREDICTION_FORMATS | readonly ['viewer']): Promise<void> => {
    const writer = new PredictionWriter(folder, formats, CLASSES);
    await writer.add(predicted);
    writer.finish();
  };
  const work: Record<string, () => unknown> = {
    'masks drawn between pixels, by colour': () =>
      crops.map((_, i) => {
        const [x1, y1, x2, y2] = instances.boxes.subarray(4 * i, 4 * i + 4);
        const mask = { box: [x1, y1, x2, y2] as const, size: 28, probabilities: soft };
        return drawSoftMask(mask, { height: SIDE, width: SIDE, image }, GUIDED_SOFT_MASK);
      }),
    'all post-processing and label maps': () => toLabelMaps(refined(), CLASSES.length),
    'run-length coding of all': () => crops.map((crop) => encodeCropMask(crop, SIDE, SIDE)),
    overlay: () => drawOverlay({ ...predicted, classes: CLASSES }),
    'viewer page': () => write(['viewer']),
    'all formats': () => write(PREDICTION_FORMATS),
  };
  const seconds: Record<string, { fastest: number; middle: number; processor: number }> = {};
  for (const [name, run] of Object.entries(work)) {
    const [times, busy]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const [start, used] = [performance.now(), process.cpuUsage()];
      await run();
      times.push((performance.now() - start) / 1000);
      const { user, system } = process.cpuUsage(used);
      busy.push((user + system) / 1e6);
    }
    times.sort((a, b) => a - b);
    const rounded = (value: number): number => Number(value.toFixed(3));
    seconds[name] = {
      fastest: rounded(times[0]),
      middle: rounded(times[ROUNDS >> 1]),
      processor: rounded(Math.min(...busy)),
    };
  }
  const page = fs.statSync(path.join(folder, 'viewers', 'large.html')).size;
  fs.rmSync(folder, { recursive: true });
  console.log(
    JSON.stringify(
      { cells: CELLS, side: SIDE, seconds, pageMb: page / 1e6, peakRssMb: peakRssMb() },
      null,
      2,
    ),
  );
}

void main();
