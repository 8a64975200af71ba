import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import sharp from 'sharp';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { AUGMENTATION_LEVELS } from '../../src/data/transforms/transforms';
import { writeDataset } from '../../src/data/write_dataset';
import { previewSheet } from '../../src/report/images';
import { ROOT, withTemporaryFolder } from '../support';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const dataset = syntheticDataset({ images: 3, width: 96, height: 80, seed: 2 });

describe('data preview', () => {
  it('shows each image as it is and its versions, contours in the colours of the classes', async () => {
    const options = { augmentation: AUGMENTATION_LEVELS.none, seed: 0, versions: 1 };
    const { data, info } = await sharp(await previewSheet(dataset, options))
      .raw()
      .toBuffer({ resolveWithObject: true });
    // Three times as large (360 / 96, at most 3): two columns of 96 x 3 and a gap of 10; three rows and the legend.
    assert.deepEqual([info.width, info.height], [2 * (96 * 3 + 10), 3 * (24 + 10 + 80 * 3) + 34]);
    const has = ([r, g, b]: readonly number[], x0: number, x1: number): number => {
      let count = 0;
      for (let p = 0; p < info.width * (info.height - 34); p++) {
        const x = p % info.width;
        const at = p * info.channels;
        if (x >= x0 && x < x1 && data[at] === r && data[at + 1] === g && data[at + 2] === b) count++;
      }
      return count;
    };
    // Contour colours of classes 1 to 3; without augmentation both columns are the same.
    for (const colour of [
      [255, 230, 0],
      [0, 240, 255],
      [0, 224, 138],
    ]) {
      const left = has(colour, 0, 298);
      assert.ok(left > 50, `${colour}: ${left}`);
      assert.equal(has(colour, 298, 596), left);
    }
  });

  it('writes the sheet from the command line and refuses a level it does not know', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'set');
      const out = path.join(folder, 'sheet.png');
      await writeDataset(dir, dataset);
      const call = (level: string): ReturnType<typeof spawnSync> =>
        spawnSync(
          process.execPath,
          [MAIN, 'data', 'preview', dir, '--augmentation', level, '--images', '2', '--out', out, '--json'],
          {
            encoding: 'utf8',
            timeout: 60000,
          },
        );
      const run = call('full');
      assert.equal(run.status, 0, String(run.stderr));
      assert.deepEqual(JSON.parse(String(run.stdout)).ids, ['synth_0000', 'synth_0001']);
      assert.equal((await sharp(out).metadata()).format, 'png');
      const wrong = call('ful');
      assert.equal(wrong.status, 2);
      assert.match(String(wrong.stderr), /did you mean full\?/);
    });
  });
});
