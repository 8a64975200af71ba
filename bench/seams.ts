// Tiled against in one piece: how many cells are found again, and what the seams do to AP50.
//   node dist/bench/seams.js RUN ../shared/data/consep/train consep_train23,consep_train24 [SCORE [TILE OVERLAP]]
// Cells over SCORE (0.5) are looked for, among those over SCORE and among all; those that are nowhere are listed. TILE and OVERLAP in pixels of the image; without them those of `predict`.
import { peakRssMb } from '../src/core/process';
import { openDataset } from '../src/data/dataset';
import { recordToSample } from '../src/data/record';
import type { Instances } from '../src/geometry/instances';
import { rleIouMatrix } from '../src/geometry/rle_operations';
import { applyThresholds } from '../src/inference/postprocess/scores';
import { type PredictOptions, Predictor } from '../src/inference/predictor';
import { evaluateCoco } from '../src/metrics/coco/evaluate';
import { groundTruthImage } from '../src/metrics/evaluation_image';
import { loadModel } from '../src/runs/load_model';
import { joinTiles } from './tiles';

/** IoU from which a cell is the same. */
const FOUND = 0.9;

/** The share of the instances of `a` that `b` has with the same class and an IoU of 0.9, and what it has of the others. */
function foundAgain(a: Instances, b: Instances): { share: number; missed: string[] } {
  const iou = rleIouMatrix(a.masks, b.masks);
  const n = b.labels.length;
  const missed: string[] = [];
  for (let i = 0; i < a.labels.length; i++) {
    const own = iou.subarray(i * n, (i + 1) * n);
    if (b.labels.some((label, j) => label === a.labels[i] && own[j] >= FOUND)) continue;
    const nearest = own.indexOf(Math.max(...own));
    missed.push(
      `${describe(a, i)}: ${own[nearest] > 0 ? `IoU ${own[nearest].toFixed(2)} with ${describe(b, nearest)}` : 'nothing there'}`,
    );
  }
  return { share: a.labels.length === 0 ? 1 : 1 - missed.length / a.labels.length, missed };
}

function describe({ boxes, labels, scores }: Instances, i: number): string {
  const at = [...boxes.subarray(4 * i, 4 * i + 4)].map(Math.round).join(' ');
  return `class ${labels[i]} at ${at}, score ${scores[i].toFixed(3)}`;
}

const percent = ({ share }: { share: number }): string => `${(100 * share).toFixed(1)} %`;

async function main(): Promise<void> {
  const [run, dir, names, score = '0.5', tile, overlap] = process.argv.slice(2);
  const dataset = await openDataset(dir);
  const { model, about } = loadModel(run, { checkpoint: 'last' });
  const predictor = new Predictor(model);
  const classes = about.classes.length;
  const { scale } = about;
  for (const name of names.split(',')) {
    const sample = recordToSample(await joinTiles(dataset, name), 1);
    const groundTruth = [groundTruthImage(sample, classes)];
    const predict = (options: PredictOptions): { all: Instances; sure: Instances; text: string } => {
      const start = performance.now();
      const { instances: all, tiles } = predictor.predict(sample, { scale, ...options });
      const seconds = (performance.now() - start) / 1000;
      const { AP50 } = evaluateCoco(groundTruth, [all], { classes, maxDets: 1000 });
      const text = `AP50 ${AP50.toFixed(4)}, ${tiles} tiles, ${seconds.toFixed(1)} s`;
      return { all, sure: applyThresholds(all, Number(score)), text };
    };
    const whole = predict({ tile: sample.width });
    process.stdout.write(`${name}: whole ${whole.text}, ${whole.sure.labels.length} cells over ${score}\n`);
    const size: PredictOptions = tile ? { tile: Number(tile), overlap: Number(overlap) } : {};
    const half = Math.round((Number(tile) || 1280 / scale) / 2);
    for (const shift of [0, half]) {
      const { all, sure, text } = predict({ ...size, shift });
      const [again, back] = [foundAgain(whole.sure, sure), foundAgain(sure, whole.sure)];
      const anyScore = [foundAgain(whole.sure, all), foundAgain(sure, whole.all)];
      process.stdout.write(
        `  grid moved by ${shift}: ${text}; found again over ${score} ${percent(again)}, back ${percent(back)}; at any score ${anyScore.map(percent).join(', back ')}\n`,
      );
      for (const { missed } of anyScore) for (const line of missed) process.stdout.write(`    ${line}\n`);
    }
  }
  model.dispose();
  process.stdout.write(`peak of memory ${Math.round(peakRssMb())} MB\n`);
}

void main();
