import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import { readImage } from '../../../src/data/formats/image';
import { readLabelMap } from '../../../src/data/formats/label_map';
import { encodeTiff } from '../../../src/data/formats/tiff/write_tiff';
import { withTemporaryFolder } from '../../support';
import {
  grey,
  HEIGHT,
  handMadeTiff,
  imageFields,
  mask,
  put,
  putTiff,
  rgb,
  runImport,
  size,
  texts,
  WIDTH,
} from './inputs';

/** Grey in three channels. */
const repeated = Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)]);

async function readBytes(bytes: Uint8Array): ReturnType<typeof readImage> {
  return await withTemporaryFolder(async (folder) => {
    put(path.join(folder, 'a.tif'), bytes);
    return await readImage(path.join(folder, 'a.tif'));
  });
}

async function readMap(bytes: Uint8Array): Promise<number[]> {
  return await withTemporaryFolder(async (folder) => {
    put(path.join(folder, 'a.tif'), bytes);
    return [...(await readLabelMap(path.join(folder, 'a.tif'))).data];
  });
}

/** LZW of before TIFF 6: codes least significant bit first, always 9 wide, a clear code every 200 bytes. */
function oldLzw(raw: Uint8Array): Uint8Array {
  const bits: number[] = [];
  const add = (code: number): void => {
    for (let k = 0; k < 9; k++) bits.push((code >> k) & 1);
  };
  for (let i = 0; i < raw.length; i += 200) {
    add(256);
    for (const byte of raw.subarray(i, i + 200)) add(byte);
  }
  add(257);
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
    bits.slice(8 * i, 8 * i + 8).reduce((sum, bit, k) => sum + (bit << k), 0),
  );
}

/** Samples of any number of bits, most significant first, each row from a whole byte on. */
function packed(values: ArrayLike<number>, row: number, bits: number): Uint8Array {
  const rows: Uint8Array[] = [];
  for (let start = 0; start < values.length; start += row) {
    const out = new Uint8Array(Math.ceil((row * bits) / 8));
    for (let i = 0; i < row * bits; i++)
      if ((values[start + Math.floor(i / bits)] >> (bits - 1 - (i % bits))) & 1)
        out[i >> 3] |= 0x80 >> (i & 7);
    rows.push(out);
  }
  return Buffer.concat(rows);
}

describe('TIFF files of the world', () => {
  it('gives every number of int64 and uint64 masks, and refuses those that are no instances', async () => {
    // 64 squares of 36 pixels in 64 x 64.
    const values = Array.from({ length: 4096 }, (_, p) => {
      const [x, y] = [p % 64, Math.floor(p / 64)];
      return x % 8 < 6 && y % 8 < 6 ? Math.floor(y / 8) * 8 + Math.floor(x / 8) + 1 : 0;
    });
    const wide = BigInt64Array.from(values, BigInt);
    const square = { 256: [4, [64]], 257: [4, [64]], 278: [4, [64]] } as const;
    for (const format of [1, 2]) {
      const fields = imageFields(64, 1, 1, { ...square, 339: [3, [format]] });
      assert.deepEqual(await readMap(handMadeTiff(fields, [new Uint8Array(wide.buffer)])), values);
    }
    wide[9] = -5n;
    wide[10] = 2n ** 40n;
    const fields = imageFields(64, 1, 1, { ...square, 339: [3, [2]] });
    await assert.rejects(
      readMap(handMadeTiff(fields, [new Uint8Array(wide.buffer)])),
      /1 negative value \(first: -5 at x 9, y 0\) and 1 too large value/,
    );
  });

  it('reads palette colours through their table, the numbers for a mask, under any compression', async () => {
    // ImageJ's green: the number as green, nothing else.
    const table = [
      ...new Array<number>(256).fill(0),
      ...Array.from({ length: 256 }, (_, i) => i * 257),
      ...new Array<number>(256).fill(0),
    ];
    for (const [compression, block] of [
      [1, grey],
      [8, deflateSync(grey)],
      [5, oldLzw(grey)],
    ] as const) {
      const bytes = handMadeTiff(imageFields(8, 1, 3, { 259: [3, [compression]], 320: [3, table] }), [block]);
      const { data } = await readBytes(bytes);
      assert.deepEqual(
        data,
        repeated.map((value, i) => (i % 3 === 1 ? value : 0)),
      );
      assert.deepEqual(await readMap(bytes), [...grey]);
    }
  });

  it('turns YCbCr into RGB, and spreads colours that pixels share', async () => {
    // Of a grey image Y is the grey, Cb and Cr are 128.
    const ycc = Uint8Array.from(repeated, (value, i) => (i % 3 === 0 ? value : 128));
    const plain = imageFields(8, 3, 6, { 530: [3, [1, 1]] });
    assert.deepEqual((await readBytes(handMadeTiff(plain, [ycc]))).data, repeated);
    // Pure red by ITU-R BT.601: Y 76, Cb 85, Cr 255 (rounded), to within one level.
    const red = Uint8Array.from({ length: rgb.length }, (_, i) => [76, 85, 255][i % 3]);
    const { data } = await readBytes(handMadeTiff(plain, [red]));
    for (const [c, value] of [254, 0, 0].entries()) assert.ok(Math.abs(data[c] - value) <= 1, `${data[c]}`);
    // Two by two pixels share a pair: four Y, one Cb, one Cr a unit (TIFF 6.0, section 21).
    const units: number[] = [];
    for (let y = 0; y < HEIGHT; y += 2)
      for (let x = 0; x < WIDTH; x += 2) {
        for (const [dx, dy] of [
          [0, 0],
          [1, 0],
          [0, 1],
          [1, 1],
        ])
          units.push(grey[(y + dy) * WIDTH + x + dx]);
        units.push(128, 128);
      }
    const shared = handMadeTiff(imageFields(8, 3, 6), [Uint8Array.from(units)]);
    assert.deepEqual((await readBytes(shared)).data, repeated);
  });

  it('turns CIELab into RGB: greys by their lightness, a red by its published value', async () => {
    const lab = (values: readonly number[]): Buffer =>
      handMadeTiff(imageFields(8, 3, 8), [Uint8Array.from({ length: rgb.length }, (_, i) => values[i % 3])]);
    // L* 53.585 is sRGB 128; white is 255 (CIE 1976).
    for (const [l, value] of [
      [Math.round(53.585 * 2.55), 128],
      [255, 255],
      [0, 0],
    ]) {
      const { data } = await readBytes(lab([l, 0, 0]));
      for (let c = 0; c < 3; c++) assert.ok(Math.abs(data[c] - value) <= 1, `${l}: ${data[c]}`);
    }
    // sRGB red in CIELab of D50 is 54.29, 80.80, 69.89 (Lindbloom).
    const { data } = await readBytes(lab([Math.round(54.29 * 2.55), 81, 70]));
    for (const [c, value] of [255, 0, 0].entries()) assert.ok(Math.abs(data[c] - value) <= 6, `${data[c]}`);
  });

  it('reads 1, 2, 4, 12 and 14 bits by their own highest number, and white that is zero', async () => {
    for (const bits of [1, 2, 4, 12, 14]) {
      const values = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i * 7919) % 2 ** bits);
      const { data } = await readBytes(handMadeTiff(imageFields(bits, 1, 1), [packed(values, WIDTH, bits)]));
      assert.deepEqual(
        data.filter((_, i) => i % 3 === 0),
        Uint8Array.from(values, (value) => (value * 255) / (2 ** bits - 1) + 0.5),
        `${bits} bits`,
      );
    }
    const { data } = await readBytes(handMadeTiff(imageFields(8, 1, 0), [grey]));
    assert.deepEqual(
      data,
      repeated.map((value) => 255 - value),
    );
    const bits = packed(
      Uint8Array.from(mask, (value) => (value ? 1 : 0)),
      WIDTH,
      1,
    );
    assert.deepEqual(
      await readMap(handMadeTiff(imageFields(1, 1, 1), [bits])),
      [...mask].map((value) => (value ? 1 : 0)),
    );
  });

  it('reads LZW of before TIFF 6, bits of a byte turned around, missing byte counts, blocks left out', async () => {
    const lzw = handMadeTiff(imageFields(8, 1, 1, { 259: [3, [5]] }), [oldLzw(grey)]);
    assert.deepEqual((await readBytes(lzw)).data, repeated);
    const reversed = grey.map((byte) =>
      Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
    );
    assert.deepEqual(
      (await readBytes(handMadeTiff(imageFields(8, 1, 1, { 266: [3, [2]] }), [reversed]))).data,
      repeated,
    );
    assert.deepEqual(
      (await readBytes(handMadeTiff(imageFields(8, 1, 1), [grey], { counts: false }))).data,
      repeated,
    );
    const half = grey.subarray(0, grey.length / 2);
    const strips = imageFields(8, 1, 1, { 278: [4, [HEIGHT / 2]] });
    assert.deepEqual(
      (await readBytes(handMadeTiff(strips, [half, null]))).data,
      repeated.map((value, i) => (i < 3 * half.length ? value : 0)),
    );
  });

  it('drops alpha, and keeps the only channel there is, whatever it is called', async () => {
    const withAlpha = Uint8Array.from({ length: 2 * grey.length }, (_, i) => (i % 2 ? 77 : grey[i >> 1]));
    for (const kind of [1, 2]) {
      const two = handMadeTiff(imageFields(8, 2, 1, { 338: [3, [kind]] }), [withAlpha]);
      assert.deepEqual((await readBytes(two)).data, repeated);
      const one = handMadeTiff(imageFields(8, 1, 1, { 338: [3, [kind]] }), [grey]);
      assert.deepEqual((await readBytes(one)).data, repeated);
    }
  });

  it('names a compression that it cannot read, and the way out', async () => {
    await assert.rejects(
      readBytes(handMadeTiff(imageFields(8, 1, 1, { 259: [3, [34925]] }), [grey])),
      (error: { message: string; fix?: string }) => {
        assert.match(error.message, /LZMA compression \(34925\)/);
        assert.match(error.fix ?? '', /LZW or Deflate/);
        return true;
      },
    );
  });

  it('reads zstd (a frame of raw blocks, RFC 8878)', async () => {
    // Magic, a header with the size of the content in four bytes, one raw block: its size times 8, last bit set.
    const frame = Buffer.alloc(4 + 1 + 4 + 3);
    frame.writeUInt32LE(0xfd2fb528, 0);
    frame[4] = 0xa0;
    frame.writeUInt32LE(grey.length, 5);
    frame.writeUIntLE(grey.length * 8 + 1, 9, 3);
    const bytes = handMadeTiff(imageFields(8, 1, 1, { 259: [3, [50000]] }), [Buffer.concat([frame, grey])]);
    assert.deepEqual((await readBytes(bytes)).data, repeated);
  });

  it('spreads floating-point values from their 0.1 to their 99.9 percentile, and tells it', async () => {
    await withTemporaryFolder(async (folder) => {
      // 0 to 1999 in 2,000 pixels: percentiles 2 and 1997.
      const values = Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => i);
      put(path.join(folder, 'in', 'a.tif'), encodeTiff(values, size));
      putTiff(path.join(folder, 'in', 'a_labels.tif'), mask);
      const { records, ...rest } = await runImport(
        'labels',
        [path.join(folder, 'in')],
        path.join(folder, 'out'),
      );
      const got = records[0].image.filter((_, i) => i % 3 === 0);
      assert.deepEqual(
        [got[2], got[1000], got[1997], got[1999]],
        [0, Math.round((998 * 255) / 1995), 255, 255],
      );
      assert.match(texts(rest).join(), /floating-point values: 2 to 1997 .*became 0 to 255/);
    });
  });

  it('gives 16-bit images of one data set one scale, and tells where they differ', async () => {
    await withTemporaryFolder(async (folder) => {
      const dim = new Uint16Array(WIDTH * HEIGHT).fill(2000);
      const bright = dim.slice();
      bright[0] = 9000;
      const src = path.join(folder, 'in');
      putTiff(path.join(src, 'a.tif'), dim);
      putTiff(path.join(src, 'b.tif'), bright);
      for (const name of ['a', 'b']) putTiff(path.join(src, `${name}_labels.tif`), mask);
      const { records, ...rest } = await runImport('labels', [src], path.join(folder, 'out'));
      // 2000 * 255 / 65535 = 7.8.
      assert.deepEqual(
        records.map(({ image }) => image[300]),
        [8, 8],
      );
      assert.match(texts(rest).join(), /16-bit values: all images are scaled by 255 \/ 65535/);
    });
  });
});

describe('planes and channels of TIFF files', () => {
  /** Pages one behind the other, each a grey image, with a description. */
  function pages(images: readonly Uint8Array[], description: string): Buffer {
    const out: Buffer[] = [];
    let at = 8;
    images.forEach((image, i) => {
      const text = i === 0 ? [...Buffer.from(`${description}\0`)] : [];
      const file = handMadeTiff(imageFields(8, 1, 1, text.length > 0 ? { 270: [1, text] } : {}), [image]);
      const directory = file.readUInt32LE(4);
      const count = file.readUInt16LE(directory);
      for (let e = 0; e < count; e++) {
        const entry = directory + 2 + 12 * e;
        const tag = file.readUInt16LE(entry);
        const long =
          file.readUInt32LE(entry + 4) * ({ 1: 1, 3: 2, 4: 4 }[file.readUInt16LE(entry + 2)] ?? 4) > 4;
        if (tag === 270) file.writeUInt16LE(2, entry + 2);
        if (tag === 273 || long) file.writeUInt32LE(file.readUInt32LE(entry + 8) + at - 8, entry + 8);
      }
      out.push(file.subarray(8));
      at += file.length - 8;
    });
    // Each page's directory follows its pixels: patch the links to where the next one is.
    const whole = Buffer.concat([Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]), ...out]);
    let start = 8;
    let previous = 4;
    for (const part of out) {
      const directory = start + WIDTH * HEIGHT;
      whole.writeUInt32LE(directory, previous);
      previous = directory + 2 + 12 * whole.readUInt16LE(directory);
      start += part.length;
    }
    whole.writeUInt32LE(0, previous);
    return whole;
  }
  const channel = (c: number): Uint8Array => rgb.filter((_, i) => i % 3 === c);
  const both = (c: number): Uint8Array => channel(c).map((value) => 255 - value);

  it('puts three channels of ImageJ and of OME together, plane by plane', async () => {
    const composite = pages([0, 1, 2].map(channel), 'ImageJ=1.54\nimages=3\nchannels=3\nmode=composite\n');
    const one = await readBytes(composite);
    assert.deepEqual(one.data, rgb);
    assert.match(one.notes.join(), /3 channels in pages of their own/);
    const ome = (order: string): string =>
      `<?xml version="1.0"?><OME><Image><Pixels DimensionOrder="${order}" SizeX="50" SizeY="40" SizeC="3" SizeZ="2" SizeT="1"/></Image></OME>`;
    // Channels fastest, and depths fastest.
    const orders: [string, Uint8Array[]][] = [
      ['XYCZT', [channel(0), channel(1), channel(2), both(0), both(1), both(2)]],
      ['XYZCT', [channel(0), both(0), channel(1), both(1), channel(2), both(2)]],
    ];
    for (const [order, images] of orders)
      await withTemporaryFolder(async (folder) => {
        const file = path.join(folder, 'a.ome.tif');
        put(file, pages(images, ome(order)));
        const first = await readImage(file);
        assert.deepEqual(first.data, rgb, order);
        assert.match(first.notes.join(), /2 depths: plane 1 of 2 is read/);
        const second = await readImage(file, { plane: 2, channels: [3, 2, 1] });
        assert.deepEqual(
          second.data.slice(0, 3),
          Uint8Array.from([255 - rgb[2], 255 - rgb[1], 255 - rgb[0]]),
        );
        assert.deepEqual(second.notes, []);
        await assert.rejects(readImage(file, { plane: 3 }), /has 2 planes, there is no plane 3/);
        await assert.rejects(readImage(file, { channels: [4] }), /has 3 channels, there is no channel 4/);
      });
  });

  it('tells that a stack without description has more pages', async () => {
    const { data, notes } = await readBytes(pages([channel(0), channel(1)], ''));
    assert.equal(data[3], rgb[3]);
    assert.match(notes.join(), /2 pages: plane 1 of 2 is read \(choose with --plane\)/);
  });

  it('tells it of masks too', async () => {
    await withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.tif');
      put(file, pages([Uint8Array.from(mask), channel(0)], ''));
      const { data, notes } = await readLabelMap(file);
      assert.deepEqual([...data], [...mask]);
      assert.match(notes.join(), /plane 1 of 2 is read/);
      assert.ok(fs.existsSync(file));
    });
  });
});
