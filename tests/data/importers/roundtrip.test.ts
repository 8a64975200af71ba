import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import sharp from 'sharp';
import { createRng } from '../../../src/core/rng';
import { openDataset } from '../../../src/data/dataset';
import { cellFeatures, geoJson } from '../../../src/data/exporters/geojson';
import { roiZip } from '../../../src/data/exporters/imagej';
import { writeTiff } from '../../../src/data/formats/tiff/write_tiff';
import { openCellpose } from '../../../src/data/importers/cellpose';
import { openImageJ } from '../../../src/data/importers/imagej';
import {
  type ForeignDataset,
  type ImportNotes,
  importDataset,
} from '../../../src/data/importers/import_dataset';
import { openLabelImages } from '../../../src/data/importers/labels';
import { openQuPath } from '../../../src/data/importers/qupath';
import { maskPolygons } from '../../../src/geometry/contour';
import type { Instances } from '../../../src/geometry/instances';
import type { CropMask } from '../../../src/geometry/masks';
import { encodeCropMask } from '../../../src/geometry/rle';
import { withTemporaryFolder } from '../../support';
import { roiSet } from './imagej_writer';

const [WIDTH, HEIGHT, CELL, STEP] = [97, 61, 10, 12];
const size = { width: WIDTH, height: HEIGHT };

/** Speckled cells of two classes in turn: holes, islands in them, parts that touch at a corner, single pixels. */
function speckledCells(): { label: number; mask: CropMask }[] {
  const rng = createRng('speckled');
  const cells: { label: number; mask: CropMask }[] = [];
  for (let y = 0; y + CELL <= HEIGHT; y += STEP)
    for (let x = 0; x + CELL <= WIDTH; x += STEP) {
      const share = rng.pick([0.02, 0.3, 0.6, 0.9, 1]);
      const data = Uint8Array.from({ length: CELL * CELL }, (_, i) =>
        i === 37 || rng.chance(share) ? 1 : 0,
      );
      cells.push({ label: 1 + (cells.length % 2), mask: { x, y, width: CELL, height: CELL, data } });
    }
  return cells;
}

const cells = speckledCells();

/** Numbers 1..n within a class, in the order of the cells; of one class where `label` is given. */
function mapOf(label?: number): Uint16Array {
  const map = new Uint16Array(WIDTH * HEIGHT);
  let next = 0;
  for (const { label: own, mask } of cells) {
    if (label !== undefined && own !== label) continue;
    next++;
    mask.data.forEach((value, i) => {
      if (value) map[(mask.y + Math.floor(i / CELL)) * WIDTH + mask.x + (i % CELL)] = next;
    });
  }
  return map;
}

describe('a round trip through the files of', () => {
  /** Writes an image and what `write` puts beside it, imports both, and compares every pixel; nothing is odd. */
  const roundTrip = async (
    write: (folder: string) => void | Promise<void>,
    open: (folder: string, notes: ImportNotes) => ForeignDataset,
    expected: readonly Uint16Array[],
  ): Promise<void> =>
    await withTemporaryFolder(async (folder) => {
      const [src, out] = [path.join(folder, 'src'), path.join(folder, 'out')];
      const image = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7) & 255);
      writeTiff(path.join(src, 'a.tif'), image, { ...size, channels: 3 });
      await write(src);
      const notes = await importDataset(out, (own) => open(src, own));
      assert.deepEqual(notes.list(), []);
      const dataset = await openDataset(out);
      const record = await dataset.load('a');
      assert.deepEqual(record.image, image);
      assert.deepEqual(record.labelMaps, expected);
    });
  const classes = [mapOf(1), mapOf(2)];
  const instances: Instances = {
    ...size,
    boxes: new Float32Array(4 * cells.length),
    scores: new Float32Array(cells.length).fill(1),
    labels: Int32Array.from(cells, ({ label }) => label),
    masks: cells.map(({ mask }) => encodeCropMask(mask, HEIGHT, WIDTH)),
  };

  it('label images', () =>
    roundTrip(
      (src) => writeTiff(path.join(src, 'a_labels.tif'), mapOf(), size),
      (src, notes) => openLabelImages(src, {}, notes),
      [mapOf()],
    ));

  it('Cellpose, TIFF and PNG', async () => {
    const open = (src: string, notes: ImportNotes): ForeignDataset => openCellpose(src, {}, notes);
    await roundTrip((src) => writeTiff(path.join(src, 'a_cp_masks.tif'), mapOf(), size), open, [mapOf()]);
    const png = sharp(mapOf(), { raw: { ...size, channels: 1 } })
      .toColourspace('grey16')
      .png();
    await roundTrip(
      async (src) => {
        fs.writeFileSync(path.join(src, 'a_masks.png'), await png.toBuffer());
      },
      open,
      [mapOf()],
    );
  });

  it('QuPath', () =>
    roundTrip(
      (src) => {
        const features = cellFeatures(instances, {
          image: 'a',
          classes: ['Immune cells', 'Tumor'],
          colour: () => [200, 0, 0],
        });
        fs.writeFileSync(path.join(src, 'a.geojson'), geoJson(features));
      },
      (src, notes) => openQuPath(src, {}, notes),
      classes,
    ));

  it('ImageJ, as predictions are written', () =>
    roundTrip(
      (src) => fs.writeFileSync(path.join(src, 'a_rois.zip'), roiZip(instances, ['Immune cells', 'Tumor'])),
      (src, notes) => openImageJ(src, {}, notes),
      classes,
    ));

  it('ImageJ, traced polygons and composites', () =>
    roundTrip(
      (src) => {
        const rois = cells.map(({ label, mask }, i) => ({
          name: `${String(i).padStart(4, '0')}-cell`,
          polygons: maskPolygons(mask),
          group: label,
        }));
        const rings = rois.map(({ polygons }) => polygons.length + polygons[0].holes.length);
        assert.ok(rings.includes(1) && rings.some((count) => count > 9), rings.join(' '));
        fs.writeFileSync(path.join(src, 'a_RoiSet.zip'), roiSet(rois));
      },
      (src, notes) => openImageJ(src, {}, notes),
      classes,
    ));
});
