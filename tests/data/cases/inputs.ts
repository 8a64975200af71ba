import * as fs from 'node:fs';
import * as path from 'node:path';
import sharp from 'sharp';
import { openDataset } from '../../../src/data/dataset';
import { extractInstances } from '../../../src/data/extract_instances';
import { writeTiff } from '../../../src/data/formats/tiff/write_tiff';
import { type ImportNote, importDataset } from '../../../src/data/importers/import_dataset';
import type { ImportSettings } from '../../../src/data/importers/importer';
import { IMPORTERS } from '../../../src/data/importers/importers';
import type { DatasetRecord } from '../../../src/data/record';

// The image and masks of all cases: 50 x 40 pixels, two cells of 12 x 10 and 15 x 10.
export const [WIDTH, HEIGHT] = [50, 40];
const pixels = Array.from({ length: WIDTH * HEIGHT }, (_, p) => [p % WIDTH, Math.floor(p / WIDTH)]);
export const rgb = Uint8Array.from(
  pixels.flatMap(([x, y]) => [(x * 5) % 256, (y * 6) % 256, ((x + y) * 2) % 256]),
);
export const grey = Uint8Array.from(pixels, ([x, y]) => x * 3 + y * 2);
export const mask = Uint16Array.from(pixels, ([x, y]) =>
  x >= 5 && x < 17 && y >= 5 && y < 15 ? 1 : x >= 25 && x < 40 && y >= 20 && y < 30 ? 2 : 0,
);
export const size = { width: WIDTH, height: HEIGHT };

/** Any file, its folder made. */
export function put(file: string, content: string | Uint8Array): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
}

export function putTiff(file: string, data: Uint8Array | Uint16Array, channels: 1 | 3 = 1): void {
  writeTiff(file, data, { ...size, channels });
}

/** The image as PNG or JPEG, with an EXIF orientation where asked for. */
export async function putImage(file: string, orientation?: number): Promise<void> {
  const image = sharp(rgb, { raw: { ...size, channels: 3 } });
  const told = orientation ? image.withMetadata({ orientation }) : image;
  put(file, await (file.endsWith('.png') ? told.png() : told.jpeg({ quality: 95 })).toBuffer());
}

/** An 8-bit grey PNG, or one of RGB. */
export async function putPng(file: string, data: Uint8Array, channels: 1 | 3 = 1): Promise<void> {
  const image = sharp(data, { raw: { ...size, channels } });
  put(file, await (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer());
}

/** What an import wrote: the areas of the cells by class, and what it noted. */
export interface Imported {
  readonly classes: readonly string[];
  readonly ids: readonly string[];
  /** By image, then class: areas in the order of the numbers. */
  readonly areas: readonly (readonly number[])[][];
  readonly records: readonly DatasetRecord[];
  readonly notes: readonly ImportNote[];
  readonly pixelSize?: number;
}

/** Runs one importer by its name, as the command line does, and reads back what it wrote. */
export async function runImport(
  name: string,
  sources: readonly string[],
  out: string,
  settings: ImportSettings = {},
): Promise<Imported> {
  const importer = IMPORTERS.find((one) => one.name === name);
  if (!importer) throw new Error(`no importer ${name}`);
  const notes = await importDataset(out, (own) => importer.open(sources, settings, own));
  const dataset = await openDataset(out);
  const records = [];
  for (const id of dataset.ids) records.push(await dataset.load(id));
  const areas = records.map(({ labelMaps, height, width }) =>
    labelMaps.map((map) => (map ? [...extractInstances(map, height, width, 1).areas] : [])),
  );
  const { classes, ids, pixelSize } = dataset;
  return { classes, ids, areas, records, notes: notes.list(), pixelSize };
}

/** The texts of the notes. */
export function texts({ notes }: Pick<Imported, 'notes'>): string[] {
  return notes.map(({ note }) => note);
}

/** A field of a hand-made TIFF: its type (3 SHORT, 4 LONG, 5 RATIONAL as pairs, 16 LONG8) and values. */
export type Fields = Readonly<Record<number, readonly [number, readonly number[]]>>;

/**
 * The smallest little-endian TIFF with these fields, from the specification and apart from the product's own writer.
 * A block that is null is one the file leaves out.
 */
export function handMadeTiff(
  fields: Fields,
  blocks: readonly (Uint8Array | null)[],
  { tiled = false, counts = true }: { tiled?: boolean; counts?: boolean } = {},
): Buffer {
  let data = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  const offsets: number[] = [];
  for (const block of blocks) {
    offsets.push(block ? data.length : 0);
    data = Buffer.concat([data, block ?? Buffer.alloc(0)]);
  }
  if (data.length % 2) data = Buffer.concat([data, Buffer.alloc(1)]);
  const all: Record<number, readonly [number, readonly number[]]> = {
    ...fields,
    [tiled ? 324 : 273]: [4, offsets],
    ...(counts ? { [tiled ? 325 : 279]: [4, blocks.map((block) => block?.length ?? 0)] } : {}),
  };
  data.writeUInt32LE(data.length, 4);
  const tags = Object.keys(all)
    .map(Number)
    .sort((a, b) => a - b);
  const entries = Buffer.alloc(2 + 12 * tags.length + 4);
  entries.writeUInt16LE(tags.length, 0);
  const extra: Buffer[] = [];
  let extraAt = data.length + entries.length;
  tags.forEach((tag, i) => {
    const [type, values] = all[tag];
    const bytes = { 1: 1, 3: 2, 4: 4, 5: 4 }[type] ?? 4;
    const raw = Buffer.alloc(Math.max(4, values.length * bytes));
    values.forEach((value, k) => {
      raw.writeUIntLE(value, k * bytes, bytes);
    });
    const at = 2 + 12 * i;
    entries.writeUInt16LE(tag, at);
    entries.writeUInt16LE(type, at + 2);
    entries.writeUInt32LE(type === 5 ? values.length / 2 : values.length, at + 4);
    if (raw.length <= 4) raw.copy(entries, at + 8);
    else {
      entries.writeUInt32LE(extraAt, at + 8);
      extra.push(raw);
      extraAt += raw.length;
    }
  });
  return Buffer.concat([data, entries, ...extra]);
}

/** The fields of an image of 50 x 40. */
export function imageFields(bits: number, samples: number, photometric: number, extra: Fields = {}): Fields {
  return {
    256: [4, [WIDTH]],
    257: [4, [HEIGHT]],
    258: [3, new Array<number>(samples).fill(bits)],
    259: [3, [1]],
    262: [3, [photometric]],
    277: [3, [samples]],
    278: [4, [HEIGHT]],
    ...extra,
  };
}
