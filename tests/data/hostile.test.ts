import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { describeError } from '../../src/core/errors';
import { openImage, readImage } from '../../src/data/formats/image';
import { encodeRoi } from '../../src/data/formats/imagej_roi';
import { jpeg2000Size } from '../../src/data/formats/tiff/image_codecs';
import { encodeTiff } from '../../src/data/formats/tiff/write_tiff';
import { ImportNotes } from '../../src/data/importers/import_dataset';

import { crossesItself, polygonMask } from '../../src/data/importers/shapes';
import { safeName } from '../../src/data/safe_name';
import { listInputs } from '../../src/inference/inputs';
import { csvText } from '../../src/report/cell_table';
import { ROOT, withTemporaryFolder } from '../support';
import {
  handMadeTiff,
  imageFields,
  mask,
  put,
  putImage,
  putTiff,
  rgb,
  runImport,
  size,
  WIDTH,
} from './cases/inputs';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');

describe('names', () => {
  it('become names of files that are fine everywhere, or stay as they are', () => {
    for (const [name, safe] of [
      ['slide 1 (a)', 'slide 1 (a)'],
      ['..', '__'],
      ['.', '_'],
      ['...', '___'],
      ['', '_'],
      ['../../etc/passwd', '__' + '_.._etc_passwd'],
      ['a\0b', 'a_b'],
      ['a\x1b[2Jb', 'a_[2Jb'],
      ['CON', '_CON'],
      ['nul.tif', '_nul.tif'],
      ['a. ', 'a__'],
      ['\u202egnp', '_gnp'],
      ['cafe\u0301', 'caf\u00e9'],
    ])
      assert.equal(safeName(name), safe, JSON.stringify(name));
    // Long names are cut, and stay apart.
    const [a, b] = ['a', 'b'].map((end) => safeName('x'.repeat(300) + end));
    assert.ok(a.length < 100 && a !== b);
  });

  it('never lead out of the folder of an output', async () => {
    await withTemporaryFolder(async (folder) => {
      for (const name of ['...png', '..png', 'con.png']) await putImage(path.join(folder, name));
      const inputs = await listInputs(['...png', '..png', 'con.png'].map((name) => path.join(folder, name)));
      for (const { id } of inputs) {
        assert.equal(path.dirname(path.resolve(folder, id)), path.resolve(folder));
        assert.doesNotMatch(id, /^\.|^con$/);
      }
      const document = {
        images: [{ id: 1, file_name: '../image.png', ...size }],
        categories: [
          { id: 1, name: 'a\x1b[31m' },
          { id: 2, name: 'a_[31m' },
        ],
        annotations: [],
      };
      const src = path.join(folder, 'in');
      await putImage(path.join(src, 'image.png'));
      put(path.join(src, 'ann.json'), JSON.stringify(document));
      const { ids, classes } = await runImport(
        'coco',
        [path.join(src, 'ann.json'), src],
        path.join(folder, 'out'),
      );
      assert.deepEqual([ids, classes], [['image'], ['a_[31m', 'a_[31m 2']]);
      assert.deepEqual(fs.readdirSync(path.join(folder, 'out')).sort(), ['dataset.json', 'image']);
    });
  });

  it('reach a terminal without control characters, and a table without formulas', () => {
    assert.equal(describeError(new Error('a\x1b[31mb\u009bc\u202ed')), 'a?[31mb?c?d');
    assert.deepEqual(['=1+1', '+1', '-1', '@a', 'a=1', 'b,c'].map(csvText), [
      '"\'=1+1"',
      '"\'+1"',
      '"\'-1"',
      '"\'@a"',
      'a=1',
      '"b,c"',
    ]);
  });
});

describe('hostile files', () => {
  /** The most that array buffers took while `work` ran, bytes. */
  async function memoryOf(work: () => Promise<unknown>): Promise<number> {
    const before = process.memoryUsage();
    await work();
    const after = process.memoryUsage();
    return after.arrayBuffers + after.external - before.arrayBuffers - before.external;
  }

  it('of a few bytes that claim gigabytes are refused before memory is taken', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'a.tif');
      const claims: [Buffer, RegExp][] = [
        [
          handMadeTiff(imageFields(8, 1, 1, { 256: [4, [200_000]], 257: [4, [200_000]] }), [Buffer.alloc(9)]),
          /claims 200000 x 200000 pixels/,
        ],
        [
          handMadeTiff(imageFields(8, 1, 1, { 322: [4, [60_000]], 323: [4, [60_000]] }), [Buffer.alloc(9)], {
            tiled: true,
          }),
          /blocks of 60000 x 60000 pixels/,
        ],
        // A code stream that says it is 40,000 pixels wide, in an image of 50.
        [
          handMadeTiff(imageFields(8, 3, 2, { 259: [3, [33005]] }), [codeStream(40_000, 40_000)]),
          /holds an image of 40000 x 40000/,
        ],
      ];
      for (const [bytes, problem] of claims) {
        put(file, bytes);
        assert.ok((await memoryOf(() => assert.rejects(readImage(file), problem))) < 50e6);
      }
      assert.throws(() => jpeg2000Size(codeStream(4000, 4000, 1)), /too many tiles/);
    });
  });

  /** The SIZ segment of JPEG 2000 (ITU-T T.800, A.5.1): three channels of 8 bits. */
  function codeStream(width: number, height: number, tile = width): Buffer {
    const out = Buffer.alloc(60);
    out.write('ff4fff51002f0000', 'hex');
    [width, height, 0, 0, tile, tile, 0, 0].forEach((value, i) => {
      out.writeUInt32BE(value, 8 + 4 * i);
    });
    out.writeUInt16BE(3, 40);
    return out;
  }

  it('with 256 directories that claim the same megabyte are refused at once', async () => {
    await withTemporaryFolder((folder) => {
      const one = handMadeTiff(imageFields(8, 1, 1, { 320: [1, new Array<number>(1_000_000).fill(0)] }), [
        Buffer.alloc(2000),
      ]);
      const directory = one.readUInt32LE(4);
      const count = one.readUInt16LE(directory);
      const copies = Array.from({ length: 256 }, () =>
        Buffer.from(one.subarray(directory, directory + 2 + 12 * count + 4)),
      );
      let at = one.length;
      one.writeUInt32LE(at, directory + 2 + 12 * count);
      copies.forEach((copy, i) => {
        at += copy.length;
        copy.writeUInt32LE(i + 1 < copies.length ? at : 0, copy.length - 4);
      });
      put(path.join(folder, 'a.tif'), Buffer.concat([one, ...copies]));
      return assert.rejects(
        readImage(path.join(folder, 'a.tif')),
        /directories claim more bytes than the file has/,
      );
    });
  });

  it('that are pipes or devices are refused, not waited for', async () => {
    await withTemporaryFolder(async (folder) => {
      putTiff(path.join(folder, 'set', 'a', 'image.tif'), rgb, 3);
      putTiff(path.join(folder, 'set', 'a', 'class1.tif'), mask);
      execFileSync('mkfifo', [path.join(folder, 'set', 'dataset.json')]);
      const run = spawnSync(process.execPath, [MAIN, 'data', 'check', path.join(folder, 'set'), '--json'], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.equal(run.status, 1, run.stderr);
      assert.match(run.stdout, /dataset\.json","problem":"is not a regular file/);
    });
  });

  it('of many points and rings take linear time', async () => {
    const notes = new ImportNotes();
    // A million points around a circle: cosines and sines in turn.
    const ring = Array.from(
      { length: 2_000_000 },
      (_, i) => 500 + 400 * (i % 2 ? Math.sin : Math.cos)((Math.PI * (i - (i % 2))) / 1e6),
    );
    const start = performance.now();
    const code = polygonMask([[ring]], { width: 1000, height: 1000 }, 'a', notes);
    assert.equal(crossesItself(ring), false);
    // The area of a circle of radius 400, to a thousandth.
    const area = code ? code.counts.reduce((sum, run, i) => sum + (i % 2 ? run : 0), 0) : 0;
    assert.ok(Math.abs(area / (Math.PI * 400 * 400) - 1) < 1e-3, String(area));
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      put(
        path.join(src, 'a.png'),
        await sharp({ create: { width: 1000, height: 1000, channels: 3, background: '#fff' } })
          .png()
          .toBuffer(),
      );
      const rings = Array.from({ length: 3000 }, (_, i) => {
        const [x, y] = [(i % 60) * 16, Math.floor(i / 60) * 16];
        return [x, y, x + 8, y, x + 8, y + 8, x, y + 8];
      });
      put(path.join(src, 'a.zip'), zipSync({ 'r.roi': encodeRoi({ name: 'r', group: 0, rings }) }));
      assert.deepEqual((await runImport('imagej', [src], path.join(folder, 'out'))).areas, [[[3000 * 64]]]);
    });
    // Minutes before: anything that is not linear is over this on the slowest machine.
    assert.ok(performance.now() - start < 60_000);
  });
});

describe('an import that is killed', () => {
  it('[long] leaves nothing under the final name until all is there, at 20 moments', async function () {
    this.timeout(300_000);
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      for (let i = 0; i < 40; i++) {
        putTiff(path.join(src, `${i}.tif`), rgb, 3);
        putTiff(path.join(src, `${i}_labels.tif`), mask);
      }
      const importing = `const { importDataset } = require(${JSON.stringify(path.join(ROOT, 'dist/src/data/importers/import_dataset.js'))});
        const { openLabelImages } = require(${JSON.stringify(path.join(ROOT, 'dist/src/data/importers/labels.js'))});
        const [src, out] = process.argv.slice(1);
        importDataset(out, (notes) => openLabelImages(src, {}, notes), (done) => process.stdout.write(done + '\\n'));`;
      let whole = 0;
      for (let moment = 0; moment < 20; moment++) {
        const out = path.join(folder, `out${moment}`);
        const child = spawn(process.execPath, ['-e', importing, src, out], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        await new Promise<void>((resolve) => {
          let seen = '';
          child.stdout.on('data', (piece) => {
            seen += String(piece);
            // After so many images; the last moments are behind the last image.
            if (seen.split('\n').length - 1 >= Math.min(40, 1 + 2 * moment + (moment > 17 ? 4 : 0)))
              child.kill('SIGKILL');
          });
          child.on('exit', () => resolve());
        });
        if (!fs.existsSync(out)) continue;
        whole++;
        assert.ok(fs.existsSync(path.join(out, 'dataset.json')));
        assert.equal(fs.readdirSync(out).length, 41);
      }
      assert.ok(whole < 20, 'none was killed in time');
    });
  });
});

describe('an open image', () => {
  it('gives a region of a level without the rest, equal to the same part of the whole', async () => {
    await withTemporaryFolder(async (folder) => {
      const [width, height] = [300, 200];
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 31) % 251);
      const raw = sharp(data, { raw: { width, height, channels: 3 } });
      const file = path.join(folder, 'a.tif');
      const tiles = {
        tile: true,
        tileWidth: 64,
        tileHeight: 64,
        pyramid: true,
        compression: 'deflate',
      } as const;
      put(file, await raw.tiff(tiles).toBuffer());
      const opened = await openImage(file);
      try {
        assert.deepEqual(
          [opened.width, opened.height, opened.levels.map(({ name }) => name)],
          [width, height, ['full', '1/2', '1/4', '1/8'].slice(0, opened.levels.length)],
        );
        const region = { left: 50, top: 60, right: 140, bottom: 131 };
        const part = await opened.readRegion({ region });
        assert.deepEqual([part.width, part.height], [90, 71]);
        for (let y = 0; y < 71; y++)
          assert.deepEqual(
            part.data.subarray(y * 270, (y + 1) * 270),
            data.subarray(((y + 60) * width + 50) * 3, ((y + 60) * width + 140) * 3),
          );
        const half = await readImage(file, { level: '1/2' });
        const corner = await opened.readRegion({
          level: '1/2',
          region: { left: 0, top: 0, right: 10, bottom: 1 },
        });
        assert.deepEqual(corner.data, half.data.slice(0, 30));
        await assert.rejects(
          opened.readRegion({ region: { ...region, right: 301 } }),
          /has 300 x 200 pixels, there is no region/,
        );
      } finally {
        opened.close();
      }
      // A part of an image over the limit of pixels: only the part counts.
      put(file, encodeTiff(rgb, { ...size, channels: 3 }));
      const small = await openImage(file);
      const one = await small.readRegion({
        region: { left: 0, top: 0, right: WIDTH, bottom: 1 },
        maxPixels: WIDTH,
      });
      assert.deepEqual(one.data, rgb.slice(0, 3 * WIDTH));
      small.close();
    });
  });
});
