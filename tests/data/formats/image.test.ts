import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { createRng } from '../../../src/core/rng';
import { listLevels, readImage } from '../../../src/data/formats/image';
import { toBytes } from '../../../src/data/formats/intensity';
import { readLabelMap } from '../../../src/data/formats/label_map';
import { decodeLzw } from '../../../src/data/formats/tiff/lzw';
import { encodeTiff, writeTiff } from '../../../src/data/formats/tiff/write_tiff';
import { itWithShared, sharedPath, withTemporaryFolder } from '../../support';
import { basicFields, bigEndianTiff } from './big_endian_tiff';

const WIDTH = 83;
const HEIGHT = 61;

/** Smooth with noise, so that every compression has runs and literals. */
function pattern(channels: number, highest = 255): Uint16Array {
  const rng = createRng('pattern');
  return Uint16Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) =>
    Math.floor(((Math.floor(i / channels) % WIDTH) / WIDTH) * highest * 0.9 + rng.next() * highest * 0.1),
  );
}

const rgb = Uint8Array.from(pattern(3));
const raw = { raw: { width: WIDTH, height: HEIGHT, channels: 3 as const } };

/** The rule for 16-bit images on its own. */
function toEightBit(data: Uint16Array): Uint8Array {
  return toBytes({ width: data.length, height: 1, channels: 1, data, bits: 16, kind: 'unsigned' });
}

async function readBytes(bytes: Uint8Array, name = 'a.tif'): Promise<Uint8Array> {
  return await withTemporaryFolder(async (folder) => {
    fs.writeFileSync(path.join(folder, name), bytes);
    return (await readImage(path.join(folder, name))).data;
  });
}

describe('reading images', () => {
  // libtiff and libpng (through sharp) write what our own reader reads: an independent pair.
  for (const compression of ['none', 'lzw', 'deflate', 'packbits'] as const)
    for (const tile of [false, true])
      for (const predictor of ['none', 'horizontal'] as const)
        it(`reads TIFF ${compression}, ${tile ? 'tiles' : 'strips'}, predictor ${predictor} as libtiff wrote it`, async () => {
          const options = { compression, tile, predictor, tileWidth: 32, tileHeight: 16, bigtiff: tile };
          assert.deepEqual(await readBytes(await sharp(rgb, raw).tiff(options).toBuffer()), rgb);
        });

  it('reads a JPEG-compressed TIFF as libjpeg decodes it (YCbCr tables in the file)', async () => {
    const bytes = await sharp(rgb, raw).tiff({ compression: 'jpeg', quality: 90 }).toBuffer();
    assert.deepEqual(await readBytes(bytes), new Uint8Array(await sharp(bytes).raw().toBuffer()));
  });

  it('reads PNG and JPEG as libpng and libjpeg decode them; grey fills three channels, alpha goes', async () => {
    assert.deepEqual(await readBytes(await sharp(rgb, raw).png().toBuffer(), 'a.png'), rgb);
    const jpeg = await sharp(rgb, raw).jpeg().toBuffer();
    assert.deepEqual(await readBytes(jpeg, 'a.jpg'), new Uint8Array(await sharp(jpeg).raw().toBuffer()));
    const grey = Uint8Array.from(pattern(1));
    const replicated = Uint8Array.from({ length: rgb.length }, (_, i) => grey[Math.floor(i / 3)]);
    const greyRaw = { raw: { width: WIDTH, height: HEIGHT, channels: 1 as const } };
    const greyPng = await sharp(grey, greyRaw).toColourspace('b-w').png().toBuffer();
    assert.deepEqual(await readBytes(greyPng, 'a.png'), replicated);
    assert.deepEqual(await readBytes(encodeTiff(grey, { width: WIDTH, height: HEIGHT })), replicated);
    const rgba = await sharp(rgb, raw).ensureAlpha(0.5).png().toBuffer();
    assert.deepEqual(await readBytes(rgba, 'a.png'), rgb);
    assert.deepEqual(await readBytes(await sharp(rgba).tiff({ compression: 'lzw' }).toBuffer()), rgb);
  });

  it('scales 16-bit values by 255 / 65535, and by 255 / 4095 where none is over 4095', async () => {
    assert.deepEqual(
      toEightBit(Uint16Array.from([0, 128, 129, 257, 65535])),
      Uint8Array.from([0, 0, 1, 1, 255]),
    );
    assert.deepEqual(toEightBit(Uint16Array.from([0, 16, 2048, 4095])), Uint8Array.from([0, 1, 128, 255]));
    const wide = pattern(3, 65535);
    const expected = toEightBit(wide);
    const size = { width: WIDTH, height: HEIGHT, channels: 3 as const };
    assert.deepEqual(await readBytes(encodeTiff(wide, size)), expected);
    const input = sharp(new Uint16Array(wide), { raw: size })
      .pipelineColourspace('rgb16')
      .toColourspace('rgb16');
    const png = await input.png().toBuffer();
    assert.equal((await sharp(png).metadata()).depth, 'ushort');
    assert.deepEqual(await readBytes(png, 'a.png'), expected);
  });

  it('reads big-endian files: tiles, planes, BigTIFF, 16-bit differences', async () => {
    const wide = pattern(1, 60000);
    const rows: Buffer[] = [];
    for (let y = 0; y < HEIGHT; y++) {
      const row = Buffer.alloc(WIDTH * 2);
      for (let x = 0; x < WIDTH; x++)
        row.writeUInt16BE((wide[y * WIDTH + x] - (x > 0 ? wide[y * WIDTH + x - 1] : 0)) & 0xffff, x * 2);
      rows.push(deflateSync(row));
    }
    const strips = basicFields(WIDTH, HEIGHT, 16, 1, [
      [259, 3, [8]],
      [278, 3, [1]],
      [317, 3, [2]],
    ]);
    for (const big of [false, true]) {
      const got = await readBytes(bigEndianTiff(strips, rows, { big }));
      assert.deepEqual(
        got.filter((_, i) => i % 3 === 0),
        toEightBit(wide),
      );
    }
    const planes = [0, 1, 2].map((c) => Buffer.from(rgb.filter((_, i) => i % 3 === c)));
    const planar = basicFields(WIDTH, HEIGHT, 8, 3, [
      [278, 3, [HEIGHT]],
      [284, 3, [2]],
    ]);
    assert.deepEqual(await readBytes(bigEndianTiff(planar, planes)), rgb);
    const tiles = [0, 1].map((t) => {
      const tile = Buffer.alloc(64 * 64 * 3);
      for (let y = 0; y < HEIGHT; y++)
        tile.set(
          rgb.subarray((y * WIDTH + t * 64) * 3, (y * WIDTH + Math.min(WIDTH, t * 64 + 64)) * 3),
          y * 64 * 3,
        );
      return tile;
    });
    const tiled = basicFields(WIDTH, HEIGHT, 8, 3, [
      [322, 3, [64]],
      [323, 3, [64]],
    ]);
    assert.deepEqual(await readBytes(bigEndianTiff(tiled, tiles, { tiled: true })), rgb);
  });

  it('reads pyramid levels by name (written by libtiff)', async () => {
    const bytes = await sharp(rgb, raw)
      .tiff({ pyramid: true, tile: true, tileWidth: 16, tileHeight: 16 })
      .toBuffer();
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'a.tif');
      fs.writeFileSync(file, bytes);
      const levels = await listLevels(file);
      assert.deepEqual(
        levels.map(({ name }) => name),
        ['full', '1/2', '1/4', '1/8'].slice(0, levels.length),
      );
      const half = await readImage(file, { level: '1/2' });
      assert.deepEqual([half.width, half.height], [WIDTH >> 1, HEIGHT >> 1]);
      await assert.rejects(readImage(file, { level: '1/3' }), /a\.tif|no level "1\/3"/);
    });
  });

  it('stops LZW at the size of the block, whatever the stream says', () => {
    // Clear, 65, then code 258 defined by itself again and again: an endless run of "A".
    const out = new Uint8Array(10);
    const bits = [256, 65, 258, 259, 260, 261].map((code) => code.toString(2).padStart(9, '0')).join('');
    const bytes = Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
      Number.parseInt(bits.slice(i * 8, i * 8 + 8).padEnd(8, '0'), 2),
    );
    assert.equal(decodeLzw(bytes, out, 10), 10);
    assert.deepEqual([...out], new Array(10).fill(65));
  });

  itWithShared('reads the three Aperio slides (JPEG 2000) to the very pixels of OpenSlide', async () => {
    // SHA-256 of the RGB bytes of level 0 as openslide-python 1.4.7 with OpenSlide 4.0.1 reads them.
    const expected = [
      ['A9K0_1', 1307, 1153, 'f7257d2bcc1b56d94a6094629844f9f3e97368dede08e0b22e07e3a8073ca3a9'],
      ['A9K0_2', 756, 763, '34ee5675309c9cc419093c71f60fde58dcd32b04a34482f9631164e7facf5f19'],
      ['A9K0_3', 497, 185, '3f9d802328b70d529a5043cb0acaaf44c72e8d5cd948b848fe4394f2cdbde7c9'],
    ];
    for (const [name, ...rest] of expected) {
      const { width, height, data } = await readImage(sharedPath('data', 'monusac-raw', `${name}.svs`));
      assert.deepEqual([width, height, createHash('sha256').update(data).digest('hex')], rest);
    }
  });

  itWithShared('reads the real HW3 image and masks as geotiff.js does', async () => {
    const { fromArrayBuffer } = await import('geotiff');
    const reference = async (name: string): Promise<ArrayLike<number>> => {
      const bytes = fs.readFileSync(sharedPath('data', 'hw3-sample', name));
      const tiff = await fromArrayBuffer(
        bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
      );
      return (await (
        await tiff.getImage()
      ).readRasters({ interleave: true })) as unknown as ArrayLike<number>;
    };
    const { data, width, height } = await readImage(sharedPath('data', 'hw3-sample', 'image.tif'));
    assert.deepEqual([width, height], [482, 397]);
    const rgba = await reference('image.tif');
    assert.ok(data.every((value, i) => value === rgba[Math.floor(i / 3) * 4 + (i % 3)]));
    const map = await readLabelMap(sharedPath('data', 'hw3-sample', 'class2.tif'));
    const values = await reference('class2.tif');
    assert.ok(map.data.every((value, i) => value === values[i]));
  });
});

describe('writing TIFF', () => {
  it('writes what libtiff reads, byte for byte', async () => {
    const bytes = encodeTiff(rgb, { width: WIDTH, height: HEIGHT, channels: 3 });
    assert.deepEqual(new Uint8Array(await sharp(bytes).raw().toBuffer()), rgb);
    const labels = pattern(1, 60000);
    const grey = await sharp(encodeTiff(labels, { width: WIDTH, height: HEIGHT }))
      .toColourspace('grey16')
      .raw({ depth: 'ushort' })
      .toBuffer();
    assert.deepEqual(new Uint16Array(grey.buffer, grey.byteOffset, grey.length / 2), labels);
  });

  it('gives every label type back', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'class1.tif');
      const small = pattern(1, 200);
      const large = Int32Array.from(small, (value) => value * 70000);
      const size = { width: WIDTH, height: HEIGHT };
      for (const compression of ['none', 'deflate'] as const) {
        const variants = [
          Uint8Array.from(small),
          small,
          Int32Array.from(small),
          Float32Array.from(small),
          Float64Array.from(small),
        ];
        for (const data of variants) {
          writeTiff(file, data, { ...size, compression });
          assert.deepEqual(
            await readLabelMap(file),
            { ...size, data: small, notes: [] },
            `${data.constructor.name} ${compression}`,
          );
        }
        writeTiff(file, large, { ...size, compression });
        assert.deepEqual((await readLabelMap(file)).data, large);
      }
    });
  });

  it('reads float masks with the floating-point predictor, encoded by hand from the technical note', async () => {
    const small = pattern(1, 500);
    // Bytes of a row in planes, most significant first, then differences of neighbouring bytes.
    const rows = Array.from({ length: HEIGHT }, (_, y) => {
      const planes = Buffer.alloc(WIDTH * 4);
      const sample = Buffer.alloc(4);
      for (let x = 0; x < WIDTH; x++) {
        sample.writeFloatBE(small[y * WIDTH + x]);
        for (let b = 0; b < 4; b++) planes[b * WIDTH + x] = sample[b];
      }
      for (let i = planes.length - 1; i > 0; i--) planes[i] -= planes[i - 1];
      return deflateSync(planes);
    });
    const extra = [
      [259, 3, [8]],
      [278, 3, [1]],
      [317, 3, [3]],
      [339, 3, [3]],
    ] as const;
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'class1.tif');
      fs.writeFileSync(file, bigEndianTiff(basicFields(WIDTH, HEIGHT, 32, 1, extra), rows));
      assert.deepEqual((await readLabelMap(file)).data, small);
    });
  });
});
