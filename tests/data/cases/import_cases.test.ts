import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { encodeRoi, type RoiToWrite } from '../../../src/data/formats/imagej_roi';
import { openCoco } from '../../../src/data/importers/coco';
import { ImportNotes } from '../../../src/data/importers/import_dataset';
import { withTemporaryFolder } from '../../support';
import { HEIGHT, mask, put, putImage, putPng, putTiff, rgb, runImport, size, texts, WIDTH } from './inputs';

const square = (x: number, y: number, w: number, h: number): number[] => [
  x,
  y,
  x + w,
  y,
  x + w,
  y + h,
  x,
  y + h,
];
const annotation = (id: unknown, segmentation: unknown, more: object = {}): object => ({
  id,
  image_id: 1,
  category_id: 1,
  segmentation,
  iscrowd: 0,
  bbox: [0, 0, 1, 1],
  area: 1,
  ...more,
});
/** 100 and 150 pixels. */
const two = [annotation(1, [square(5, 5, 10, 10)]), annotation(2, [square(25, 20, 15, 10)])];
const image = { id: 1, file_name: 'a.png', ...size };
const cell = { id: 1, name: 'cell' };
const document = (
  annotations: readonly object[],
  images: readonly object[] = [image],
  categories: readonly object[] = [cell],
): object => ({
  images,
  categories,
  annotations,
});

/** Imports a COCO document with `a.png` beside it. */
async function coco(
  value: object | string,
  prepare?: (src: string) => void | Promise<void>,
): ReturnType<typeof runImport> {
  return await withTemporaryFolder(async (folder) => {
    const src = path.join(folder, 'in');
    if (prepare) await prepare(src);
    else await putImage(path.join(src, 'a.png'));
    put(path.join(src, 'ann.json'), typeof value === 'string' ? value : JSON.stringify(value));
    return await runImport('coco', [path.join(src, 'ann.json'), src], path.join(folder, 'out'));
  });
}

describe('COCO as tools write it', () => {
  it('takes backslashes, letter case and Unicode forms of names, and stays within the folder', async () => {
    const put2 = (name: string) => async (src: string) => await putImage(path.join(src, name));
    for (const [told, there] of [
      ['JPEGImages\\a.png', 'JPEGImages/a.png'],
      ['A.PNG', 'a.png'],
      // e with an accent as two characters, and as one.
      ['cafe\u0301.png', 'caf\u00e9.png'],
      ['../a.png', 'a.png'],
    ]) {
      const { areas } = await coco(document(two, [{ ...image, file_name: told }]), put2(there));
      assert.deepEqual(areas, [[[100, 150]]], told);
    }
  });

  it('refuses two images of one id, and two categories', async () => {
    await assert.rejects(
      coco(document(two, [image, { ...image, file_name: 'b.png' }])),
      /two images have the id 1/,
    );
    await assert.rejects(
      coco(document(two, [image], [cell, { id: 1, name: 'b' }])),
      /two categories have the id 1/,
    );
    await assert.rejects(
      coco(document(two, [image, { ...image, id: '1', file_name: 'b.png' }])),
      /two images have the id 1/,
    );
  });

  it('takes points in lists of their own, and a single list of numbers', async () => {
    const nested = annotation(3, [
      [
        [30, 2],
        [36, 2],
        [36, 8],
        [30, 8],
      ],
    ]);
    assert.deepEqual((await coco(document([...two, nested]))).areas, [[[100, 150, 36]]]);
    assert.deepEqual((await coco(document([annotation(1, square(5, 5, 10, 10))]))).areas, [[[100]]]);
  });

  it('leaves out one bad annotation and names it: a box alone, NaN, another size, no image, no category', async () => {
    const bad: [object, RegExp][] = [
      [annotation(3, undefined), /without a mask \(a box alone\): left out/],
      [annotation(3, null), /without a mask/],
      [annotation(3, []), /without a mask/],
      [annotation(3, [[]]), /without a mask/],
      [annotation(3, [[1, 2, null, 4, 5, 6]]), /expected polygons.*left out/],
      [annotation(3, { size: [3, 3], counts: [9] }), /expected a mask of 40 x 50, got 3 x 3: left out/],
      [annotation(3, { size: [HEIGHT, WIDTH], counts: 'ZZZZ~' }), /left out/],
      [annotation(3, [square(5, 5, 1e9, 3)]), /a million pixels: left out/],
      [annotation(3, [square(1, 1, 3, 3)], { image_id: 9 }), /annotation left out: there is no image 9/],
      [
        annotation(3, [square(1, 1, 3, 3)], { category_id: 9 }),
        /annotation left out: there is no category 9/,
      ],
    ];
    for (const [one, note] of bad) {
      const imported = await coco(document([...two, one]));
      assert.deepEqual(imported.areas, [[[100, 150]]]);
      assert.match(texts(imported).join('\n'), note);
      assert.match(imported.notes[0].examples[0], /annotation 3|id 3/);
    }
  });

  it('takes a byte-order mark, NaN where it is not used, ids as text on one side', async () => {
    const text = JSON.stringify(document(two))
      .replace('"area":1', '"area":NaN')
      .replace('"iscrowd":0', '"iscrowd":0,"note":"a NaN, -Infinity"');
    assert.deepEqual((await coco(`\ufeff${text}`)).areas, [[[100, 150]]]);
    const ids = two.map((one) => ({ ...one, image_id: '1', category_id: '1' }));
    assert.deepEqual((await coco(document(ids))).areas, [[[100, 150]]]);
  });

  it("passes over Roboflow's root category, and says where there is no cell at all", async () => {
    const categories = [
      { id: 0, name: 'cells', supercategory: 'none' },
      { id: 1, name: 'tumour', supercategory: 'cells' },
      { id: 2, name: 'stroma', supercategory: 'cells' },
    ];
    const imported = await coco(document(two, [image], categories));
    assert.deepEqual(imported.classes, ['tumour', 'stroma']);
    assert.match(texts(imported).join(), /category "cells" is over all others/);
    const crowds = await coco(document(two.map((one) => ({ ...one, iscrowd: 1 }))));
    assert.deepEqual([crowds.areas, crowds.records[0].ignore?.includes(1)], [[[[]]], true]);
    assert.match(texts(crowds).join(), /every annotation is a crowd/);
  });

  it('gives two files of one stem two ids, and an id never leaves its folder', async () => {
    const names = ['a.png', 'a.jpg', '..png', 'x/con.png'];
    const images = names.map((file_name, i) => ({ ...image, id: i + 1, file_name }));
    const { ids } = await coco(document([], images), async (src) => {
      for (const name of names) await putImage(path.join(src, name));
    });
    assert.deepEqual([...ids].sort(), ['_', '_con', 'a.jpg', 'a.png'].sort());
  });

  it('turns the image upright where EXIF says so, as the polygons were drawn', async () => {
    const turned = await coco(
      document(two, [{ ...image, file_name: 'a.jpg' }]),
      async (src) => await putImage(path.join(src, 'a.jpg'), 3),
    );
    // Half a turn: the first pixel shown is the last stored. JPEG keeps a smooth image to a few levels.
    const { image: got } = turned.records[0];
    for (let c = 0; c < 3; c++) assert.ok(Math.abs(got[c] - rgb[rgb.length - 3 + c]) < 12, `${got[c]}`);
    assert.deepEqual(turned.areas, [[[100, 150]]]);
    assert.match(texts(turned).join(), /EXIF orientation 3: it is turned upright/);
    await assert.rejects(
      coco(
        document(two, [{ ...image, file_name: 'a.jpg' }]),
        async (src) => await putImage(path.join(src, 'a.jpg'), 6),
      ),
      /is 50 x 40, its image 40 x 50 \(turned upright by its EXIF orientation\?\)/,
    );
  });

  it('keeps 400 codes as large as the image in little memory', async () => {
    const [width, height] = [4000, 4000];
    await withTemporaryFolder(async (folder) => {
      put(
        path.join(folder, 'a.png'),
        await sharp({ create: { width, height, channels: 3, background: '#fff' } })
          .png()
          .toBuffer(),
      );
      const whole = { size: [height, width], counts: [0, width * height] };
      put(
        path.join(folder, 'ann.json'),
        JSON.stringify(
          document(
            Array.from({ length: 400 }, (_, i) => annotation(i, whole)),
            [{ ...image, width, height }],
          ),
        ),
      );
      const opened = openCoco(path.join(folder, 'ann.json'), folder, {}, new ImportNotes());
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }, 5);
      await opened.load('a', new ImportNotes());
      clearInterval(timer);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      // As bytes the masks alone would take 6.4 GB.
      assert.ok(most < 1e9, `${most}`);
    });
  });
});

describe('label images of the world', () => {
  const binary = Uint8Array.from(mask, (value) => (value ? 255 : 0));
  const table = [
    [0, 0, 0],
    [250, 10, 3],
    [3, 10, 250],
  ];
  const colours = Uint8Array.from(
    { length: 3 * mask.length },
    (_, i) => table[mask[Math.floor(i / 3)]][i % 3],
  );
  const labels = async (
    prepare: (src: string) => void | Promise<void>,
    settings: object = {},
    name = 'labels',
  ): ReturnType<typeof runImport> =>
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      await prepare(src);
      return await runImport(name, [src], path.join(folder, 'out'), settings);
    });

  it('tells a mask of 0 and 255, and parts it into pieces where asked to', async () => {
    const prepare = async (src: string): Promise<void> => {
      putTiff(path.join(src, 'a.tif'), rgb, 3);
      await putPng(path.join(src, 'a_labels.png'), binary);
    };
    const plain = await labels(prepare);
    assert.deepEqual(plain.areas, [[[270]]]);
    assert.match(texts(plain).join(), /one number \(255\) in 2 separate pieces: a binary mask\?/);
    const parted = await labels(prepare, { components: true });
    assert.deepEqual([parted.areas, parted.notes], [[[[120, 150]]], []]);
  });

  it('takes colours as cells where asked to, says so else; grey in three channels is a label image', async () => {
    const prepare = async (src: string): Promise<void> => {
      putTiff(path.join(src, 'a.tif'), rgb, 3);
      await putPng(path.join(src, 'a_labels.png'), colours, 3);
    };
    await assert.rejects(labels(prepare), (error: { message: string; fix?: string }) => {
      assert.match(error.message, /has 3 channels \(3 colours\)/);
      assert.match(error.fix ?? '', /--by-colour/);
      return true;
    });
    assert.deepEqual((await labels(prepare, { byColour: true })).areas, [[[120, 150]]]);
    const grey = await labels(async (src) => {
      putTiff(path.join(src, 'a.tif'), rgb, 3);
      await putPng(
        path.join(src, 'a_labels.png'),
        Uint8Array.from({ length: 3 * mask.length }, (_, i) => mask[Math.floor(i / 3)]),
        3,
      );
    });
    assert.deepEqual(grey.areas, [[[120, 150]]]);
    assert.match(texts(grey).join(), /grey in three equal channels/);
  });

  it('takes the numbers of an indexed PNG, and finds one flipped bit', async () => {
    const indexed = await sharp(colours, { raw: { ...size, channels: 3 } })
      .png({ palette: true, colours: 3 })
      .toBuffer();
    // libvips orders the palette as it likes: three numbers, of which one is the ground.
    const write = (bytes: Buffer) => (src: string) => {
      putTiff(path.join(src, 'a.tif'), rgb, 3);
      put(path.join(src, 'a_labels.png'), bytes);
    };
    const { areas, notes } = await labels(write(indexed));
    assert.ok(
      areas[0][0].every((area) => [120, 150, 1730].includes(area)),
      String(areas),
    );
    assert.match(texts({ notes }).join(), /indexed image/);
    const data = indexed.indexOf('IDAT');
    for (const at of [data + 6, data + 12, indexed.length - 20]) {
      const flipped = Buffer.from(indexed);
      flipped[at] ^= 1;
      await assert.rejects(labels(write(flipped)), /checksum .* is wrong/);
    }
  });

  it('takes one file a cell, as in the Data Science Bowl of 2018', async () => {
    const { areas, ids } = await labels(async (src) => {
      await putImage(path.join(src, 'abc', 'images', 'abc.png'));
      for (const k of [1, 2])
        await putPng(
          path.join(src, 'abc', 'masks', `m${k}.png`),
          Uint8Array.from(mask, (value) => (value === k ? 255 : 0)),
        );
    });
    assert.deepEqual([ids, areas], [['abc'], [[[120, 150]]]]);
    // The same with a folder of masks for each of several images.
    const several = await labels(async (src) => {
      for (const name of ['a', 'b']) {
        await putImage(path.join(src, 'images', `${name}.png`));
        const cell = Uint8Array.from(mask, (value) => (value === (name === 'a' ? 1 : 2) ? 255 : 0));
        await putPng(path.join(src, 'masks', name, '1.png'), cell);
      }
    });
    assert.deepEqual(
      [several.ids, several.areas],
      [
        ['a', 'b'],
        [[[120]], [[150]]],
      ],
    );
  });

  it('pairs one name in two folders with the masks of its own folder', async () => {
    const { ids, areas } = await labels(async (src) => {
      for (const [split, keep] of [
        ['train', 1],
        ['val', 2],
      ] as const) {
        await putImage(path.join(src, split, 'images', '1.png'));
        await putPng(
          path.join(src, split, 'masks', '1.png'),
          Uint8Array.from(mask, (value) => (value === keep ? value : 0)),
        );
      }
    });
    assert.deepEqual(
      [ids, areas],
      [
        ['train_1', 'val_1'],
        [[[120]], [[150]]],
      ],
    );
  });

  it("knows Cellpose's own names, and names what it leaves out", async () => {
    const imported = await labels(
      async (src) => {
        putTiff(path.join(src, 'a_img.tif'), rgb, 3);
        putTiff(path.join(src, 'a_masks.tif'), mask);
        putTiff(path.join(src, 'b_img.tif'), rgb, 3);
      },
      {},
      'cellpose',
    );
    assert.deepEqual([imported.ids, imported.areas], [['a'], [[[120, 150]]]]);
    assert.match(texts(imported).join(), /image without a label image: left out/);
  });
});

describe('QuPath and ImageJ as people use them', () => {
  const ring = (x: number, y: number, w: number, h: number): number[][] => [
    [x, y],
    [x + w, y],
    [x + w, y + h],
    [x, y + h],
    [x, y],
  ];
  const feature = (kind: string, rings: number[][][], name?: string, more: object = {}): object => ({
    type: 'Feature',
    geometry: { type: 'Polygon', coordinates: rings },
    properties: { objectType: kind, ...(name ? { classification: { name } } : {}) },
    ...more,
  });
  const qupath = async (
    features: readonly object[] | string,
    settings: object = {},
  ): ReturnType<typeof runImport> =>
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      await putImage(path.join(src, 'a.png'));
      put(
        path.join(src, 'a.geojson'),
        typeof features === 'string' ? features : JSON.stringify({ type: 'FeatureCollection', features }),
      );
      return await runImport('qupath', [src], path.join(folder, 'out'), settings);
    });

  it('passes over measurements that are NaN', async () => {
    const text = JSON.stringify([
      feature('detection', [ring(5, 5, 10, 10)], 'Tumor', { measurements: { x: 0.5 } }),
    ]).replace('0.5', 'NaN');
    assert.deepEqual((await qupath(text)).areas, [[[100]]]);
  });

  it('takes annotations that hold cells for regions, and annotations alone for cells', async () => {
    const cells = [
      feature('detection', [ring(5, 5, 10, 10)], 'Tumor'),
      feature('detection', [ring(25, 20, 15, 10)], 'Immune'),
    ];
    for (const region of [
      feature('annotation', [ring(2, 2, 45, 35)]),
      feature('annotation', [ring(2, 2, 45, 35)], 'Tumor'),
    ]) {
      const imported = await qupath([region, ...cells]);
      assert.deepEqual([imported.classes, imported.areas], [['Immune', 'Tumor'], [[[150], [100]]]]);
      assert.match(texts(imported).join(), /annotation of a region that holds cells/);
    }
    const drawn = await qupath([
      feature('annotation', [ring(5, 5, 10, 10)], 'Tumor'),
      feature('annotation', [ring(25, 20, 15, 10)], 'Tumor'),
    ]);
    assert.deepEqual([drawn.areas, drawn.notes], [[[[100, 150]]], []]);
  });

  it('takes the outline of the nucleus where asked to, and leaves out what is damaged', async () => {
    const nucleusGeometry = { type: 'Polygon', coordinates: [ring(7, 7, 4, 4)] };
    const cells = [
      feature('cell', [ring(5, 5, 10, 10)], 'Tumor', { nucleusGeometry }),
      feature(
        'cell',
        [
          [
            [1, 2],
            ['x', 3],
          ] as never,
        ],
        'Tumor',
      ),
      null as never,
    ];
    const outer = await qupath(cells);
    assert.deepEqual(outer.areas, [[[100]]]);
    assert.match(texts(outer).join(), /--nuclei.*|no feature/);
    assert.deepEqual((await qupath(cells, { nuclei: true })).areas, [[[16]]]);
  });

  const roi = (name: string, x: number): RoiToWrite => ({
    name,
    group: 0,
    rings: [[x, 5, x + 10, 5, x + 10, 15, x, 15]],
  });
  /** A ROI with its place in a plain stack (header, byte 56). */
  const placed = (name: string, x: number, position: number): Uint8Array => {
    const bytes = Buffer.from(encodeRoi(roi(name, x)));
    bytes.writeInt32BE(position, 56);
    return bytes;
  };

  it("takes the ROIs of the plane that is read, and Cellpose's and ImageJ's names of the zip", async () => {
    for (const name of ['a.zip', 'a_RoiSet.zip', 'a_rois.zip', 'RoiSet.zip', 'A_ROISET.ZIP'])
      await withTemporaryFolder(async (folder) => {
        const src = path.join(folder, 'in');
        putTiff(path.join(src, 'a.tif'), rgb, 3);
        put(path.join(src, name), zipSync({ 'r.roi': encodeRoi(roi('r', 5)) }));
        assert.deepEqual((await runImport('imagej', [src], path.join(folder, 'out'))).areas, [[[100]]], name);
      });
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      // libvips writes the pages of an image three times as high.
      const pages = sharp(Buffer.alloc(WIDTH * HEIGHT * 3, 9), {
        raw: { width: WIDTH, height: HEIGHT * 3, channels: 1, pageHeight: HEIGHT },
      });
      put(path.join(src, 'a.tif'), await pages.toColourspace('b-w').tiff({ compression: 'none' }).toBuffer());
      put(path.join(src, 'a.zip'), zipSync({ 'z1.roi': placed('z1', 5, 1), 'z2.roi': placed('z2', 8, 2) }));
      const first = await runImport('imagej', [src], path.join(folder, 'out'));
      assert.deepEqual(first.areas, [[[100]]]);
      assert.deepEqual(
        first.notes.map(({ note, examples }) => [note.slice(0, 34), examples[0]]),
        [
          ['image holds 3 pages: plane 1 of 3 ', 'a'],
          ['on another plane of the stack: lef', 'a, ROI z2'],
        ],
      );
      const second = await runImport('imagej', [src], path.join(folder, 'out2'), { plane: 2 });
      assert.ok(
        second.records[0].labelMaps[0]?.[5 * WIDTH + 8] && !second.records[0].labelMaps[0]?.[5 * WIDTH + 5],
      );
    });
  });

  it('finds zips in another folder, as in NuInsSeg', async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in', 'human bladder');
      await putImage(path.join(src, 'tissue images', 'human_bladder_01.png'));
      put(
        path.join(src, 'Imagej_zips', 'human_bladder_01.zip'),
        zipSync({ 'r.roi': encodeRoi(roi('r', 5)) }),
      );
      const { ids, areas } = await runImport('imagej', [path.join(folder, 'in')], path.join(folder, 'out'));
      assert.deepEqual([ids, areas], [['human_bladder_01'], [[[100]]]]);
    });
  });
});

describe('MoNuSeg', () => {
  const region = (x: number, y: number, w: number, h: number): string => {
    const corners = [
      [x, y],
      [x + w, y],
      [x + w, y + h],
      [x, y + h],
    ].map(([a, b]) => `<Vertex X="${a}" Y="${b}"/>`);
    return `<Region><Vertices>${corners.join('')}</Vertices></Region>`;
  };
  const xml = (attribute: string): string =>
    `<Annotations><Annotation Id="1" Name=""><Attributes>${attribute}</Attributes><Regions>${region(5, 5, 10, 10)}${region(25, 20, 15, 10)}</Regions></Annotation></Annotations>`;

  it('takes regions without a class for nuclei, under either name, its folders too', async () => {
    for (const [name, attribute] of [
      ['monusac', '<Attribute Name="Description" Value=""/>'],
      ['monuseg', '<Attribute Name="Description" Value=""/>'],
      ['monuseg', ''],
    ])
      await withTemporaryFolder(async (folder) => {
        const src = path.join(folder, 'in');
        putTiff(path.join(src, 'Tissue Images', 'T.tif'), rgb, 3);
        put(path.join(src, 'Annotations', 'T.xml'), xml(attribute));
        const imported = await runImport(name, [src], path.join(folder, 'out'));
        // 11 x 11 and 16 x 11: pixel numbers on the line included.
        assert.deepEqual([imported.classes, imported.areas], [['nucleus'], [[[121, 176]]]]);
        if (name === 'monusac') assert.match(texts(imported).join(), /as in MoNuSeg/);
        assert.ok(fs.existsSync(path.join(folder, 'out', 'dataset.json')));
      });
  });
});
