import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openDataset } from '../../src/data/dataset';
import { writeDatasetInfo } from '../../src/data/dataset_info';
import { extractInstances } from '../../src/data/extract_instances';
import { writeTiff } from '../../src/data/formats/tiff/write_tiff';
import { recordToSample } from '../../src/data/record';
import { itWithShared, sharedPath, withTemporaryFolder } from '../support';

describe('extractInstances', () => {
  it('finds box, area and mask of each value, connected or not, in order of the values', () => {
    // Drawn by hand: value 9 is in two pieces, value 3 touches it.
    const rows = ['9903', '9333', '0009'];
    const map = Uint16Array.from(rows.join('').split(''), Number);
    const { values, areas, masks, small } = extractInstances(map, 3, 4, 1);
    assert.deepEqual([...values], [3, 9]);
    assert.deepEqual([...areas], [4, 4]);
    assert.equal(small, 0);
    assert.deepEqual(
      { ...masks[0], data: [...masks[0].data] },
      { x: 1, y: 0, width: 3, height: 2, data: [0, 0, 1, 1, 1, 1] },
    );
    assert.deepEqual([...masks[1].data], [1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('leaves out what is under the minimum size, over 5 px unless set, and counts it', () => {
    const map = Int32Array.from([
      1, 1, 1, 1, 1, 0, 2_000_000_000, 2_000_000_000, 2_000_000_000, 2_000_000_000, 2_000_000_000,
      2_000_000_000,
    ]);
    const found = extractInstances(map, 2, 6);
    assert.deepEqual([...found.values], [2_000_000_000]);
    assert.equal(found.small, 1);
    assert.equal(extractInstances(map, 2, 6, 1).values.length, 2);
  });

  it('takes an empty map as normal', () => {
    assert.equal(extractInstances(new Uint16Array(12), 3, 4).values.length, 0);
  });
});

describe('openDataset', () => {
  it('lists ids in code-unit order, reads dataset.json, keeps overlapping classes and ignore regions', async () => {
    await withTemporaryFolder(async (dir) => {
      const size = { width: 4, height: 3 };
      for (const id of ['b', 'B', 'a10', 'a2']) {
        writeTiff(path.join(dir, id, 'image.tif'), new Uint8Array(36).fill(id.charCodeAt(0)), {
          ...size,
          channels: 3,
        });
        writeTiff(
          path.join(dir, id, 'class3.tif'),
          Uint16Array.from([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]),
          size,
        );
      }
      writeTiff(
        path.join(dir, 'b', 'class1.tif'),
        Float64Array.from([7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]),
        size,
      );
      writeTiff(
        path.join(dir, 'b', 'ignore.tif'),
        Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        size,
      );
      writeDatasetInfo(dir, {
        classes: ['x', 'y', 'z'],
        pixelSize: 0.25,
        channelOrder: 'bgr',
        groups: { b: 'p1' },
      });
      const dataset = await openDataset(dir);
      // Code units: upper case before lower case, "1" before "2".
      assert.deepEqual(dataset.ids, ['B', 'a10', 'a2', 'b']);
      assert.deepEqual(
        [dataset.classes, dataset.pixelSize, dataset.channelOrder, dataset.groups.b],
        [['x', 'y', 'z'], 0.25, 'bgr', 'p1'],
      );
      const record = await dataset.load('b');
      assert.equal(record.image[0], 'b'.charCodeAt(0));
      assert.equal(record.labelMaps[1], null);
      const sample = recordToSample(record);
      assert.deepEqual([...sample.labels], [1, 3]);
      assert.deepEqual([...sample.boxes], [0, 0, 4, 3, 0, 0, 2, 3]);
      assert.deepEqual(
        sample.ignore.map(({ x, y }) => [x, y]),
        [[3, 0]],
      );
      await assert.rejects(dataset.load('a3'), { message: /no image "a3", did you mean "a2"/ });
    });
  });

  it('opens a folder of unlabelled images', async () => {
    await withTemporaryFolder(async (dir) => {
      writeTiff(path.join(dir, 'one.tif'), new Uint8Array(12), { width: 2, height: 2, channels: 3 });
      fs.writeFileSync(path.join(dir, 'notes.txt'), 'no image');
      const dataset = await openDataset(dir);
      assert.deepEqual([dataset.ids, dataset.labelled, dataset.classes], [['one'], false, []]);
      assert.equal(recordToSample(await dataset.load('one')).labels.length, 0);
    });
  });

  it('refuses a key of dataset.json that it does not know, naming the nearest', async () => {
    await withTemporaryFolder(async (dir) => {
      writeTiff(path.join(dir, 'a', 'image.tif'), new Uint8Array(12), { width: 2, height: 2, channels: 3 });
      fs.writeFileSync(path.join(dir, 'dataset.json'), '{"chanelOrder": "bgr"}');
      await assert.rejects(openDataset(dir), {
        message: /unknown key "chanelOrder", did you mean "channelOrder"/,
      });
    });
  });

  itWithShared(
    'loads the real HW3 image: 2 epithelial cells and 159 lymphocytes of known sizes',
    async () => {
      // Counted independently with geotiff.js and a set of values; areas are sums over pixels.
      const dataset = await openDataset(sharedPath('data', 'hw3-sample'));
      const record = await dataset.load('hw3-sample');
      assert.deepEqual([record.width, record.height, dataset.classes.length], [482, 397, 2]);
      const areas = record.labelMaps.map((map) => {
        if (!map) throw new Error('both classes occur');
        return [...extractInstances(map, record.height, record.width, 1).areas].sort((a, b) => a - b);
      });
      assert.deepEqual(areas[0], [367, 440]);
      const [lymphocytes] = areas.slice(1);
      assert.equal(lymphocytes.length, 159);
      assert.deepEqual([lymphocytes[0], lymphocytes[79], lymphocytes[158]], [131, 298, 487]);
      assert.equal(
        lymphocytes.reduce((sum, area) => sum + area, 0),
        48177,
      );
      assert.equal(recordToSample(record).labels.length, 161);
    },
  );

  itWithShared('counts every cell of CoNSeP as its index does, in ten images', async () => {
    const index = JSON.parse(fs.readFileSync(sharedPath('data', 'consep', 'index.json'), 'utf8')) as {
      images: { id: string; n: Record<string, number> }[];
    };
    const dataset = await openDataset(sharedPath('data', 'consep', 'train'));
    assert.equal(dataset.ids.length, 108);
    for (const id of dataset.ids.filter((_, i) => i % 11 === 0)) {
      const counts: Record<string, number> = {};
      for (const label of recordToSample(await dataset.load(id), 1).labels)
        counts[`class${label}`] = (counts[`class${label}`] ?? 0) + 1;
      assert.deepEqual(counts, index.images.find((image) => image.id === id)?.n, id);
    }
  });
});
