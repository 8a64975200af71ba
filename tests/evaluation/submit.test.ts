import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { cocoResults } from '../../src/data/exporters/coco';
import { writeTiff } from '../../src/data/formats/tiff/write_tiff';
import {
  checkImages,
  checkResults,
  limitDetections,
  readIdList,
  SUBMISSION_FILE,
  zipResults,
} from '../../src/evaluation/submit';
import { rleArea, rleFromString } from '../../src/geometry/rle';
import { drawn } from '../inference/postprocess/helpers';
import { itWithShared, sharedPath, withTemporaryFolder } from '../support';

const entry = { file_name: 'a.tif', id: 1, height: 2, width: 3 };
const other = { ...entry, file_name: 'b.tif', id: 2 };

/** Writes a list and gives the one line it is refused with. */
async function refused(text: string): Promise<string> {
  return await withTemporaryFolder((folder) => {
    const file = path.join(folder, 'ids.json');
    fs.writeFileSync(file, text);
    try {
      readIdList(file);
    } catch (error) {
      const { message } = error as Error;
      assert.doesNotMatch(message, /\n/);
      return message;
    }
    return 'accepted';
  });
}

describe('the id list of a submission', () => {
  const faults: [string, unknown, RegExp][] = [
    ['no list', { images: [entry] }, /expected a list of \{file_name, id, height, width\}/],
    ['an empty list', [], /lists no image/],
    ['an entry that is none', [entry, 7], /entry 2: expected \{file_name/],
    ['a misspelt key', [{ ...entry, heigth: 2 }], /entry 1: unknown key "heigth", did you mean "height"\?/],
    ['a missing key', [{ file_name: 'a.tif', id: 1, height: 2 }], /entry 1: has no width/],
    ['an empty name', [{ ...entry, file_name: '' }], /file_name: expected the name of a file, got ""/],
    ['a name that leads out', [{ ...entry, file_name: '../a.tif' }], /leads out of the folder/],
    ['an id that is text', [{ ...entry, id: '1' }], /id: expected a whole number, got "1"/],
    ['a fraction as id', [{ ...entry, id: 1.5 }], /id: expected a whole number, got 1.5/],
    ['a height of 0', [{ ...entry, height: 0 }], /height: expected a number of pixels, got 0/],
    ['no width', [{ ...entry, width: null }], /width: expected a number of pixels, got null/],
    ['an id twice', [entry, { ...other, id: 1 }], /entry 2: id 1 is that of entry 1/],
    ['a file twice', [entry, { ...entry, id: 2 }], /entry 2: file_name "a.tif" is that of entry 1/],
  ];
  for (const [name, list, message] of faults)
    it(`is refused for ${name}`, async () => assert.match(await refused(JSON.stringify(list)), message));

  it('is refused for NaN, and names the number of faults', async () => {
    assert.match(await refused('[{"file_name":"a.tif","id":NaN,"height":2,"width":3}]'), /not valid JSON/);
    assert.match(await refused(JSON.stringify([{}, {}, {}])), /entry 1: has no file_name \(and 2 more\)/);
    assert.equal(await refused(JSON.stringify([entry, other])), 'accepted');
  });
});

describe('the images of a submission', () => {
  it('are all there, readable and of the listed size', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'a.tif');
      writeTiff(file, new Uint8Array(18), { width: 3, height: 2, channels: 3 });
      fs.writeFileSync(path.join(folder, 'unasked.png'), '');
      assert.deepEqual(await checkImages(folder, [entry]), ['unasked.png']);
      const fails = (list: (typeof entry)[], message: RegExp, dir = folder): Promise<void> =>
        assert.rejects(() => checkImages(dir, list), message);
      await fails([{ ...entry, file_name: 'a.tiff' }], /has no image "a.tiff"; did you mean "a.tif"\?/);
      await fails([{ ...entry, height: 3, width: 2 }], /a.tif is 3 x 2 pixels, the id list says 2 x 3/);
      await fails([entry], /no such folder/, path.join(folder, 'none'));
      fs.truncateSync(file, 6);
      await fails([entry], /a.tif: /);
    }));
});

describe('the results of a submission', () => {
  const cells = drawn(['##. ...', '..# ..#', '... .#.'], [0.5, 0.9, 0.7], [1, 2, 1]);
  const results = cocoResults(1, cells);
  const broken =
    (change: object): (() => void) =>
    () =>
      checkResults([{ ...results[0], ...change }], [entry], 2);

  it('are checked as a stranger would', () => {
    assert.doesNotThrow(() => checkResults(results, [entry], 2));
    assert.throws(broken({ image_id: 9 }), /result 1: image_id 9 is not in the id list/);
    assert.throws(broken({ category_id: 3 }), /category_id: expected 1..2, got 3/);
    assert.throws(broken({ score: Number.NaN }), /score: expected a number from 0 to 1, got NaN/);
    assert.throws(broken({ bbox: [0, 0, Number.NaN, 1] }), /bbox: expected four numbers/);
    assert.throws(broken({ segmentation: { size: [3, 2], counts: '06' } }), /expected a mask of 2 x 3/);
    assert.throws(broken({ segmentation: { size: [2, 3], counts: '~' } }), /run-length code/);
  });

  it('keep the best of each class', () => {
    assert.deepEqual([...limitDetections(cells, 1).labels], [2, 1]);
    assert.deepEqual(
      [...limitDetections(cells, 1).scores].map((v) => Math.round(v * 10)),
      [9, 7],
    );
  });

  it('come out of the zip as they went in, the same bytes each time', () => {
    const zip = zipResults(results);
    assert.deepEqual(zipResults(results), zip);
    const files = unzipSync(zip);
    assert.deepEqual(Object.keys(files), [SUBMISSION_FILE]);
    const read = JSON.parse(strFromU8(files[SUBMISSION_FILE])) as typeof results;
    assert.deepEqual(read, results);
    assert.deepEqual(
      read.map(({ segmentation }) => rleArea(rleFromString(segmentation.counts, [2, 3]))),
      [2, 2, 1],
    );
  });

  itWithShared('fit the id list and images of CoNSeP’s test split', async () => {
    const list = readIdList(sharedPath('data', 'consep', 'test_image_name_to_ids.json'));
    assert.equal(list.length, 24);
    assert.deepEqual(await checkImages(sharedPath('data', 'consep', 'test_release'), list), []);
  });
});
