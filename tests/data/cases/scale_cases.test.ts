import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { checkDataset } from '../../../src/data/check_dataset';
import { readImageHeader } from '../../../src/data/formats/image';
import { listInputs } from '../../../src/inference/inputs';
import { withTemporaryFolder } from '../../support';
import { handMadeTiff, imageFields, mask, put, putImage, putTiff, rgb, runImport, texts } from './inputs';

/** An RGB image whose description and resolution say how large a pixel is. */
function described(description: string, perUnit?: readonly [number, number], unit?: number): Buffer {
  const text = [...Buffer.from(`${description}\0`)];
  const extra: Record<number, readonly [number, readonly number[]]> = {};
  if (description) extra[270] = [1, text];
  if (perUnit) extra[282] = [5, perUnit];
  if (unit) extra[296] = [3, [unit]];
  const file = handMadeTiff(imageFields(8, 3, 2, extra), [rgb]);
  // Numbers of one byte become text.
  const at = file.indexOf(Buffer.from([14, 1, 1, 0]));
  if (at > 0) file.writeUInt16LE(2, at + 2);
  return file;
}

const OME = (unit: string, size: number): string =>
  `<?xml version="1.0"?><OME><Image><Pixels DimensionOrder="XYCZT" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="${size}" PhysicalSizeXUnit="${unit}"/></Image></OME>`;

describe('the size of a pixel', () => {
  const cases: [string, Buffer, number | undefined, string?][] = [
    ['OME, micrometres', described(OME('µm', 0.5)), 0.5, 'OME'],
    ['OME, nanometres', described(OME('nm', 250)), 0.25, 'OME'],
    ['Aperio', described('Aperio Image Library v10\n50x40|AppMag = 40|MPP = 0.2527'), 0.2527, 'Aperio'],
    ['ImageJ, 4 pixels a micron', described('ImageJ=1.54\nunit=micron\n', [4, 1]), 0.25, 'ImageJ'],
    ['ImageJ without a unit', described('ImageJ=1.54\n', [4, 1]), undefined],
    ['40,000 pixels a centimetre', described('', [40_000, 1], 3), 0.25, 'TIFF resolution'],
    ['72 dots an inch, which mean nothing', described('', [72, 1], 2), undefined],
    ['300 dots an inch', described('', [300, 1], 2), undefined],
  ];
  for (const [name, bytes, value, from] of cases)
    it(`is read from the file: ${name}`, async () => {
      await withTemporaryFolder(async (folder) => {
        const file = path.join(folder, 'a.tif');
        put(file, bytes);
        const { pixelSize } = await readImageHeader(file);
        assert.deepEqual(pixelSize, value === undefined ? undefined : { value, from });
      });
    });

  it('goes into what is imported and predicted, and is told; dataset.json is stronger, and a conflict told', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      put(path.join(src, 'a.tif'), described(OME('µm', 0.5)));
      putTiff(path.join(src, 'a_labels.tif'), mask);
      const imported = await runImport('labels', [src], path.join(folder, 'out'));
      assert.equal(imported.pixelSize, 0.5);
      assert.match(texts(imported).join(), /0\.5 µm a pixel, as the image files say \(OME\)/);
      const [loose] = await listInputs([path.join(src, 'a.tif')]);
      assert.equal(loose.pixelSize, 0.5);
      assert.match(loose.notes?.join() ?? '', /0\.5 µm a pixel, as the file says \(OME\)/);
      const set = path.join(folder, 'set');
      put(path.join(set, 'a', 'image.tif'), described(OME('µm', 0.5)));
      putTiff(path.join(set, 'a', 'class1.tif'), mask);
      put(path.join(set, 'dataset.json'), '{"pixelSize": 0.25}');
      const conflict = /says 0\.5 µm a pixel \(OME\), dataset\.json 0\.25: 0\.25 is used/;
      assert.match((await checkDataset(set)).notes.map(({ note }) => note).join(), conflict);
      const [inSet] = await listInputs([set]);
      assert.equal(inSet.pixelSize, 0.25);
      assert.match(inSet.notes?.join() ?? '', conflict);
    });
  });
});

describe('what data check tells without calling it a fault', () => {
  const notesOf = async (dir: string): Promise<string> => {
    const { ok, problems, notes } = await checkDataset(dir);
    assert.deepEqual([ok, problems], [true, []]);
    return notes.map(({ file, note }) => `${path.basename(file ?? '')}: ${note}`).join('\n');
  };

  it('files that are not used, masks of 0 and 255, classes in place of numbers, sets without a cell', async () => {
    await withTemporaryFolder(async (dir) => {
      const set = path.join(dir, 'set');
      putTiff(path.join(set, 'a', 'image.tif'), rgb, 3);
      assert.match(await notesOf(set), /set: holds no cell: .*AP is undefined/);
      putTiff(path.join(set, 'a', 'lymphocyte.tif'), mask);
      putTiff(
        path.join(set, 'a', 'class1.tif'),
        mask.map((value) => (value ? 255 : 0)),
      );
      const told = await notesOf(set);
      assert.match(told, /lymphocyte\.tif: is not used/);
      assert.match(told, /class1\.tif: one number \(255\) in 2 separate pieces/);
      const loose = path.join(dir, 'loose');
      await putImage(path.join(loose, 'x.png'));
      await putImage(path.join(loose, 'x_labels.png'));
      assert.match(
        await notesOf(loose),
        /x_labels\.png: looks like the label image of another: use data import labels/,
      );
    });
  });

  it('red and blue that look swapped in the whole set, and no single image of it', async () => {
    await withTemporaryFolder(async (dir) => {
      // Violet cells on pink ground as haematoxylin and eosin stain them, red and blue exchanged: optical densities of
      // Ruifrok and Johnston (2001), 0.65 0.70 0.29 and 0.07 0.99 0.11, the second at a third of its strength.
      const swap = ([r, g, b]: readonly number[]): number[] => [b, g, r];
      const shade = (densities: readonly number[]): number[] =>
        densities.map((d) => Math.round(255 * 10 ** -d));
      const [cell, ground] = [shade([0.65, 0.7, 0.29]), shade([0.07, 0.33, 0.11])];
      for (let k = 0; k < 6; k++) {
        const pixels = Array.from(mask, (value) => swap(value ? cell : ground));
        putTiff(path.join(dir, `i${k}`, 'image.tif'), Uint8Array.from(pixels.flat()), 3);
        putTiff(path.join(dir, `i${k}`, 'class1.tif'), mask);
      }
      assert.match(
        await notesOf(dir),
        /red and blue look swapped for RGB in all 6 images together; if so, say "channelOrder": "bgr"/,
      );
      fs.writeFileSync(path.join(dir, 'dataset.json'), '{"channelOrder": "bgr"}');
      assert.equal(await notesOf(dir), '');
    });
  });
});
