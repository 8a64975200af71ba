import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { encodeTiff, writeTiff } from '../../src/data/formats/tiff/write_tiff';
import { basicFields, bigEndianTiff } from './formats/big_endian_tiff';

/** One way to damage a sound data set: does it, and tells the file and the line that must be reported. */
export interface Damage {
  readonly name: string;
  readonly file: string;
  readonly problem: RegExp;
  readonly make: (dir: string) => void | Promise<void>;
}

const SIDE = 16;
const size = { width: SIDE, height: SIDE };

/** Two sound images with one class each. */
export function writeSound(dir: string): void {
  for (const id of ['one', 'two']) {
    const image = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 7) & 255);
    writeTiff(path.join(dir, id, 'image.tif'), image, { ...size, channels: 3 });
    writeTiff(path.join(dir, id, 'class1.tif'), labels(), size);
  }
}

function labels(): Uint16Array {
  return Uint16Array.from({ length: SIDE * SIDE }, (_, i) => (i < 40 ? 1 : i < 100 ? 2 : 0));
}

/** The labels with one value changed. */
function withValue(value: number): Float64Array {
  const data = Float64Array.from(labels());
  data[50] = value;
  return data;
}

const mask = (dir: string): string => path.join(dir, 'one', 'class1.tif');
const image = (dir: string): string => path.join(dir, 'one', 'image.tif');

/** A header that claims what is not there: nothing but a directory. */
function claim(width: number, height: number, bits: number): Buffer {
  return bigEndianTiff(basicFields(width, height, bits, 1, [[278, 4, [height]]]), [Buffer.alloc(4)]);
}

export const DAMAGES: readonly Damage[] = [
  { name: 'no image', file: 'one', problem: /has no image/, make: (dir) => fs.rmSync(image(dir)) },
  {
    name: 'sizes that differ',
    file: 'one/class1.tif',
    problem: /is 8 x 32, its image 16 x 16/,
    make: (dir) => writeTiff(mask(dir), labels(), { width: 8, height: 32 }),
  },
  {
    name: 'fractional values',
    file: 'one/class1.tif',
    problem: /1 fractional value \(first: 1\.5 at x 2, y 3\)/,
    make: (dir) => writeTiff(mask(dir), withValue(1.5), size),
  },
  {
    name: 'negative values',
    file: 'one/class1.tif',
    problem: /1 negative value \(first: -3/,
    make: (dir) => writeTiff(mask(dir), Int32Array.from(withValue(-3)), size),
  },
  {
    name: 'NaN values',
    file: 'one/class1.tif',
    problem: /1 NaN value/,
    make: (dir) => writeTiff(mask(dir), Float32Array.from(withValue(Number.NaN)), size),
  },
  {
    name: 'infinite values',
    file: 'one/class1.tif',
    problem: /1 infinite value/,
    make: (dir) => writeTiff(mask(dir), withValue(Number.POSITIVE_INFINITY), size),
  },
  {
    name: 'a mask with several channels',
    file: 'one/class1.tif',
    problem: /has 3 channels; a mask has one/,
    make: (dir) => writeTiff(mask(dir), new Uint8Array(SIDE * SIDE * 3).fill(1), { ...size, channels: 3 }),
  },
  {
    name: 'a truncated file',
    file: 'one/image.tif',
    problem: /truncated/,
    make: (dir) => fs.truncateSync(image(dir), fs.statSync(image(dir)).size - 40),
  },
  {
    name: 'a file cut within its header',
    file: 'one/class1.tif',
    problem: /truncated|too short/,
    make: (dir) => fs.truncateSync(mask(dir), 20),
  },
  {
    name: 'an empty file',
    file: 'one/class1.tif',
    problem: /is empty/,
    make: (dir) => fs.writeFileSync(mask(dir), ''),
  },
  {
    name: 'another format under the name .tif',
    file: 'one/image.tif',
    problem: /is a PNG file under the name \.tif/,
    make: async (dir) => {
      const png = await sharp(image(dir)).png().toBuffer();
      fs.writeFileSync(image(dir), png);
    },
  },
  {
    name: 'text under the name .tif',
    file: 'one/class1.tif',
    problem: /is a web page or XML text, not a TIFF/,
    make: (dir) => fs.writeFileSync(mask(dir), '<!DOCTYPE html><title>404</title>'),
  },
  {
    name: 'a file that cannot be read',
    file: 'one/class1.tif',
    problem: /is a folder, not a file|no such file/,
    make: (dir) => {
      fs.rmSync(mask(dir));
      fs.symlinkSync(path.join(dir, 'gone.tif'), mask(dir));
    },
  },
  {
    name: 'an all-zero mask',
    file: 'one/class1.tif',
    problem: /all zero/,
    make: (dir) => writeTiff(mask(dir), new Float64Array(SIDE * SIDE), size),
  },
  {
    name: 'a header that claims too many pixels',
    file: 'one/image.tif',
    problem: /claims 100000 x 100000 pixels, more than the limit/,
    make: (dir) => fs.writeFileSync(image(dir), claim(100000, 100000, 8)),
  },
  {
    name: 'a header that claims more than the file holds',
    file: 'one/class1.tif',
    problem: /truncated/,
    make: (dir) => fs.writeFileSync(mask(dir), claim(6000, 6000, 64)),
  },
  {
    name: 'a compressed block that swells without end',
    file: 'one/image.tif',
    problem: /cannot be decoded/,
    make: (dir) => {
      const bomb = deflateSync(Buffer.alloc(200_000_000));
      const fields = basicFields(SIDE, SIDE, 8, 1, [
        [259, 3, [8]],
        [278, 3, [SIDE]],
      ]);
      fs.writeFileSync(image(dir), bigEndianTiff(fields, [bomb]));
    },
  },
  {
    name: 'compressed data with wrong bytes',
    file: 'one/image.tif',
    problem: /strip 1 of 1 cannot be decoded/,
    make: (dir) => {
      const bytes = encodeTiff(new Uint8Array(SIDE * SIDE * 3).fill(9), { ...size, channels: 3 });
      fs.writeFileSync(image(dir), bytes.fill(0xa5, bytes.length - 20));
    },
  },
  {
    name: 'directories in a loop',
    file: 'one/image.tif',
    problem: /form a loop/,
    make: (dir) => {
      const bytes = fs.readFileSync(image(dir));
      const entries = bytes.readUInt16LE(8);
      bytes.writeUInt32LE(8, 10 + entries * 12);
      fs.writeFileSync(image(dir), bytes);
    },
  },
  {
    name: 'a class number out of range',
    file: 'one/class9.tif',
    problem: /class number 9 is out of range 1\.\.1/,
    make: (dir) => fs.copyFileSync(mask(dir), path.join(dir, 'one', 'class9.tif')),
  },
  {
    name: 'two ids that differ only in case',
    file: 'two',
    problem: /the ids "Two" and "two" differ only in case/,
    make: (dir) => fs.cpSync(path.join(dir, 'two'), path.join(dir, 'Two'), { recursive: true }),
  },
];
