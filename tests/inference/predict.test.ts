import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { unzipSync } from 'fflate';
import { networkOf } from '../../src/config/schema';
import { openDataset } from '../../src/data/dataset';
import { extractInstances } from '../../src/data/extract_instances';
import { writeTiff } from '../../src/data/formats/tiff/write_tiff';
import { listInputs } from '../../src/inference/inputs';
import { applyThresholds } from '../../src/inference/postprocess/scores';
import { alignedScale, Predictor } from '../../src/inference/predictor';
import { DEFAULT_VIEWS } from '../../src/inference/test_time_augmentation';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { PredictionWriter } from '../../src/report/prediction_files';
import { tf } from '../../src/runtime/tf';
import { withTemporaryFolder } from '../support';
import { drawn } from './postprocess/helpers';

describe('prediction', function () {
  this.timeout(120_000);

  it('sees a large image in tiles, a small one whole, and leaves no tensor', () => {
    const base = networkOf('efficientnet_lite0_fpn');
    const model = new MaskRcnn({ ...base, numClasses: 3, box: { ...base.box, scoreThreshold: 0 } });
    const before = tf.memory().numTensors;
    const predictor = new Predictor(model);
    const picture = (side: number) => ({
      height: side,
      width: side,
      image: new Uint8Array(side * side * 3).map((_, i) => (i * 7919) % 251),
    });
    const whole = predictor.predict(picture(96));
    assert.equal(whole.tiles, 1);
    assert.deepEqual(
      whole.instances.scores,
      model.detect([picture(96)])[0].scores,
      'under the model’s own limits',
    );
    const tiled = predictor.predict(picture(192), { tile: 128, overlap: 64, scale: 1 });
    assert.equal(tiled.tiles, 4);
    assert.deepEqual([tiled.instances.height, tiled.instances.width], [192, 192]);
    for (const { size } of tiled.instances.masks) assert.deepEqual([...size], [192, 192]);
    assert.equal(tf.memory().numTensors, before);
    model.dispose();
  });

  it('computes no masks of what its threshold drops, and answers the same', () => {
    const base = networkOf('efficientnet_lite0_fpn');
    const model = new MaskRcnn({ ...base, numClasses: 3, box: { ...base.box, scoreThreshold: 0.02 } });
    const computed: number[] = [];
    const detect = model.detect.bind(model);
    model.detect = (...args) => {
      const found = detect(...args);
      computed.push(found[0].labels.length);
      return found;
    };
    const predictor = new Predictor(model);
    const side = 192;
    const picture = {
      height: side,
      width: side,
      image: new Uint8Array(side * side * 3).map((_, i) => (i * 7919) % 251),
    };
    for (const pieces of [{ tile: undefined }, { tile: 128, overlap: 64, scale: 1 }]) {
      const all = predictor.predict(picture, pieces).instances;
      const threshold = all.scores[Math.floor(all.scores.length / 4)];
      computed.length = 0;
      const { instances } = predictor.predict(picture, { ...pieces, refine: { threshold } });
      assert.ok(instances.labels.length > 0);
      assert.deepEqual(instances, applyThresholds(all, threshold));
      if (pieces.tile) continue;
      assert.deepEqual(computed, [instances.labels.length]);
      predictor.predict(picture, { views: DEFAULT_VIEWS.slice(0, 1), refine: { threshold } });
      assert.equal(computed[1], all.labels.length, 'what views see is merged before the threshold');
    }
    model.dispose();
  });

  it('begins tiles where the whole image has its anchors, whatever the scaling', () => {
    assert.deepEqual(alignedScale(1.6), { scale: 1.6, align: 80 });
    assert.deepEqual(alignedScale(1), { scale: 1, align: 128 });
    assert.deepEqual(alignedScale(1.28), { scale: 1.28, align: 100 });
    for (let asked = 0.5; asked <= 2; asked += 0.013) {
      const { scale, align } = alignedScale(asked);
      assert.ok(
        Number.isInteger(align) && Math.abs((align * scale) / 128 - Math.round((align * scale) / 128)) < 1e-9,
      );
      assert.ok(Math.abs(scale / asked - 1) < 0.004, `${asked}: ${scale}`);
    }
  });

  it('names inputs apart and refuses what is none', () =>
    withTemporaryFolder(async (folder) => {
      const put = (...parts: string[]): string => {
        const file = path.join(folder, ...parts);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        writeTiff(file, new Uint8Array(12), { width: 2, height: 2, channels: 3 });
        return file;
      };
      const files = [put('a', 'one.tif'), put('b', 'one.tif'), put('set', 'tile', 'image.tif')];
      put('loose', 'x.tif');
      put('loose', 'y.tif');
      const inputs = await listInputs([...files, path.join(folder, 'loose'), files[0]]);
      assert.deepEqual(
        inputs.map(({ id }) => id),
        ['a_one.tif', 'b_one.tif', 'tile', 'x', 'y'],
      );
      await assert.rejects(() => listInputs([path.join(folder, 'none')]), /no such file or folder/);
      const text = path.join(folder, 'notes.txt');
      fs.writeFileSync(text, '');
      await assert.rejects(() => listInputs([text]), /is no image/);
    }));
});

describe('prediction files', () => {
  const cells = drawn(
    ['###... #.#... ###... ...... ....#. .....#', '...... .###.. .###.. .###.. ...... ......'],
    [0.75, 0.5],
    [2, 1],
  );
  const predicted = {
    id: 'tile',
    fileName: 'tile.tif',
    height: 6,
    width: 6,
    image: new Uint8Array(108).fill(200),
    channelOrder: 'rgb' as const,
    pixelSize: 0.5,
    instances: cells,
  };

  it('hold the same cells in every format', () =>
    withTemporaryFolder(async (folder) => {
      const writer = new PredictionWriter(folder, ['coco', 'labels', 'geojson', 'csv'], ['a', 'b,c']);
      await writer.add(predicted);
      writer.finish();
      const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');
      const results = JSON.parse(read('results.json'));
      // 3 + 2 + 3 + 1 + 1 pixels; counts by hand: columns of 3, 2 ones at rows 0 and 2, …
      assert.deepEqual(results[0].bbox, [0, 0, 6, 6]);
      assert.deepEqual(
        [results[0].image_id, results[0].category_id, results[0].score, results[0].segmentation.size],
        [1, 2, 0.75, [6, 6]],
      );
      assert.deepEqual(JSON.parse(read('ids.json')), [{ file_name: 'tile.tif', id: 1, height: 6, width: 6 }]);
      const [header, first] = read('cells.csv').split('\n');
      assert.match(header, /^image,cell,class,score,x,y,area,/);
      assert.match(first, /^tile,1,"b,c",0\.75,1\.7,1\.7,10,/);
      assert.equal(read('images.csv'), 'image,height,width,cells,a,"b,c"\ntile,6,6,2,1,1\n');
      const dataset = await openDataset(path.join(folder, 'labels'));
      assert.deepEqual(dataset.classes, ['a', 'b,c']);
      const { labelMaps } = await dataset.load('tile');
      const [a, b] = labelMaps.map((map) => extractInstances(map ?? new Uint16Array(36), 6, 6, 1));
      // The pixels that both cover belong to the higher score: 10 of b, 9 - 3 of a.
      assert.deepEqual([[...a.areas], [...b.areas]], [[6], [10]]);
    }));

  it('say which cells a label image does not show, and hold them elsewhere', () =>
    withTemporaryFolder(async (folder) => {
      // The second cell is within the first, which has the higher score.
      const covered = drawn(
        ['###... ###... ###... ...... ...... ......', '#..... ...... ...... ...... ...... ......'],
        [0.75, 0.5],
        [2, 1],
      );
      // What an earlier prediction left that was killed.
      fs.mkdirSync(path.join(folder, 'labels.unfinished', 'stale'), { recursive: true });
      const writer = new PredictionWriter(folder, ['labels', 'imagej', 'geojson'], ['a', 'b']);
      await writer.add({ ...predicted, instances: covered });
      writer.finish();
      assert.match(
        writer.notes().join(),
        /labels\/tile: 1 of 2 cells are wholly covered by others of a higher score/,
      );
      const told = JSON.parse(fs.readFileSync(path.join(folder, 'labels-covered.json'), 'utf8'));
      assert.deepEqual(told, [{ id: 'tile', instances: 2, covered: 1 }]);
      const zip = unzipSync(fs.readFileSync(path.join(folder, 'imagej', 'tile_RoiSet.zip')));
      assert.deepEqual(Object.keys(zip), ['00001-b.roi', '00002-a.roi']);
      const { features } = JSON.parse(fs.readFileSync(path.join(folder, 'geojson', 'tile.geojson'), 'utf8'));
      assert.equal(features.length, 2);
    }));

  it('hold GeoJSON rings that are closed, turned the right way, and give back every pixel', () =>
    withTemporaryFolder(async (folder) => {
      const writer = new PredictionWriter(folder, ['geojson'], ['a', 'b,c']);
      await writer.add(predicted);
      const { features } = JSON.parse(fs.readFileSync(path.join(folder, 'geojson', 'tile.geojson'), 'utf8'));
      const [first, second] = features;
      assert.deepEqual([first.geometry.type, second.geometry.type], ['MultiPolygon', 'Polygon']);
      assert.equal(first.properties.objectType, 'detection');
      assert.equal(first.properties.classification.name, 'b,c');
      assert.equal(first.properties.classification.color.length, 3);
      assert.match(first.id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const inside = (rings: [number, number][][], x: number, y: number): boolean =>
        rings.flat(0).reduce((hit, ring) => {
          for (let i = 0; i + 1 < ring.length; i++) {
            const [[x1, y1], [x2, y2]] = [ring[i], ring[i + 1]];
            if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) hit = !hit;
          }
          return hit;
        }, false);
      let pixels = 0;
      for (const part of first.geometry.coordinates as [number, number][][][]) {
        part.forEach((ring, k) => {
          assert.deepEqual(ring[0], ring.at(-1));
          let twice = 0;
          for (let i = 0; i + 1 < ring.length; i++)
            twice += ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
          assert.equal(twice > 0, k === 0);
        });
        for (let y = 0; y < 6; y++) for (let x = 0; x < 6; x++) if (inside(part, x + 0.5, y + 0.5)) pixels++;
      }
      assert.equal(pixels, 10);
    }));
});

describe('images to predict', () => {
  it('of a folder leave out the label images beside them', () =>
    withTemporaryFolder(async (folder) => {
      const pixels = new Uint8Array(4 * 4 * 3);
      for (const name of ['a', 'a_labels', 'b', 'b_cp_masks', 'lonely_labels'])
        writeTiff(path.join(folder, `${name}.tif`), pixels, { width: 4, height: 4, channels: 3 });
      assert.deepEqual(
        (await listInputs([folder])).map(({ id }) => id),
        ['a', 'b', 'lonely_labels'],
      );
    }));
});
