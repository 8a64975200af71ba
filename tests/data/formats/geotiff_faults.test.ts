import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import type { GeoTIFFImage } from 'geotiff';
import { descriptionOf } from '../../../src/data/formats/tiff/metadata';
import { openTiff } from '../../../src/data/formats/tiff/read_tiff';
import { withTemporaryFolder } from '../../support';
import { basicFields, bigEndianTiff } from './big_endian_tiff';

/**
 * What geotiff gets wrong by itself, and src/data/formats/tiff/geotiff.ts meets. A test that fails here says that a
 * newer geotiff has fixed the fault: then the place named there can go.
 */
describe('faults of geotiff that are met around it', () => {
  const open = async (bytes: Buffer): Promise<GeoTIFFImage> => {
    const { fromArrayBuffer } = await import('geotiff');
    return await (await fromArrayBuffer(Uint8Array.from(bytes).buffer)).getImage();
  };

  it('1: long lists of big-endian files are read as little-endian', async () => {
    // 400 strips: their offsets lie beyond the first kilobyte.
    const rows = Array.from({ length: 400 }, (_, y) => Buffer.alloc(40, y));
    const image = await open(bigEndianTiff(basicFields(40, 400, 8, 1, [[278, 3, [1]]]), rows));
    const offsets = (await image.fileDirectory.loadValue('StripOffsets')) as ArrayLike<number>;
    // Written first: right behind the header of 8 bytes.
    assert.notEqual(offsets[0], 8);
  });

  it('2: memory is taken for what a directory claims', async () => {
    // A list of strips that would hold 64 million offsets, of which the file has two.
    const file = bigEndianTiff(basicFields(4, 2, 8, 1, [[278, 3, [1]]]), [Buffer.alloc(4), Buffer.alloc(4)]);
    const at = file.indexOf(Buffer.from([1, 17, 0, 4, 0, 0, 0, 2]));
    file.writeUInt32BE(64_000_000, at + 4);
    const image = await open(file);
    const list = image.fileDirectory.deferredArrays.get(273) as unknown as { data: Uint32Array };
    assert.equal(list.data.length, 64_000_000);
  });

  it('3: directories in a loop are followed for ever', async () => {
    const file = bigEndianTiff(basicFields(4, 1, 8, 1), [Buffer.alloc(4)]);
    const directory = file.readUInt32BE(4);
    file.writeUInt32BE(directory, directory + 2 + 12 * file.readUInt16BE(directory));
    const { fromArrayBuffer } = await import('geotiff');
    const tiff = await fromArrayBuffer(Uint8Array.from(file).buffer);
    assert.equal((await tiff.getImage(1000)).getWidth(), 4);
  });

  it('4: differences of big-endian samples are added in the wrong byte order', async () => {
    const row = Buffer.alloc(8);
    // 250, then three times 10 more: 260 is where the low byte runs over.
    for (const [i, value] of [250, 10, 10, 10].entries()) row.writeUInt16BE(value, 2 * i);
    const fields = basicFields(4, 1, 16, 1, [
      [259, 3, [8]],
      [317, 3, [2]],
    ]);
    const image = await open(bigEndianTiff(fields, [deflateSync(row)]));
    const [values] = (await image.readRasters()) as unknown as ArrayLike<number>[];
    assert.notDeepEqual([...Array.from(values)], [250, 260, 270, 280]);
  });

  it('5 and 6: integers of 64 bits are refused, and without BitsPerSample there is no bit', async () => {
    const wide = await open(bigEndianTiff(basicFields(1, 1, 64, 1), [Buffer.alloc(8)]));
    await assert.rejects(wide.readRasters(), /Unsupported data format/);
    const none = basicFields(8, 1, 1, 1).filter(([tag]) => tag !== 258);
    assert.equal((await open(bigEndianTiff(none, [Buffer.alloc(1)]))).getBitsPerSample(), 0);
  });

  it('7: of a list of fractions every other one is read', async () => {
    // Three fractions 1/1, 2/1, 3/1, put behind the file: type 5 takes eight bytes each.
    const file = bigEndianTiff(basicFields(1, 1, 8, 1, [[529, 4, [1, 1, 2, 1, 3, 1]]]), [Buffer.alloc(1)]);
    const at = file.indexOf(Buffer.from([2, 17, 0, 4, 0, 0, 0, 6]));
    file.writeUInt16BE(5, at + 2);
    file.writeUInt32BE(3, at + 4);
    const values = (await (await open(file)).fileDirectory.loadValue(529)) as ArrayLike<number>;
    assert.notDeepEqual([...Array.from(values)], [1, 1, 2, 1, 3, 1]);
  });

  it('8: of two descriptions the last one is kept', async () => {
    const text = (letters: string): number[] => [...Buffer.from(`${letters}      \0`)];
    // Written as lists of numbers of four bytes, then called text of one byte each.
    const fields = basicFields(1, 1, 8, 1, [
      [270, 4, text('first')],
      [270, 4, text('later')],
    ]);
    const file = bigEndianTiff(fields, [Buffer.alloc(1)]);
    const entries = [0, 1].map((n) => {
      let at = -1;
      for (let k = 0; k <= n; k++) at = file.indexOf(Buffer.from([1, 14, 0, 4]), at + 1);
      return at;
    });
    for (const at of entries) {
      const start = file.readUInt32BE(at + 8);
      for (let i = 0; i < 12; i++) file[start + i] = file[start + 4 * i + 3];
      file.writeUInt16BE(2, at + 2);
    }
    const description = (await (await open(file)).fileDirectory.loadValue(270)) as string;
    assert.match(description, /^later/);
    await withTemporaryFolder(async (folder) => {
      fs.writeFileSync(path.join(folder, 'a.tif'), file);
      const tiff = await openTiff(path.join(folder, 'a.tif'));
      tiff.close();
      assert.match(await descriptionOf(tiff.pages[0]), /^first/);
    });
  });
});
