import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DatasetRecord } from '../src/data/record';
import { synthesizeRecord } from '../src/data/synthetic/synthesize';

/** One image of 512 x 512 with about 60 cells in four label maps: synthetic tissue, the same for both sides. */
const SIDE = 512;
const CELLS = 60;

/** Writes what both sides of `bench data` read: image.bin, and map0.bin … as 16-bit numbers. */
export function writeDataJob(folder: string): { cells: number } {
  const { image, labelMaps } = synthesizeRecord(0, { images: 1, width: SIDE, height: SIDE, seed: 1 });
  fs.writeFileSync(path.join(folder, 'image.bin'), image);
  let left = CELLS;
  labelMaps.forEach((map, c) => {
    const values = Uint16Array.from(map ?? new Uint16Array(SIDE * SIDE));
    const most = Math.min(Math.max(...new Set(values)), Math.ceil(left / (4 - c)));
    const kept = values.map((value) => (value <= most ? value : 0));
    left -= most;
    fs.writeFileSync(path.join(folder, `map${c}.bin`), new Uint8Array(kept.buffer));
  });
  return { cells: CELLS - left };
}

export function readDataJob(folder: string): DatasetRecord {
  const read = (name: string): Buffer => fs.readFileSync(path.join(folder, name));
  const labelMaps = [0, 1, 2, 3].map((c) => {
    const bytes = read(`map${c}.bin`);
    return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  });
  return {
    id: 'bench',
    height: SIDE,
    width: SIDE,
    image: new Uint8Array(read('image.bin')),
    labelMaps,
    ignore: null,
  };
}
