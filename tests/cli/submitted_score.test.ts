import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { networkOf } from '../../src/config/schema';
import { createRng } from '../../src/core/rng';
import { openDataset } from '../../src/data/dataset';
import { cocoResults } from '../../src/data/exporters/coco';
import { score } from '../../src/evaluation/evaluate';
import { SUBMISSION_FILE, zipResults } from '../../src/evaluation/submit';
import type { Instances } from '../../src/geometry/instances';
import { encodeCropMask } from '../../src/geometry/rle';
import type { PortableModel } from '../../src/models/weights/portable';
import { loadValidationSet } from '../../src/training/validation';
import { ROOT, withTemporaryFolder } from '../support';

const cytobench = (...args: string[]) => {
  const main = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
  const result = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  return JSON.parse(result.stdout);
};

describe('the score of a submission', function () {
  this.timeout(60_000);

  it('is the number that evaluate gives', () =>
    withTemporaryFolder(async (folder) => {
      const data = path.join(folder, 'data');
      cytobench('data', 'synth', data, '--images', '5', '--size', '180x140', '--seed', '11', '--json');
      const dataset = await openDataset(data);
      const set = await loadValidationSet(dataset, dataset.ids);
      const rng = createRng('submitted');
      // Cells moved by up to three pixels, some of another class, some not found: nothing is 0 or 1.
      const predictions = set.samples.map(({ height, width, labels, masks }): Instances => {
        const rows = [...labels.keys()].filter(() => rng.chance(0.85));
        const moved = rows.map((i) => {
          const mask = {
            ...masks[i],
            x: masks[i].x + rng.integer(-3, 4),
            y: masks[i].y + rng.integer(-3, 4),
          };
          return { mask, box: [mask.x - 0.3, mask.y, mask.x + mask.width + 0.1, mask.y + mask.height] };
        });
        return {
          height,
          width,
          boxes: Float32Array.from(moved.flatMap(({ box }) => box)),
          scores: Float32Array.from(rows, () => rng.uniform(0.3, 1)),
          labels: Int32Array.from(rows, (i) =>
            rng.chance(0.8) ? labels[i] : 1 + rng.integer(0, dataset.classes.length),
          ),
          masks: moved.map(({ mask }) => encodeCropMask(mask, height, width)),
        };
      });
      const about = {
        classes: dataset.classes,
        thresholds: dataset.classes.map(() => 0.5),
        config: networkOf('efficientnet_lite0_fpn'),
      } as unknown as PortableModel;
      const evaluated = score(about, set, predictions, {});
      const zip = zipResults(predictions.flatMap((instances, i) => cocoResults(i + 1, instances)));
      const results = path.join(folder, SUBMISSION_FILE);
      fs.writeFileSync(results, strFromU8(unzipSync(zip)[SUBMISSION_FILE]));
      const scored = cytobench('score', '--data', data, '--detections', results, '--json');
      for (const key of ['AP', 'AP50', 'AP75', 'AR'] as const) {
        assert.ok(evaluated.segm[key] > 0.05 && evaluated.segm[key] < 0.95, `${key} ${evaluated.segm[key]}`);
        assert.ok(Math.abs(scored[key] - evaluated.segm[key]) < 1e-12, key);
      }
      for (const key of ['pq', 'aji', 'f1'] as const)
        assert.ok(Math.abs(scored[key] - (evaluated.cells[key] as number)) < 1e-12, key);
      const boxes = cytobench('score', '--data', data, '--detections', results, '--type', 'bbox', '--json');
      assert.ok(Math.abs(boxes.AP50 - evaluated.bbox.AP50) < 1e-12);
    }));
});
