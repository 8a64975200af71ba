import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describeError, nearestName, UsageError } from '../../src/core/errors';
import { readJson, writeFileAtomic, writeJson } from '../../src/core/files';
import { withTemporaryFolder } from '../support';

describe('core/files', () => {
  it('writes whole files into folders that do not exist yet', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'a', 'b.json');
      writeJson(file, { x: [1, 2] });
      assert.deepEqual(readJson(file), { x: [1, 2] });
      assert.deepEqual(fs.readdirSync(path.dirname(file)), ['b.json']);
    }));

  it('leaves the old file and nothing else when writing fails', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'kept.txt');
      writeFileAtomic(file, 'old');
      const broken = { byteLength: 4 } as unknown as Uint8Array;
      assert.throws(() => writeFileAtomic(file, [Buffer.from('new'), broken]));
      assert.equal(fs.readFileSync(file, 'utf8'), 'old');
      assert.deepEqual(fs.readdirSync(folder), ['kept.txt']);
    }));

  it('says in one line what is wrong with a file', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'bad.json');
      fs.writeFileSync(file, '{ "a": ');
      assert.throws(
        () => readJson(file),
        (error) => /^.*bad\.json: not valid JSON/.test(describeError(error)),
      );
      assert.throws(() => readJson(path.join(folder, 'none.json')), /no such file/);
    }));
});

describe('core/errors', () => {
  it('describes an error with place and remedy', () => {
    const error = new UsageError('no such thing', { where: 'x.tif', fix: 'Look again.' });
    assert.equal(describeError(error), 'x.tif: no such thing.\n  Look again.');
    assert.equal(error.exitCode, 2);
  });

  it('finds the nearest name, and none where nothing is near', () => {
    assert.equal(nearestName('quickstrt', ['baseline', 'quickstart']), 'quickstart');
    assert.equal(nearestName('zzzzzz', ['baseline', 'quickstart']), undefined);
  });
});
