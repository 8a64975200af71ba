import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { OutputFolder } from '../../src/core/output_folder';
import { withTemporaryFolder } from '../support';

const put = (file: string, text: string): void => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
};
const names = (dir: string): string[] =>
  fs
    .readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.statSync(path.join(dir, name)).isFile() && !name.startsWith('.'))
    .sort();

describe('a folder of output', () => {
  it('holds nothing of an earlier run beside the new', () =>
    withTemporaryFolder((dir) => {
      const first = new OutputFolder(dir);
      put(first.file('labels', 'a', 'class1.tif'), '1');
      put(first.file('labels', 'a', 'class2.tif'), '2');
      put(first.file('cells.csv'), '3');
      const second = new OutputFolder(dir);
      put(second.file('labels', 'a', 'class1.tif'), '4');
      // Until its last file is there a folder says so.
      assert.deepEqual(names(dir), ['UNFINISHED.txt', path.join('labels', 'a', 'class1.tif')]);
      second.finish();
      assert.deepEqual(names(dir), [path.join('labels', 'a', 'class1.tif')]);
      assert.equal(fs.readFileSync(path.join(dir, 'labels', 'a', 'class1.tif'), 'utf8'), '4');
    }));

  it("is refused where it holds a file of a user's, and nothing is removed", () =>
    withTemporaryFolder((dir) => {
      const first = new OutputFolder(dir);
      put(first.file('labels', 'a.tif'), '1');
      first.finish();
      put(path.join(dir, 'labels', 'notes.txt'), 'mine');
      assert.throws(() => new OutputFolder(dir), /holds "labels.notes.txt".*nothing was written/);
      assert.deepEqual(names(dir), [path.join('labels', 'a.tif'), path.join('labels', 'notes.txt')]);
      new OutputFolder(dir, true).finish();
      assert.deepEqual(names(dir), [path.join('labels', 'notes.txt')]);
    }));

  it('removes nothing outside itself, whatever its list says', () =>
    withTemporaryFolder((folder) => {
      const dir = path.join(folder, 'out');
      put(path.join(folder, 'precious.txt'), 'mine');
      put(path.join(dir, '.cytobench-files'), 'title\n../precious.txt\n');
      new OutputFolder(dir);
      assert.equal(fs.readFileSync(path.join(folder, 'precious.txt'), 'utf8'), 'mine');
    }));
});
