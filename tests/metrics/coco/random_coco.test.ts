import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { recomputeCocoGolden } from '../../../src/parity/coco';
import { fixturePath } from '../../support';

describe('COCO evaluation of random datasets', () => {
  // Numbers of pycocotools 2.0.11: bench/peers/random_coco.py 1000 40 small. Seeds 0 to 999 of the full size have
  // been compared by bench/random_coco.ts: no difference over 2e-15.
  const lines = fs.readFileSync(fixturePath('random_coco.jsonl'), 'utf8').trim().split('\n');

  it('agrees with pycocotools on 40 datasets: polygons, crowds, ties, absent classes, empty images', () => {
    assert.equal(lines.length, 40);
    let [crowds, polygons, boxless, emptyImages] = [0, 0, 0, 0];
    for (const line of lines) {
      const golden = JSON.parse(line) as Record<string, unknown>;
      const { images, annotations } = golden.dataset as Record<string, Record<string, unknown>[]>;
      const detections = golden.detections as Record<string, unknown>[];
      crowds += annotations.filter(({ iscrowd }) => iscrowd === 1).length;
      polygons += annotations.filter(({ segmentation }) => Array.isArray(segmentation)).length;
      boxless += detections[0].bbox === undefined ? 1 : 0;
      emptyImages += images.filter(({ id }) => annotations.every(({ image_id }) => image_id !== id)).length;
      const wrong = recomputeCocoGolden(golden).filter(({ ok }) => !ok);
      assert.deepEqual(wrong, [], `seed ${golden.seed}`);
    }
    // The comparison is worth what the datasets hold.
    for (const count of [crowds, polygons, boxless, emptyImages])
      assert(count >= 8, String([crowds, polygons, boxless, emptyImages]));
  });
});
