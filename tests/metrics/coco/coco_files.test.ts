import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError, describeError } from '../../../src/core/errors';
import { rleBox, rleToString } from '../../../src/geometry/rle';
import { matchCocoResults } from '../../../src/metrics/coco/evaluate';
import { CocoGroundTruth } from '../../../src/metrics/coco/ground_truth';
import { forEachJsonObject } from '../../../src/metrics/coco/json_stream';
import { readCocoResults } from '../../../src/metrics/coco/results';
import { summarizeCoco } from '../../../src/metrics/coco/summary';
import { ROOT, withTemporaryFolder } from '../../support';
import { rectangle } from '../helpers';

const code = (box: [number, number, number, number]) => ({
  size: [20, 20],
  counts: rleToString(rectangle(box)),
});
const groundTruthOf = (annotation: object = {}, dataset: object = {}) => ({
  images: [{ id: 7, height: 20, width: 20 }],
  categories: [{ id: 3, name: 'cell' }],
  annotations: [
    { id: 1, image_id: 7, category_id: 3, segmentation: code([1, 1, 4, 4]), iscrowd: 0, ...annotation },
  ],
  ...dataset,
});
const result = { image_id: 7, category_id: 3, score: 0.5, segmentation: code([1, 1, 4, 4]) };

/** The one line that a result file gives. */
async function complaint(results: string | object[], groundTruth: object = groundTruthOf()): Promise<string> {
  return withTemporaryFolder((folder) => {
    const file = path.join(folder, 'dt.json');
    fs.writeFileSync(file, typeof results === 'string' ? results : JSON.stringify(results));
    try {
      const checked = new CocoGroundTruth(groundTruth, 'gt.json');
      summarizeCoco(matchCocoResults(checked, readCocoResults(file, checked), {}));
    } catch (error) {
      assert(error instanceof DataError, String(error));
      const line = describeError(error);
      assert(!line.includes('\n'), line);
      return line.replace(folder, '');
    }
    return 'fine';
  });
}

describe('COCO files', () => {
  it('are scored: one ground truth, one detection', async () => {
    assert.equal(await complaint([result]), 'fine');
    assert.equal(await complaint([]), 'fine');
    assert.equal(await complaint([{ ...result, segmentation: undefined, bbox: [1, 1, 4, 4] }]), 'fine');
    assert.equal(await complaint([{ ...result, segmentation: [[1, 1, 1, 5, 5, 5, 5, 1]] }]), 'fine');
  });

  it('tell in one line what is wrong with a result, and which', async () => {
    const { counts } = code([1, 1, 4, 4]);
    for (const [change, line] of [
      [{ image_id: 8 }, '/dt.json: result 2, unknown image id 8'],
      [{ category_id: 1 }, '/dt.json: result 2, image 7: unknown category id 1'],
      [{ score: 'high' }, '/dt.json: result 2, image 7: score: expected a number, got "high"'],
      [{ score: null }, '/dt.json: result 2, image 7: score: expected a number, got null'],
      [
        { segmentation: { size: [20, 20], counts: counts.slice(0, -2) } },
        '/dt.json: result 2, image 7: run-length code: expected 400 pixels for a mask of 20 x 20, got 85',
      ],
      [
        { segmentation: { size: [10, 40], counts } },
        '/dt.json: result 2, image 7: segmentation: expected a mask of 20 x 20, got 10 x 40',
      ],
      [{ bbox: [1, 2, 3] }, '/dt.json: result 2, image 7: bbox: expected 4 numbers, got [1,2,3]'],
      [{ segmentation: undefined }, '/dt.json: result 2, image 7: has neither segmentation nor bbox'],
    ] as const)
      assert.equal(await complaint([result, { ...result, ...change }]), line);
  });

  it('tell in one line what is wrong with the text', async () => {
    const text = JSON.stringify(result);
    for (const [file, line] of [
      ['', /the file is cut/],
      ['{"annotations": []}', /expected a JSON list of objects, found "\{"/],
      [`[${text},${text.slice(0, 30)}`, /the file is cut: its list ends inside or after object 1/],
      [`[${text}${text}]`, /object 1 is not valid JSON, or no comma follows it/],
      [`[${text}, 5]`, /found "5" after object 1/],
      [`[${text},${text.replace('0.5', 'NaN')}]`, /object 2 holds NaN, which is not a number/],
      [`[${text},${text.replace('0.5', '0.5.5')}]`, /object 2 is not valid JSON/],
      [`[${text}] x`, /found "x" after object 1/],
    ] as const)
      assert.match(await complaint(file), line);
  });

  it('tell in one line what is wrong with the ground truth', async () => {
    const other = groundTruthOf().annotations[0];
    for (const [groundTruth, line] of [
      [groundTruthOf({ image_id: 9 }), 'gt.json: annotation 1: unknown image id 9'],
      [groundTruthOf({ category_id: 9 }), 'gt.json: annotation 1: unknown category id 9'],
      [groundTruthOf({}, { annotations: [other, other] }), 'gt.json: two annotations have the id 1'],
      [
        groundTruthOf(
          {},
          {
            images: [
              { id: 7, height: 20, width: 20 },
              { id: 7, height: 9, width: 9 },
            ],
          },
        ),
        'gt.json: two images have the id 7',
      ],
      [groundTruthOf({ segmentation: undefined }), 'gt.json: annotation 1 has neither bbox nor segmentation'],
      [
        groundTruthOf({}, { images: 5 }),
        'gt.json: not a COCO ground truth: expected a list of objects under "images"',
      ],
      [
        groundTruthOf({}, { images: [{ id: 7 }] }),
        'gt.json: image 7: expected whole numbers for height and width, got undefined and undefined',
      ],
    ] as const)
      assert.equal(await complaint([result], groundTruth), line);
  });

  it('warn of an annotation with the id 0, and count it as pycocotools does', () => {
    const groundTruth = new CocoGroundTruth(groundTruthOf({ id: 0 }), 'gt.json');
    assert.match(groundTruth.warnings[0], /id 0 never counts as found/);
    assert.equal(groundTruth.image(0, true).zeroId, 0);
  });

  it('take areas from the boxes where the first result has one, else from the masks', async () => {
    await withTemporaryFolder((folder) => {
      const groundTruth = new CocoGroundTruth(groundTruthOf(), 'gt.json');
      const area = (item: object): number => {
        const file = path.join(folder, 'dt.json');
        fs.writeFileSync(file, JSON.stringify([item]));
        return readCocoResults(file, groundTruth).detections(0, false).areas[0];
      };
      assert.equal(area({ ...result, bbox: [0, 0, 9, 9] }), 81);
      assert.equal(area(result), 16);
      assert.deepEqual([...rleBox(rectangle([1, 1, 4, 4]))], [1, 1, 4, 4]);
    });
  });
});

describe('large result files', () => {
  it('[long] are streamed: peak memory under three times their size', async function () {
    this.timeout(120_000);
    await withTemporaryFolder((folder) => {
      const [gt, dt] = ['gt.json', 'dt.json'].map((name) => path.join(folder, name));
      const images = Array.from({ length: 200 }, (_, i) => ({ id: i, height: 20, width: 20 }));
      fs.writeFileSync(gt, JSON.stringify(groundTruthOf({ image_id: 7 }, { images })));
      const descriptor = fs.openSync(dt, 'w');
      const piece = images
        .flatMap(({ id }) =>
          Array.from({ length: 100 }, (_, i) => ({ ...result, image_id: id, score: i / 100 })),
        )
        .map((item) => JSON.stringify(item))
        .join(',');
      for (let i = 0; i < 120; i++) fs.writeSync(descriptor, `${i === 0 ? '[' : ','}${piece}`);
      fs.writeSync(descriptor, ']');
      fs.closeSync(descriptor);
      const { size } = fs.statSync(dt);
      assert(size > 200e6, String(size));
      const program = path.join(ROOT, 'dist', 'bench', 'score_ours.js');
      const { peakRssMb } = JSON.parse(
        execFileSync(process.execPath, [program, gt, dt, 'segm', '100'], { encoding: 'utf8' }),
      ) as { peakRssMb: number };
      assert(peakRssMb * 2 ** 20 < 3 * size, `${peakRssMb} MB for a file of ${Math.round(size / 1e6)} MB`);
    });
  });
});

describe('forEachJsonObject', () => {
  it('reads objects whole wherever the pieces of the file end', async () => {
    await withTemporaryFolder((folder) => {
      const file = path.join(folder, 'x.json');
      // Larger than a piece (1 MB) and with everything that could mislead: brackets, quotes and backslashes in text.
      const items = Array.from({ length: 3000 }, (_, i) => ({
        i,
        text: `"]}{[\\\\" é ${'x\\'.repeat(i % 700)}`,
        list: [{ a: [i] }],
      }));
      for (const space of [undefined, 1]) {
        fs.writeFileSync(file, ` ${JSON.stringify(items, null, space)}\n`);
        const read: unknown[] = [];
        forEachJsonObject(file, (value, index) => {
          assert.equal(index, read.length);
          read.push(value);
        });
        assert.deepEqual(read, items);
      }
    });
  });

  it('names a file that is not there', () => {
    assert.throws(() => forEachJsonObject('/no/such.json', () => {}), /no such file/);
  });
});
