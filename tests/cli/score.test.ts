import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fixturePath, ROOT, withTemporaryFolder } from '../support';

function score(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [path.join(ROOT, 'dist', 'src', 'cli', 'main.js'), 'score', ...args], {
    encoding: 'utf8',
  });
}

describe('cytobench score', () => {
  // The first of pycocotools' datasets: bench/peers/random_coco.py 1000 40 small.
  const [line] = fs.readFileSync(fixturePath('random_coco.jsonl'), 'utf8').split('\n');
  const golden = JSON.parse(line);

  it("prints pycocotools' numbers, classes by category id", async () => {
    await withTemporaryFolder((folder) => {
      const [gt, dt] = ['gt.json', 'dt.json'].map((name) => path.join(folder, name));
      fs.writeFileSync(gt, JSON.stringify(golden.dataset));
      fs.writeFileSync(dt, JSON.stringify(golden.detections));
      for (const type of ['segm', 'bbox']) {
        const { stdout, status } = score('--annotations', gt, '--detections', dt, '--type', type, '--json');
        assert.equal(status, 0);
        const found = JSON.parse(stdout);
        const expected = golden.eval[`${type}@100`];
        for (const key of ['AP', 'AP50', 'AP75', 'AR', 'APsmall', 'APmedium', 'APlarge'])
          assert(Math.abs(found[key] - expected[key]) < 1e-9, `${type} ${key}`);
        assert.deepEqual(Object.keys(found.perClass), Object.keys(expected.perClass));
        assert.equal(found.maxDets, 100);
      }
      const { stdout } = score('--annotations', gt, '--detections', dt);
      assert.match(stdout, /at most 100 detections counted per image and class/);
    });
  });

  it('ends with 1 and one line for wrong input, with 2 for wrong usage', async () => {
    await withTemporaryFolder((folder) => {
      const [gt, dt] = ['gt.json', 'dt.json'].map((name) => path.join(folder, name));
      fs.writeFileSync(gt, JSON.stringify(golden.dataset));
      fs.writeFileSync(dt, JSON.stringify([{ ...golden.detections[0], image_id: 12345 }]));
      const wrong = score('--annotations', gt, '--detections', dt, '--json');
      assert.deepEqual([wrong.status, wrong.stdout], [1, '']);
      assert.match(wrong.stderr, /^cytobench: .*dt\.json: result 1, unknown image id 12345\n$/);
      assert.equal(score('--detections', dt).status, 2);
      assert.equal(score('--annotations', gt, '--detections', dt, '--max-dets', '0').status, 2);
    });
  });
});
