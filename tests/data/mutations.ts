import * as fs from 'node:fs';
import * as path from 'node:path';
import { deflateSync } from 'node:zlib';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { CytobenchError } from '../../src/core/errors';
import { createRng, type Rng } from '../../src/core/rng';
import { readImage } from '../../src/data/formats/image';
import { encodeRoi } from '../../src/data/formats/imagej_roi';
import { readLabelMap } from '../../src/data/formats/label_map';
import { encodeTiff } from '../../src/data/formats/tiff/write_tiff';
import { ImportNotes } from '../../src/data/importers/import_dataset';
import { IMPORTERS } from '../../src/data/importers/importers';
import { HEIGHT, handMadeTiff, imageFields, mask, rgb, size, WIDTH } from './cases/inputs';

/** A sound file, and what reads it: the file is the one that is damaged. */
export interface Seed {
  readonly name: string;
  readonly bytes: Buffer;
  /** `folder` holds the damaged file under its name, and an image `a.png`. */
  read(folder: string, file: string): Promise<unknown>;
}

/** What a round of mutations met. */
export interface MutationReport {
  readonly tried: number;
  /** Read without complaint. */
  readonly read: number;
  readonly refused: number;
  /** What must not be: an error that is no answer, or over five seconds. */
  readonly faults: readonly string[];
  readonly slowestMs: number;
  readonly peakMb: number;
}

const MOST_MS = 5000;
/** Small limits, so that a damaged size is refused as it would be in earnest with large ones. */
const maxPixels = 1_000_000;

/** One of every format and importer. */
export async function mutationSeeds(): Promise<Seed[]> {
  const grey = Uint8Array.from(mask);
  const image = async (_: string, file: string): Promise<unknown> => await readImage(file, { maxPixels });
  const map = async (_: string, file: string): Promise<unknown> => await readLabelMap(file, { maxPixels });
  const importer =
    (name: string, sources: (folder: string, file: string) => string[] = (folder) => [folder]) =>
    async (folder: string, file: string): Promise<unknown> => {
      const found = IMPORTERS.find((one) => one.name === name);
      const notes = new ImportNotes();
      const dataset = await found?.open(sources(folder, file), {}, notes);
      for (const id of dataset?.ids ?? []) await dataset?.load(id, notes);
      return await dataset?.info?.(notes);
    };
  const raw = sharp(rgb, { raw: { ...size, channels: 3 } });
  const tiles = { compression: 'lzw', tile: true, tileWidth: 16, tileHeight: 16, pyramid: true } as const;
  const square = [5, 5, 15, 5, 15, 15, 5, 15];
  const coco = {
    images: [{ id: 1, file_name: 'a.png', ...size }],
    categories: [{ id: 1, name: 'cell' }],
    annotations: [
      { id: 1, image_id: 1, category_id: 1, segmentation: [square], iscrowd: 0 },
      {
        id: 2,
        image_id: 1,
        category_id: 1,
        segmentation: { size: [HEIGHT, WIDTH], counts: 'c14Yf0' },
        iscrowd: 1,
      },
    ],
  };
  const ring = [
    [5, 5],
    [15, 5],
    [15, 15],
    [5, 15],
    [5, 5],
  ];
  const feature = {
    type: 'Feature',
    geometry: { type: 'Polygon', coordinates: [ring] },
    properties: { objectType: 'detection', classification: { name: 'Tumor' }, measurements: { x: 1 } },
  };
  const xml =
    '<Annotations MicronsPerPixel="0.25"><Annotation Id="1"><Attributes><Attribute Name="Epithelial"/></Attributes><Regions><Region Id="1"><Vertices><Vertex X="5" Y="5"/><Vertex X="15" Y="5"/><Vertex X="15" Y="15"/></Vertices></Region></Regions></Annotation></Annotations>';
  const roi = zipSync(
    { 'r.roi': encodeRoi({ name: 'r', group: 1, rings: [square, [7, 7, 7, 9, 9, 9, 9, 7]] }) },
    { level: 0 },
  );
  const jpeg2000 = Buffer.from(
    'ff4fff51002f000000000032000000280000000000000000000000320000002800000000000000000003070101070101070101ff52000c00000001000504040001',
    'hex',
  );
  return [
    { name: 'strips.tif', bytes: Buffer.from(encodeTiff(rgb, { ...size, channels: 3 })), read: image },
    { name: 'plain.tif', bytes: Buffer.from(encodeTiff(grey, { ...size, compression: 'none' })), read: map },
    { name: 'float.tif', bytes: Buffer.from(encodeTiff(Float64Array.from(mask), size)), read: map },
    { name: 'tiles.tif', bytes: await raw.clone().tiff(tiles).toBuffer(), read: image },
    { name: 'jpeg.tif', bytes: await raw.clone().tiff({ compression: 'jpeg' }).toBuffer(), read: image },
    {
      name: 'palette.tif',
      bytes: handMadeTiff(imageFields(8, 1, 3, { 259: [3, [8]], 320: [3, new Array<number>(768).fill(9)] }), [
        deflateSync(grey),
      ]),
      read: image,
    },
    {
      name: 'jpeg2000.tif',
      bytes: handMadeTiff(imageFields(8, 3, 2, { 259: [3, [33005]] }), [jpeg2000]),
      read: image,
    },
    { name: 'image.png', bytes: await raw.clone().png().toBuffer(), read: image },
    {
      name: 'indexed.png',
      bytes: await raw.clone().png({ palette: true, colours: 16 }).toBuffer(),
      read: map,
    },
    { name: 'image.jpg', bytes: await raw.clone().jpeg().toBuffer(), read: image },
    {
      name: 'ann.json',
      bytes: Buffer.from(JSON.stringify(coco)),
      read: importer('coco', (folder, file) => [file, folder]),
    },
    { name: 'a.geojson', bytes: Buffer.from(JSON.stringify([feature, feature])), read: importer('qupath') },
    { name: 'a.xml', bytes: Buffer.from(xml), read: importer('monusac') },
    { name: 'a.zip', bytes: Buffer.from(roi), read: importer('imagej') },
    { name: 'a_labels.tif', bytes: Buffer.from(encodeTiff(mask, size)), read: importer('labels') },
  ];
}

/** Changes a file as discs and wires do: bits, bytes, numbers that matter, pieces lost, doubled or put elsewhere. */
export function mutate(bytes: Buffer, rng: Rng): Buffer {
  let out = Buffer.from(bytes);
  for (let n = rng.integer(1, 4); n > 0; n--) {
    const at = rng.integer(0, Math.max(1, out.length));
    switch (rng.integer(0, 7)) {
      case 0:
        out[at] ^= 1 << rng.integer(0, 8);
        break;
      case 1:
        out[at] = rng.integer(0, 256);
        break;
      case 2:
        for (let k = 0; k < 4 && at + k < out.length; k++) out[at + k] = rng.pick([0, 255, 127, 128, 1]);
        break;
      case 3:
        out = out.subarray(0, at);
        break;
      case 4:
        out = Buffer.concat([
          out.subarray(0, at),
          out.subarray(Math.min(out.length, at + rng.integer(1, 20))),
        ]);
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - rng.integer(1, 40)))]);
        break;
      default: {
        const from = rng.integer(0, Math.max(1, out.length));
        out.copy(out, at, from, Math.min(out.length, from + rng.integer(1, 16)));
      }
    }
    if (out.length === 0) break;
  }
  return out;
}

/** Reads `count` damaged files, each of every seed in turn; the same seed of the generator damages alike. */
export async function runMutations(
  folder: string,
  count: number,
  seed: string | number,
): Promise<MutationReport> {
  const seeds = await mutationSeeds();
  const rng = createRng(seed);
  const faults: string[] = [];
  let [read, refused, slowestMs] = [0, 0, 0];
  const base = process.memoryUsage().rss;
  let peak = base;
  const folders = new Map<string, string>();
  for (const { name } of seeds) {
    const dir = path.join(folder, name.replace('.', '-'));
    fs.mkdirSync(dir, { recursive: true });
    folders.set(name, dir);
    if (!/^(image|indexed)\./.test(name))
      fs.writeFileSync(
        path.join(dir, 'a.png'),
        await sharp(rgb, { raw: { ...size, channels: 3 } })
          .png()
          .toBuffer(),
      );
  }
  for (let i = 0; i < count; i++) {
    const one = seeds[i % seeds.length];
    const dir = folders.get(one.name) as string;
    const file = path.join(dir, one.name);
    fs.writeFileSync(file, mutate(one.bytes, rng.fork(i)));
    const start = performance.now();
    try {
      await one.read(dir, file);
      read++;
    } catch (error) {
      if (error instanceof CytobenchError) refused++;
      else faults.push(`${one.name}, mutation ${i}: ${(error as Error).stack ?? String(error)}`);
    }
    const took = performance.now() - start;
    slowestMs = Math.max(slowestMs, took);
    if (took > MOST_MS) faults.push(`${one.name}, mutation ${i}: took ${Math.round(took)} ms`);
    if (i % 50 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  }
  return { tried: count, read, refused, faults, slowestMs, peakMb: (peak - base) / 1e6 };
}
