// Tiled against in one piece: how many cells are found again, and what the seams do to AP50.
//   node dist/bench/seams.js RUN ../shared/data/consep/train consep_train23,consep_train24 [SCORE [TILE OVERLAP]]
// Cells over SCORE (0.5) are looked for. TILE and OVERLAP in pixels of the image; without them those of `predict`.
import { peakRssMb } from '../src/core/memory';
import { openDataset } from '../src/data/dataset';
import { recordToSample } from '../src/data/record';
import { loadModel } from '../src/engine/model/load_model';
import { type PredictOptions, Predictor } from '../src/engine/predict';
import { evaluateCoco } from '../src/metrics/coco';
import { truthImage } from '../src/metrics/evaluation_image';
import { applyThresholds } from '../src/postprocess/thresholds';
import type { Instances } from '../src/structures/instances';
import { rleIouMatrix } from '../src/structures/rle_sets';
import { joinPieces } from './pieces';

/** Share of the instances of `a` that `b` has with the same class and an IoU of 0.9. */
function foundAgain(a: Instances, b: Instances): number {
  const iou = rleIouMatrix(a.masks, b.masks);
  const n = b.labels.length;
  let found = 0;
  for (let i = 0; i < a.labels.length; i++)
    for (let j = 0; j < n; j++)
      if (iou[i * n + j] >= 0.9 && a.labels[i] === b.labels[j]) {
        found++;
        break;
      }
  return a.labels.length === 0 ? 1 : found / a.labels.length;
}

async function main(): Promise<void> {
  const [run, dir, names, score = '0.5', tile, overlap] = process.argv.slice(2);
  const dataset = await openDataset(dir);
  const { model, about } = loadModel(run, { checkpoint: 'last' });
  const predictor = new Predictor(model);
  const classes = about.classes.length;
  const { enlarge } = about;
  for (const name of names.split(',')) {
    const sample = recordToSample(await joinPieces(dataset, name), 1);
    const truth = [truthImage(sample, classes)];
    const predict = (options: PredictOptions): { all: Instances; sure: Instances; text: string } => {
      const start = performance.now();
      const { instances: all, tiles } = predictor.predict(sample, { enlarge, ...options });
      const seconds = (performance.now() - start) / 1000;
      const { AP50 } = evaluateCoco(truth, [all], { classes, maxDets: 1000 });
      const text = `AP50 ${AP50.toFixed(4)}, ${tiles} tiles, ${seconds.toFixed(1)} s`;
      return { all, sure: applyThresholds(all, Number(score)), text };
    };
    const whole = predict({ tile: sample.width });
    process.stdout.write(`${name}: whole ${whole.text}, ${whole.sure.labels.length} cells over ${score}\n`);
    const size: PredictOptions = tile ? { tile: Number(tile), overlap: Number(overlap) } : {};
    const half = Math.round((Number(tile) || 1280 / enlarge) / 2);
    for (const shift of [0, half]) {
      const { sure, text } = predict({ ...size, shift });
      const shares = [foundAgain(whole.sure, sure), foundAgain(sure, whole.sure)];
      process.stdout.write(
        `  grid moved by ${shift}: ${text}; found again ${shares.map((s) => `${(100 * s).toFixed(1)} %`).join(', back ')}\n`,
      );
    }
  }
  model.dispose();
  process.stdout.write(`peak of memory ${Math.round(peakRssMb())} MB\n`);
}

void main();
