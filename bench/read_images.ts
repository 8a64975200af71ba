// One side of `bench data --read`, driven line by line: node read_images.js FOLDER ours|geotiff. Reads every TIFF of the
// folder; `geotiff` is the library by itself, its own decoders and `readRasters`.

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { peakRssMb } from '../src/core/process';
import { readImage } from '../src/data/formats/image';
import { readLabelMap } from '../src/data/formats/label_map';
import { writeTiff } from '../src/data/formats/tiff/write_tiff';
import { synthesizeRecord } from '../src/data/synthetic/synthesize';

const SIDE = 512;

/** Writes what both sides read where no folder is named: images and masks of synthetic tissue, as the layout has them. */
export async function writeReadJob(folder: string): Promise<void> {
  const { default: sharp } = await import('sharp');
  const size = { width: SIDE, height: SIDE };
  for (let i = 0; i < 4; i++) {
    const { image, labelMaps } = synthesizeRecord(i, { images: 4, ...size, seed: 1 });
    writeTiff(path.join(folder, `deflate${i}_image.tif`), image, { ...size, channels: 3 });
    const lzw = sharp(image, { raw: { ...size, channels: 3 } }).tiff({
      compression: 'lzw',
      predictor: 'horizontal',
    });
    fs.writeFileSync(path.join(folder, `lzw${i}_image.tif`), await lzw.toBuffer());
    labelMaps.forEach((map, c) => {
      if (!map) return;
      writeTiff(path.join(folder, `map${i}_class${c + 1}.tif`), map, size);
      writeTiff(path.join(folder, `float${i}_class${c + 1}.tif`), Float64Array.from(map), {
        ...size,
        compression: 'none',
      });
    });
  }
}

function tiffFiles(folder: string): string[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return tiffFiles(file);
    return /\.tiff?$/i.test(entry.name) ? [file] : [];
  });
}

async function readOurs(file: string): Promise<void> {
  if (/class\d+\.tiff?$/i.test(file)) await readLabelMap(file, { allowEmpty: true });
  else await readImage(file);
}

async function readGeotiff(file: string): Promise<void> {
  const { fromFile } = await import('geotiff');
  const tiff = await fromFile(file);
  try {
    await (await tiff.getImage()).readRasters({ interleave: true });
  } finally {
    await tiff.close();
  }
}

async function main(folder: string, side: string): Promise<void> {
  const files = tiffFiles(folder);
  const read = side === 'ours' ? readOurs : readGeotiff;
  process.stdout.write(`${JSON.stringify({ node: process.version })}\n`);
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    const started = performance.now();
    for (const file of files) await read(file);
    const seconds = (performance.now() - started) / 1000 / Math.max(1, files.length);
    process.stdout.write(
      `${JSON.stringify({ seconds, values: { files: files.length }, peakRssMb: peakRssMb() })}\n`,
    );
  }
}

if (require.main === module) void main(process.argv[2], process.argv[3]);
