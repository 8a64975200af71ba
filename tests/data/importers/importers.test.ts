import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import sharp from 'sharp';
import { checkDataset } from '../../../src/data/check_dataset';
import { openDataset } from '../../../src/data/dataset';
import { exportCoco } from '../../../src/data/exporters/coco';
import { extractInstances } from '../../../src/data/extract_instances';
import type { LabelMap } from '../../../src/data/formats/label_map';
import { writeTiff } from '../../../src/data/formats/tiff/write_tiff';
import { readAperioXml } from '../../../src/data/importers/aperio_xml';
import { openCellpose } from '../../../src/data/importers/cellpose';
import { openCoco } from '../../../src/data/importers/coco';
import { openImageJ } from '../../../src/data/importers/imagej';
import {
  type ForeignDataset,
  type ImportNote,
  ImportNotes,
  importDataset,
} from '../../../src/data/importers/import_dataset';
import { openLabelImages } from '../../../src/data/importers/labels';
import { openMonusac } from '../../../src/data/importers/monusac';
import { openQuPath } from '../../../src/data/importers/qupath';
import { crossesItself, isOpen, pixelPolygonMask } from '../../../src/data/importers/shapes';
import { syntheticDataset } from '../../../src/data/synthetic/synthesize';
import { writeDataset } from '../../../src/data/write_dataset';
import { fixturePath, itWithShared, ROOT, sharedPath, withTemporaryFolder } from '../../support';

const MAIN = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const WIDTH = 32;
const HEIGHT = 24;

function writeTestImage(file: string): void {
  const image = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 5) & 255);
  writeTiff(file, image, { width: WIDTH, height: HEIGHT, channels: 3 });
}

/** Imports into a new folder and reads the only image back. */
async function convert(
  folder: string,
  open: (notes: ImportNotes) => ForeignDataset,
): Promise<{
  maps: readonly (LabelMap | null)[];
  ignore: LabelMap | null;
  classes: readonly string[];
  notes: ImportNote[];
}> {
  const out = path.join(folder, 'out');
  const notes = await importDataset(out, open);
  const dataset = await openDataset(out);
  const { labelMaps, ignore } = await dataset.load(dataset.ids[0]);
  return { maps: labelMaps, ignore, classes: dataset.classes, notes: notes.list() };
}

function areas(map: LabelMap | null): number[] {
  return map ? [...extractInstances(map, HEIGHT, WIDTH, 1).areas] : [];
}

const told = (notes: readonly ImportNote[]): Record<string, number> =>
  Object.fromEntries(notes.map(({ note, count }) => [note.split(':')[0], count]));

describe('faults of polygons', () => {
  it('knows open and self-crossing lines from sound ones', () => {
    const square = [0, 0, 10, 0, 10, 10, 0, 10];
    assert.deepEqual([isOpen(square), crossesItself(square)], [false, false]);
    assert.equal(crossesItself([0, 0, 10, 10, 10, 0, 0, 10]), true);
    // A U drawn in steps of one pixel whose ends are 20 apart.
    const u = [
      ...Array.from({ length: 21 }, (_, i) => [0, 20 - i]),
      ...Array.from({ length: 20 }, (_, i) => [i + 1, 0]),
      ...Array.from({ length: 20 }, (_, i) => [20, i + 1]),
    ].flat();
    assert.equal(isOpen(u), true);
    assert.equal(isOpen([...u, 0, 20]), false);
    // A line that touches itself at a corner, and one whose last point repeats the first.
    assert.equal(crossesItself([0, 0, 4, 0, 4, 4, 2, 0, 0, 4]), false);
    assert.equal(crossesItself([...square, 0, 0]), false);
  });
});

describe('import of MoNuSAC', () => {
  const xml = (layers: string): string => `<Annotations MicronsPerPixel="0.25">${layers}</Annotations>`;
  const layer = (name: string, regions: readonly (readonly number[])[]): string => {
    const vertices = (points: readonly number[]): string =>
      points.map((x, i) => (i % 2 === 0 ? `<Vertex X="${x}" Y="${points[i + 1]}" Z="0"/>` : '')).join('');
    const body = regions.map(
      (points, i) => `<Region Id="${i + 1}"><Attributes/><Vertices>${vertices(points)}</Vertices></Region>`,
    );
    return `<Annotation Id="1" Name=""><Attributes><Attribute Name="${name}" Id="0" Value=""/></Attributes><Regions>${body.join('')}</Regions></Annotation>`;
  };

  it('fills polygons of pixel centres, puts ambiguous regions aside, and notes what is odd', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src', 'TCGA-AB-1234-01Z');
      writeTestImage(path.join(src, 'TCGA-AB-1234-01Z_1.tif'));
      const layers = [
        // Corners at pixel numbers 2..6: 5 x 5 pixels inside or on the line.
        layer('Epithelial', [
          [2, 2, 6, 2, 6, 6, 2, 6],
          [4, 4, 10, 4, 10, 10, 4, 10],
        ]),
        layer('Lymphocyte', [
          [20, 2, 28, 10, 28, 2, 20, 10],
          [40, 40, 45, 40, 45, 45],
        ]),
        layer('Neutrophil', [
          [28, 14, 35, 14, 35, 18, 28, 18],
          [3.2, 20.1, 3.3, 20.1, 3.3, 20.2],
        ]),
        layer('Ambiguous', [[12, 14, 16, 14, 16, 18, 12, 18]]),
        layer('Mitosis', [[18, 18, 20, 18, 20, 20, 18, 20]]),
      ];
      fs.writeFileSync(path.join(src, 'TCGA-AB-1234-01Z_1.xml'), xml(layers.join('')));
      const { maps, ignore, classes, notes } = await convert(folder, (own) =>
        openMonusac(path.join(folder, 'src'), {}, own),
      );
      assert.deepEqual(classes, ['epithelial', 'lymphocyte', 'neutrophil', 'macrophage']);
      // 25 and 49 pixels that share 9 (the smaller keeps them).
      assert.deepEqual(areas(maps[0]), [25, 40]);
      assert.equal(areas(maps[1]).length, 1);
      // Columns 28 to 31 of the image, five rows; and a region under a pixel, which stays.
      assert.deepEqual(areas(maps[2]), [20, 1]);
      assert.deepEqual(areas(ignore), [25, 9]);
      assert.deepEqual(told(notes), {
        'self-crossing polygon': 1,
        'outside the image': 1,
        'reaches over the edge of the image': 1,
        'smaller than a pixel': 1,
        'unknown class "Mitosis"': 1,
        'overlaps another of its class': 1,
      });
      const dataset = await openDataset(path.join(folder, 'out'));
      assert.deepEqual([dataset.pixelSize, dataset.groups], [0.25, { 'TCGA-AB-1234-01Z_1': 'TCGA-AB-1234' }]);
    });
  });

  it('refuses annotations that are cut off or none at all, naming the file', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a_1.tif'));
      for (const [text, problem] of [
        ['<Annotations><Annotation>', /a_1\.xml: is cut off|cut off/],
        ['{"a": 1}', /no Aperio annotation file/],
      ] as const) {
        fs.writeFileSync(path.join(src, 'a_1.xml'), text);
        const out = path.join(folder, `out${text.length}`);
        await assert.rejects(
          importDataset(out, (notes) => openMonusac(src, {}, notes)),
          problem,
        );
      }
    });
  });

  itWithShared('fills the regions of the three slides as scikit-image does', () => {
    // Sums of skimage.draw.polygon (0.26) over the regions of each class, not cut to the image.
    const expected = { Epithelial: 299580 + 11461, Macrophage: 86502, Lymphocyte: 122028, Neutrophil: 2617 };
    const sums: Record<string, number> = {};
    for (const name of ['A9K0_1', 'A9K0_2', 'A9K0_3'])
      for (const { className, points } of readAperioXml(sharedPath('data', 'monusac-raw', `${name}.xml`))
        .regions) {
        const mask = pixelPolygonMask(points, { width: 1700, height: 1400 });
        sums[className] = (sums[className] ?? 0) + (mask?.data.reduce((sum, value) => sum + value, 0) ?? 0);
      }
    assert.deepEqual(sums, expected);
  });

  itWithShared(
    'imports the three slides with the counts of their XML, and is the same through COCO',
    async () => {
      await withTemporaryFolder(async (folder) => {
        const out = path.join(folder, 'monusac');
        const args = ['data', 'import', 'monusac', sharedPath('data', 'monusac-raw'), out, '--json'];
        const run = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 120000 });
        assert.equal(run.status, 0, run.stderr);
        const answer = JSON.parse(run.stdout) as {
          classes: Record<string, { images: number; instances: number }>;
          notes: ImportNote[];
        };
        // Regions in the files, counted apart: A9K0_1 314 epithelial and 7 macrophages, A9K0_2 15 epithelial and 299
        // lymphocytes, A9K0_3 5 neutrophils.
        const counts = Object.entries(answer.classes).map(([name, { images, instances }]) => [
          name,
          images,
          instances,
        ]);
        assert.deepEqual(counts, [
          ['epithelial', 2, 329],
          ['lymphocyte', 1, 299],
          ['neutrophil', 1, 5],
          ['macrophage', 1, 7],
        ]);
        assert.equal(told(answer.notes)['self-crossing polygon'], 7);
        await sameThroughCoco(out, folder);
      });
    },
  );
});

/** Exports to COCO through the command line, imports again, and compares every pixel and `dataset.json`. */
async function sameThroughCoco(dir: string, folder: string): Promise<void> {
  const json = path.join(folder, 'coco.json');
  const again = path.join(folder, 'again');
  for (const args of [
    ['data', 'export', 'coco', dir, '--out', json],
    ['data', 'import', 'coco', json, dir, again],
  ]) {
    const run = spawnSync(process.execPath, [MAIN, ...args, '--json'], { encoding: 'utf8', timeout: 120000 });
    assert.equal(run.status, 0, run.stderr);
  }
  const [before, after] = [await openDataset(dir), await openDataset(again)];
  assert.deepEqual(after.ids, before.ids);
  for (const id of before.ids) assert.deepEqual(await after.load(id), await before.load(id), id);
  const info = (where: string): unknown =>
    JSON.parse(fs.readFileSync(path.join(where, 'dataset.json'), 'utf8'));
  assert.deepEqual(info(again), info(dir));
}

describe('COCO', () => {
  it('exports and imports a data set without a change, ignored regions too', async () => {
    await withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'set');
      await writeDataset(dir, syntheticDataset({ images: 3, width: 96, height: 64, seed: 3 }));
      const ignore = Uint16Array.from({ length: 96 * 64 }, (_, p) => (p % 96 < 5 ? 1 : p % 96 > 90 ? 2 : 0));
      writeTiff(path.join(dir, 'synth_0001', 'ignore.tif'), ignore, { width: 96, height: 64 });
      await sameThroughCoco(dir, folder);
      const document = await exportCoco(await openDataset(dir));
      assert.deepEqual(document.images.map(({ id, file_name }) => [id, file_name])[1], [
        2,
        'synth_0001/image.tif',
      ]);
      // Two regions, each a crowd of all four categories.
      assert.equal(document.annotations.filter(({ iscrowd }) => iscrowd === 1).length, 8);
      assert.deepEqual(
        document.categories.map(({ id }) => id),
        [1, 2, 3, 4],
      );
    });
  });

  it('reads polygons, both run-length forms and crowds; classes by rising id', async () => {
    await withTemporaryFolder(async (folder) => {
      writeTestImage(path.join(folder, 'images', 'a.tif'));
      // Column by column: 24 * 2 + 3 zeros, then 4 rows of column 2; as list, and as the string pycocotools makes of it.
      const list = { size: [HEIGHT, WIDTH], counts: [51, 4, 713] };
      const string = { size: [HEIGHT, WIDTH], counts: 'c14Yf0' };
      const file = path.join(folder, 'a.json');
      const annotation = (id: number, category_id: number, segmentation: unknown, iscrowd = 0): object => ({
        id,
        image_id: 7,
        category_id,
        segmentation,
        iscrowd,
      });
      const document = {
        images: [{ id: 7, file_name: 'a.tif', width: WIDTH, height: HEIGHT }],
        categories: [
          { id: 9, name: 'late' },
          { id: 4, name: 'early' },
        ],
        annotations: [
          annotation(1, 9, [[10, 10, 14, 10, 14, 13, 10, 13]]),
          annotation(2, 4, list),
          annotation(3, 9, string),
          annotation(4, 9, [
            [20, 2, 24, 2, 24, 6, 20, 6],
            [26, 2, 28, 2, 28, 4, 26, 4],
          ]),
          annotation(5, 4, { size: [HEIGHT, WIDTH], counts: [0, 24, 744] }, 1),
          annotation(6, 9, { size: [HEIGHT, WIDTH], counts: [0, 24, 744] }, 1),
        ],
      };
      fs.writeFileSync(file, JSON.stringify(document));
      const { maps, ignore, classes } = await convert(folder, (own) =>
        openCoco(file, path.join(folder, 'images'), {}, own),
      );
      assert.deepEqual(classes, ['early', 'late']);
      assert.deepEqual([areas(maps[0]), areas(maps[1]), areas(ignore)], [[4], [12, 4, 20], [24]]);
      // Column 2, rows 3 to 6, of both codes.
      for (const map of maps)
        assert.deepEqual(
          [2, 3, 6, 7].map((y) => (map?.[y * WIDTH + 2] ?? 0) > 0),
          [false, true, true, false],
        );
      const broken = { ...document, annotations: [annotation(1, 5, list)] };
      fs.writeFileSync(file, JSON.stringify(broken));
      assert.throws(
        () => openCoco(file, folder, {}, new ImportNotes()),
        /none of its 1 annotations can be used; annotations\[0\] \(id 1\): there is no category 5/,
      );
    });
  });
});

describe('import of label images', () => {
  const labels = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, p) => {
    const [x, y] = [p % WIDTH, Math.floor(p / WIDTH)];
    if (y >= 2 && y < 6 && x >= 2 && x < 8) return 1;
    return y >= 2 && y < 6 && x >= 8 && x < 13 ? 5 : y >= 12 && y < 20 && x >= 20 ? 300 : 0;
  });
  const size = { width: WIDTH, height: HEIGHT };

  it('takes one class, keeping the numbers', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'images', 'a.tif'));
      writeTestImage(path.join(src, 'images', 'lonely.tif'));
      writeTiff(path.join(src, 'labels', 'a.tif'), labels, size);
      const { maps, classes, notes } = await convert(folder, (own) =>
        openLabelImages(src, { className: 'nucleus' }, own),
      );
      assert.deepEqual(classes, ['nucleus']);
      assert.deepEqual(maps[0], labels);
      assert.deepEqual(told(notes), { 'image without a label image': 1 });
    });
  });

  it('takes a list of classes, as JSON or CSV', async () => {
    for (const [name, text] of [
      ['a_classes.json', '{"1": "b", "5": "a"}'],
      ['a_classes.csv', 'number,class\n1,b\n5,a\n'],
    ]) {
      await withTemporaryFolder(async (folder) => {
        const src = path.join(folder, 'src');
        writeTestImage(path.join(src, 'a.tif'));
        writeTiff(path.join(src, 'a_labels.tif'), labels, size);
        fs.writeFileSync(path.join(src, name), text);
        const { maps, classes, notes } = await convert(folder, (own) => openLabelImages(src, {}, own));
        assert.deepEqual(classes, ['a', 'b']);
        assert.deepEqual([areas(maps[0]), areas(maps[1])], [[20], [24]]);
        assert.deepEqual(
          notes.map(({ note, examples }) => [note.slice(0, 22), examples[0]]),
          [['cell without a class i', 'a, number 300']],
        );
      });
    }
  });

  it('takes what Cellpose saves, and refuses a pickle that is none of its own', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a.tif'));
      // As cellpose.io.save_masks: a 16-bit PNG called _cp_masks.
      const png = sharp(labels, { raw: { ...size, channels: 1 } })
        .toColourspace('grey16')
        .png();
      fs.writeFileSync(path.join(src, 'a_cp_masks.png'), await png.toBuffer());
      // A pickle that would run a command: a name that no array needs.
      const header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }".padEnd(117).concat('\n');
      const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}`, 'latin1');
      const pickle = Buffer.from('\x80\x03cos\nsystem\nX\x02\x00\x00\x00ls\x85R.', 'latin1');
      fs.writeFileSync(path.join(src, 'a_seg.npy'), Buffer.concat([head, pickle]));
      const { maps, classes } = await convert(folder, (own) => openCellpose(src, {}, own));
      assert.deepEqual([classes, maps[0]], [['cell'], labels]);
      fs.rmSync(path.join(src, 'a_cp_masks.png'));
      const refused = importDataset(path.join(folder, 'out2'), (own) => openCellpose(src, {}, own));
      await assert.rejects(refused, (error: { message: string; where?: string; fix?: string }) => {
        assert.match(error.message, /its pickle names os\.system.*refused, nothing was run/);
        assert.match(error.where ?? '', /a_seg\.npy$/);
        assert.match(error.fix ?? '', /Save masks as PNG\/tif/);
        return true;
      });
    });
  });
});

describe('import of QuPath', () => {
  it('takes polygons with holes, several parts, classes, and regions to ignore', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a.tif'));
      const ring = (x1: number, y1: number, x2: number, y2: number): number[][] => [
        [x1, y1],
        [x2, y1],
        [x2, y2],
        [x1, y2],
        [x1, y1],
      ];
      const feature = (
        classification: object | undefined,
        type: string,
        coordinates: unknown,
        name?: string,
      ): object => ({
        type: 'Feature',
        geometry: { type, coordinates },
        properties: {
          objectType: 'annotation',
          ...(name ? { name } : {}),
          ...(classification ? { classification } : {}),
        },
      });
      const features = [
        feature({ name: 'Tumor', color: [200, 0, 0] }, 'Polygon', [ring(2, 2, 8, 8), ring(4, 4, 6, 6)]),
        feature({ names: ['Immune cells'] }, 'MultiPolygon', [[ring(10, 2, 12, 4)], [ring(14, 2, 16, 5)]]),
        feature({ name: 'Ignore*' }, 'Polygon', [ring(20, 10, 30, 20)]),
        feature(undefined, 'Polygon', [ring(2, 12, 5, 15).slice(0, 4)]),
        feature(
          { name: 'Tumor' },
          'LineString',
          [
            [0, 0],
            [5, 5],
          ],
          'ruler',
        ),
      ];
      for (const document of [{ type: 'FeatureCollection', features }, features]) {
        fs.writeFileSync(path.join(src, 'a.geojson'), JSON.stringify(document));
        fs.rmSync(path.join(folder, 'out'), { recursive: true, force: true });
        const { maps, ignore, classes, notes } = await convert(folder, (own) => openQuPath(src, {}, own));
        assert.deepEqual(classes, ['Immune cells', 'Tumor', 'cell']);
        // 36 - 4; 4 + 6; 9; 100: squares of whole pixels.
        assert.deepEqual(
          [areas(maps[0]), areas(maps[1]), areas(maps[2]), areas(ignore)],
          [[10], [32], [9], [100]],
        );
        assert.deepEqual(
          notes.map(({ note, examples }) => [note, examples[0]]),
          [
            ['ring that does not end where it began: closed by a straight line', 'a, feature 4'],
            ['LineString: not a region, left out', 'a, feature 5 (ruler)'],
          ],
        );
      }
    });
  });
});

describe('import of ImageJ', () => {
  it('takes a ROI set that roifile wrote: polygons, sub-pixel, rectangle, oval; groups become classes', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a.tif'));
      fs.copyFileSync(fixturePath('exchange', 'rois.zip'), path.join(src, 'a_RoiSet.zip'));
      const { maps, classes, notes } = await convert(folder, (own) => openImageJ(src, {}, own));
      assert.deepEqual(classes, ['cell', 'group3']);
      const [square, rectangle, oval] = areas(maps[0]);
      // 10 x 6 and 6 x 4 pixels; an ellipse of half axes 6 and 4 has 75.4.
      assert.deepEqual([square, rectangle], [60, 24]);
      assert.ok(Math.abs(oval - 75.4) < 5, String(oval));
      // Base 8.25, height 8.25: 34.
      const [triangle] = areas(maps[1]);
      assert.ok(Math.abs(triangle - 34) < 5, String(triangle));
      assert.deepEqual(notes, [
        { note: 'point: not a region, left out', count: 1, examples: ['a, ROI point'] },
      ]);
    });
  });

  it('refuses a broken zip and a broken ROI, naming them', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a.tif'));
      fs.writeFileSync(path.join(src, 'a.zip'), 'no zip');
      const run = async (): Promise<unknown> =>
        await importDataset(path.join(folder, 'out'), (own) => openImageJ(src, {}, own));
      await assert.rejects(run(), /cannot be read as a zip/);
      fs.rmSync(path.join(src, 'a.zip'));
      fs.writeFileSync(path.join(src, 'a.roi'), Buffer.concat([Buffer.from('Iout'), Buffer.alloc(10)]));
      await assert.rejects(run(), /is no ImageJ ROI/);
    });
  });
});

describe('imports', () => {
  it('drop nothing for its size, and refuse a folder that is not empty', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'src');
      writeTestImage(path.join(src, 'a.tif'));
      writeTiff(
        path.join(src, 'a_masks.tif'),
        Uint8Array.from({ length: WIDTH * HEIGHT }, (_, p) => (p < 3 ? p + 1 : 0)),
        { width: WIDTH, height: HEIGHT },
      );
      const out = path.join(folder, 'out');
      await importDataset(out, (own) => openCellpose(src, { channelOrder: 'bgr' }, own));
      const check = await checkDataset(out);
      assert.deepEqual(check.classes, { cell: { images: 1, instances: 3, areaMedian: 1, small: 3 } });
      assert.equal((await openDataset(out)).channelOrder, 'bgr');
      await assert.rejects(
        importDataset(out, (own) => openCellpose(src, { channelOrder: 'bgr' }, own)),
        { message: 'is not empty' },
      );
    });
  });
});
