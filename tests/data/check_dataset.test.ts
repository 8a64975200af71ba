import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { checkDataset } from '../../src/data/check_dataset';
import { writeDatasetInfo } from '../../src/data/dataset_info';
import { itWithShared, ROOT, sharedPath, withTemporaryFolder } from '../support';
import { DAMAGES, writeSound } from './damage';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');

describe('data check', () => {
  it('finds nothing in a sound data set, and counts it', async () => {
    await withTemporaryFolder(async (dir) => {
      writeSound(dir);
      const check = await checkDataset(dir);
      assert.deepEqual(check.problems, []);
      assert.equal(check.ok, true);
      // 40 and 60 pixels in each of two images: the median is their mean.
      assert.deepEqual(check.classes, { class1: { images: 2, instances: 4, areaMedian: 50, small: 0 } });
    });
  });

  for (const { name, file, problem, make } of DAMAGES)
    it(`reports ${name} in one line naming the file`, async () => {
      await withTemporaryFolder(async (dir) => {
        writeSound(dir);
        await make(dir);
        const before = process.memoryUsage().rss;
        const check = await checkDataset(dir);
        assert.equal(check.ok, false);
        assert.deepEqual(
          check.problems.map((found) => path.relative(dir, found.file)),
          [file],
        );
        assert.match(check.problems[0].problem, problem);
        assert.doesNotMatch(check.problems[0].problem, /\n| at .*\.js:/);
        assert.ok(process.memoryUsage().rss - before < 1e9, 'more than 1 GB');
      });
    });

  it('lists every problem of a folder, exits 1, prints no stack trace, and stays under 1 GB', async () => {
    await withTemporaryFolder(async (dir) => {
      // The damages that would cost time or memory if they were not caught; the rest ran above, in this process.
      const costly = DAMAGES.filter(({ name }) => /truncated|claims|swells|loop/.test(name));
      assert.equal(costly.length, 5);
      for (const [i, { name, make }] of costly.entries()) {
        const part = path.join(dir, `part${i}`);
        writeSound(part);
        await make(part);
        const call = `['data', 'check', ${JSON.stringify(part)}, '--json']`;
        const memory = JSON.stringify(path.join(ROOT, 'dist', 'src', 'core', 'process.js'));
        const report = `process.stderr.write(JSON.stringify({ code, rss: 1024 * require(${memory}).peakRssMb() }))`;
        const script = `require(${JSON.stringify(MAIN)}).main(${call}).then((code) => ${report})`;
        const run = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20000 });
        const answer = JSON.parse(run.stdout) as { ok: boolean; problems: unknown[] };
        assert.deepEqual([answer.ok, answer.problems.length], [false, 1], name);
        const { code, rss } = JSON.parse(run.stderr) as { code: number; rss: number };
        assert.equal(code, 1);
        assert.ok(rss < 1e6, `${name}: ${rss} kB`);
      }
    });
  });

  it('goes on behind the first problem', async () => {
    await withTemporaryFolder(async (dir) => {
      writeSound(dir);
      const chosen = DAMAGES.filter(({ name }) =>
        /^(a truncated file|an all-zero mask|a class number)/.test(name),
      );
      for (const { make } of chosen) await make(dir);
      const found = (await checkDataset(dir)).problems.map(({ file }) => path.relative(dir, file)).sort();
      // class9 is a copy of the all-zero mask or of the sound one, by the order of the list.
      assert.deepEqual([...new Set(found)], ['one/class1.tif', 'one/class9.tif', 'one/image.tif']);
    });
  });

  it('reports a class number over the names of dataset.json, and groups of images that are not there', async () => {
    await withTemporaryFolder(async (dir) => {
      writeSound(dir);
      writeDatasetInfo(dir, { classes: ['cell'], groups: { one: 'a', three: 'a' } });
      const { problems, classes } = await checkDataset(dir);
      assert.deepEqual(Object.keys(classes), ['cell']);
      assert.match(problems[0].problem, /there is no image "three"/);
    });
  });

  itWithShared('sees the blue order of the HW3 sample, and no fault in CoNSeP', async () => {
    const hw3 = await checkDataset(sharedPath('data', 'hw3-sample'));
    assert.deepEqual([hw3.ok, hw3.problems], [true, []]);
    assert.match(hw3.notes.at(-1)?.note ?? '', /red and blue look swapped.*"channelOrder": "bgr"/);
    const consep = await checkDataset(sharedPath('data', 'consep', 'train'));
    assert.deepEqual([consep.problems, consep.notes], [[], []]);
    // Totals of the set's own index.
    const counts = Object.values(consep.classes).map(({ images, instances }) => [images, instances]);
    assert.deepEqual(counts, [
      [51, 5772],
      [81, 4032],
      [97, 5871],
      [46, 373],
    ]);
  });
});
