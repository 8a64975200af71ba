import assert from 'node:assert/strict';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import { withTemporaryFolder } from '../../support';
import { HEIGHT, mask, put, putImage, runImport, WIDTH } from './inputs';

/** An array as numpy.save writes it, version 1. */
function npy(descr: string, shape: readonly number[], bytes: Uint8Array): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = text.padEnd(117).concat('\n');
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header, 'latin1'), bytes]);
}

/** An element of a MATLAB file of level 5: its type, its size, its bytes to a multiple of eight. */
function element(type: number, bytes: Uint8Array): Buffer {
  const out = Buffer.alloc(8 + Math.ceil(bytes.length / 8) * 8);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(bytes.length, 4);
  out.set(bytes, 8);
  return out;
}

/** A matrix of doubles: flags (class 6), dimensions, name, values column by column. */
function matrix(
  name: string,
  rows: number,
  columns: number,
  at: (row: number, column: number) => number,
): Buffer {
  const values = new Float64Array(rows * columns);
  for (let c = 0; c < columns; c++) for (let r = 0; r < rows; r++) values[c * rows + r] = at(r, c);
  const flags = new Uint8Array(Uint32Array.from([6, 0]).buffer);
  const sizes = new Uint8Array(Int32Array.from([rows, columns]).buffer);
  return element(
    14,
    Buffer.concat([
      element(6, flags),
      element(5, sizes),
      element(1, Buffer.from(name)),
      element(9, new Uint8Array(values.buffer)),
    ]),
  );
}

function matFile(parts: readonly Buffer[], compressed: boolean): Buffer {
  const header = Buffer.alloc(128, 32);
  header.write('MATLAB 5.0 MAT-file');
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126);
  const packed = parts.map((part) => {
    if (!compressed) return part;
    const bytes = deflateSync(part);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(15, 0);
    head.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([header, ...packed]);
}

// Written by NumPy 2.4.6: np.save of {'masks': uint16 [3, 4], 'est_diam': float64, 'colors', 'filename', 'manual_changes'}.
const SEG_NPY =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnfE8nLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAqABJWtAQAAAAAAAIwWbnVtcHkuX2NvcmUubXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlIwFbnVtcHmUjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBKWgDjAVkdHlwZZSTlIwCTziUiYiHlFKUKEsDjAF8lE5OTkr/////Sv////9LP3SUYoldlH2UKIwFbWFza3OUaAJoBUsAhZRoB4eUUpQoSwFLA0sEhpRoC4wCdTKUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYolDGAAAAQABAAAAAgACAAAAAAACAAAAAAADAJR0lGKMCGVzdF9kaWFtlGgAjAZzY2FsYXKUk5RoC4wCZjiUiYiHlFKUKEsDaBtOTk5K/////0r/////SwB0lGJDCAAAAAAAAD5AlIaUUpSMBmNvbG9yc5RoAmgFSwCFlGgHh5RSlChLAUsBSwOGlGgLjAJ1MZSJiIeUUpQoSwNoD05OTkr/////Sv////9LAHSUYolDAwAAAJR0lGKMCGZpbGVuYW1llIwFYS5wbmeUjA5tYW51YWxfY2hhbmdlc5RdlHVhdJRiLg==';

describe('arrays of other tools', () => {
  it("takes the masks of Cellpose's _seg.npy, which NumPy pickled, and runs nothing", async () => {
    await withTemporaryFolder(async (folder) => {
      const src = path.join(folder, 'in');
      const sharp = (await import('sharp')).default;
      const image = sharp({ create: { width: 4, height: 3, channels: 3, background: '#888' } });
      put(path.join(src, 'a.png'), await image.png().toBuffer());
      put(path.join(src, 'a_seg.npy'), Buffer.from(SEG_NPY, 'base64'));
      const { records, classes } = await runImport('cellpose', [src], path.join(folder, 'out'));
      assert.deepEqual(classes, ['cell']);
      assert.deepEqual([...(records[0].labelMaps[0] ?? [])], [0, 1, 1, 0, 2, 2, 0, 0, 2, 0, 0, 3]);
      put(path.join(src, 'a_seg.npy'), Buffer.from(SEG_NPY, 'base64').subarray(0, 400));
      await assert.rejects(runImport('cellpose', [src], path.join(folder, 'out2')), /is cut off/);
    });
  });

  it('takes PanNuke: five classes a channel each, one image at a time', async () => {
    await withTemporaryFolder(async (folder) => {
      const [side, n] = [16, 2];
      const images = Float64Array.from({ length: n * side * side * 3 }, (_, i) => i % 256);
      const masks = new Float64Array(n * side * side * 6);
      // Of the second image: 8 pixels of cell 7 in channel 0, and 4 of cell 2 in channel 4.
      for (let p = 0; p < 8; p++) masks[(side * side + p) * 6] = 7;
      for (let p = 20; p < 24; p++) masks[(side * side + p) * 6 + 4] = 2;
      const src = path.join(folder, 'in', 'Fold 1');
      const bytes = (array: Float64Array): Uint8Array => new Uint8Array(array.buffer);
      put(path.join(src, 'images', 'fold1', 'images.npy'), npy('<f8', [n, side, side, 3], bytes(images)));
      put(path.join(src, 'masks', 'fold1', 'masks.npy'), npy('<f8', [n, side, side, 6], bytes(masks)));
      const { ids, areas, classes, records } = await runImport(
        'pannuke',
        [path.join(folder, 'in')],
        path.join(folder, 'out'),
      );
      assert.deepEqual(ids, ['fold1_00001', 'fold1_00002']);
      assert.deepEqual(classes, ['neoplastic', 'inflammatory', 'connective', 'dead', 'epithelial']);
      assert.deepEqual(areas, [
        [[], [], [], [], []],
        [[8], [], [], [], [4]],
      ]);
      assert.equal(records[1].image[5], (side * side * 3 + 5) % 256);
    });
  });

  it("takes CoNSeP's MATLAB files, packed or not, and refuses version 7.3 with the way out", async () => {
    for (const compressed of [false, true])
      await withTemporaryFolder(async (folder) => {
        const src = path.join(folder, 'in', 'Train');
        await putImage(path.join(src, 'Images', 'train_1.png'));
        const parts = [
          matrix('inst_map', HEIGHT, WIDTH, (row, column) => mask[row * WIDTH + column]),
          matrix('type_map', HEIGHT, WIDTH, (row, column) => [0, 3, 7][mask[row * WIDTH + column]]),
        ];
        put(path.join(src, 'Labels', 'train_1.mat'), matFile(parts, compressed));
        const { classes, areas } = await runImport(
          'consep',
          [path.join(folder, 'in')],
          path.join(folder, 'out'),
        );
        assert.deepEqual([classes[2], classes[6]], ['healthy epithelial', 'endothelial']);
        assert.deepEqual(areas[0], [[], [], [120], [], [], [], [150]]);
        put(path.join(src, 'Labels', 'train_1.mat'), `MATLAB 7.3 MAT-file${' '.repeat(600)}`);
        await assert.rejects(
          runImport('consep', [path.join(folder, 'in')], path.join(folder, 'out2')),
          (error: { message: string; fix?: string }) => {
            assert.match(error.message, /version 7\.3/);
            assert.match(error.fix ?? '', /-v7/);
            return true;
          },
        );
      });
  });
});
