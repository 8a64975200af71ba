// Nothing of a user's is overwritten or deleted: each command that writes where it is told, on a file or folder that is not
// its own.
import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ROOT, withTemporaryFolder } from '../support';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const MINE = 'an afternoon of notes';

/** Commands that write one file, each on a file of the user's. */
const FILES: readonly (readonly string[])[] = [
  ['report', 'RUN', '--out', 'FILE'],
  ['export', 'RUN', '--out', 'FILE'],
  ['submit', 'RUN', '--images', 'DIR', '--ids', 'ids.json', '--out', 'FILE'],
  ['notebook', 'run', 'notebooks/00_quickstart.ipynb', '--out', 'FILE'],
  ['experiment', 'augmentation', '--preset', 'smoke', '--out', 'FILE'],
  ['data', 'preview', 'DIR', '--augmentation', 'basic', '--out', 'FILE'],
  ['data', 'split', 'DIR', '--val', '0.5', '--out', 'FILE'],
  ['data', 'export', 'coco', 'DIR', '--out', 'FILE'],
];

/** Commands that fill a folder, each on a folder of the user's. */
const FOLDERS: readonly (readonly string[])[] = [
  ['demo', '--out', 'DIR'],
  ['train', 'quickstart', '--preset', 'smoke', '--out', 'DIR'],
  ['data', 'synth', 'DIR', '--images', '1', '--size', '32x32'],
  ['data', 'import', 'labels', 'DIR', 'DIR'],
];

function cytobench(args: readonly string[], names: Readonly<Record<string, string>>) {
  const given = args.map((arg) => names[arg] ?? arg);
  return spawnSync(process.execPath, [MAIN, ...given], { encoding: 'utf8', cwd: ROOT });
}

/** What a command says of itself: the runtime's own start-up lines and progress left out. */
const said = (text: string): string[] =>
  text.split('\n').filter((line) => /^(cytobench:| {2})/.test(line) && !/^ {3}/.test(line));

describe("a user's files", function () {
  this.timeout(300_000);

  for (const args of FILES)
    it(`are not overwritten by ${args.slice(0, 2).join(' ')}`, () =>
      withTemporaryFolder((folder) => {
        const file = path.join(folder, 'notes.html');
        fs.writeFileSync(file, MINE);
        const { status, stderr } = cytobench(args, { FILE: file, DIR: folder, RUN: folder });
        assert.notEqual(status, 0);
        assert.match(stderr, /exists, and was not made by cytobench: it is left as it is/);
        assert.ok(said(stderr).length <= 2, stderr);
        assert.equal(fs.readFileSync(file, 'utf8'), MINE);
        assert.deepEqual(fs.readdirSync(folder), ['notes.html']);
      }));

  for (const args of FOLDERS)
    it(`are not overwritten or deleted by ${args.slice(0, 3).join(' ')}`, () =>
      withTemporaryFolder((folder) => {
        const dir = path.join(folder, 'mine');
        fs.mkdirSync(dir);
        fs.writeFileSync(path.join(dir, 'notes.txt'), MINE);
        const { status, stderr } = cytobench(args, { DIR: dir });
        assert.notEqual(status, 0, stderr);
        assert.ok(said(stderr).length <= 2, stderr);
        assert.ok(!stderr.includes('    at '), stderr);
        assert.equal(fs.readFileSync(path.join(dir, 'notes.txt'), 'utf8'), MINE);
        assert.deepEqual(fs.readdirSync(dir), ['notes.txt']);
      }));

  it('are overwritten where --overwrite says so, and what cytobench made always', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'page.html');
      const asked = (...more: string[]) =>
        cytobench(['report', 'no-such-run', '--out', file, ...more], {}).stderr;
      fs.writeFileSync(file, MINE);
      // It then looks for the run, which is not there.
      assert.match(asked('--overwrite'), /no-such-run: is not a run/);
      fs.writeFileSync(file, '<meta name="generator" content="cytobench">');
      assert.match(asked(), /no-such-run: is not a run/);
    }));
});
