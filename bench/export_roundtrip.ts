// An exported model in torchvision: the same detections, in pixels and in AP50.
//   node dist/bench/export_roundtrip.js RUN DATA_DIR [images]        torchvision goes into bench/.env on first use

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { peerPython } from '../src/cli/bench/peer';
import { openDataset } from '../src/data/dataset';
import type { Instances } from '../src/geometry/instances';
import { rleFromString } from '../src/geometry/rle';
import { evaluateCoco } from '../src/metrics/coco/evaluate';
import { writePortableModel } from '../src/models/weights/portable';
import { loadModel } from '../src/runs/load_model';
import { loadValidationSet, predictSet } from '../src/training/validation';

interface Result {
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  readonly bbox: readonly [number, number, number, number];
  readonly segmentation: { readonly size: [number, number]; readonly counts: string };
}

async function main(run: string, data: string, images: number): Promise<void> {
  const python = peerPython('torchvision');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'roundtrip-'));
  const file = path.join(folder, 'model.safetensors');
  const { model, about } = loadModel(run);
  writePortableModel(file, model, about);
  const dataset = await openDataset(data);
  const ids = dataset.ids.slice(-images);
  const set = await loadValidationSet(dataset, ids);
  const ours = await predictSet(model, set.samples, about.scale);
  fs.writeFileSync(path.join(folder, 'ids.json'), JSON.stringify(ids));
  const reference = path.resolve(__dirname, '..', '..', 'tests', 'fixtures', 'parity');
  const script = path.resolve(__dirname, '..', '..', 'bench', 'peers', 'torchvision_predict.py');
  execFileSync(
    python,
    [script, file, data, path.join(folder, 'theirs.json'), path.join(folder, 'ids.json')],
    {
      env: { CYTOBENCH_REFERENCE: reference, ...process.env },
      stdio: 'inherit',
    },
  );
  const results = JSON.parse(fs.readFileSync(path.join(folder, 'theirs.json'), 'utf8')) as Result[];
  const theirs = ids.map((id, i) =>
    toInstances(
      results.filter((r) => r.image_id === dataset.ids.indexOf(id) + 1),
      ours[i],
    ),
  );
  const options = { classes: about.classes.length, maxDets: 300 };
  const scores = [ours, theirs].map(
    (predictions) => evaluateCoco(set.groundTruth, predictions, options).AP50,
  );
  const { px, unmatched } = compare(ours, theirs);
  process.stdout.write(
    `${JSON.stringify({ images: ids.length, detections: ours.map((p) => p.scores.length), ap50: scores, px, unmatched })}\n`,
  );
  fs.rmSync(folder, { recursive: true });
  model.dispose();
}

function toInstances(results: readonly Result[], { height, width }: Instances): Instances {
  return {
    height,
    width,
    boxes: Float32Array.from(results.flatMap(({ bbox: [x, y, w, h] }) => [x, y, x + w, y + h])),
    scores: Float32Array.from(results, ({ score }) => score),
    labels: Int32Array.from(results, ({ category_id }) => category_id),
    masks: results.map(({ segmentation }) => rleFromString(segmentation.counts, segmentation.size)),
  };
}

/** Boxes of one class matched by nearest corner; the largest difference of those within 1 px, and the share of others. */
function compare(a: readonly Instances[], b: readonly Instances[]): { px: number; unmatched: number } {
  let [px, missing, total] = [0, 0, 0];
  a.forEach((ours, n) => {
    for (let i = 0; i < ours.labels.length; i++) {
      let best = Number.POSITIVE_INFINITY;
      for (let j = 0; j < b[n].labels.length; j++) {
        if (b[n].labels[j] !== ours.labels[i]) continue;
        let worst = 0;
        for (let c = 0; c < 4; c++)
          worst = Math.max(worst, Math.abs(ours.boxes[i * 4 + c] - b[n].boxes[j * 4 + c]));
        best = Math.min(best, worst);
      }
      total++;
      if (best > 1) missing++;
      else px = Math.max(px, best);
    }
  });
  return { px, unmatched: missing / Math.max(total, 1) };
}

main(process.argv[2], process.argv[3], Number(process.argv[4] ?? 4));
