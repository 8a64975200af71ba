// One side of `bench data`, driven line by line: node data_ours.js FOLDER. Every transform of `full` is applied, one thread.

import * as readline from 'node:readline';
import { peakRssMb } from '../src/core/process';
import { createRng } from '../src/core/rng';
import type { DatasetRecord } from '../src/data/record';
import { augmentRecord } from '../src/data/transforms/augment';
import { AUGMENTATION_LEVELS, type Transform } from '../src/data/transforms/transforms';
import { readDataJob } from './data_job';

const REPEATS = 10;

async function main(folder: string): Promise<void> {
  const record: DatasetRecord = readDataJob(folder);
  const transforms = AUGMENTATION_LEVELS.full.transforms.map(
    (transform): Transform => ({ ...transform, p: 1 }),
  );
  const rng = createRng('bench-data');
  process.stdout.write(`${JSON.stringify({ node: process.version })}\n`);
  let draw = 0;
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    let cells = 0;
    const started = performance.now();
    for (let i = 0; i < REPEATS; i++) {
      const sample = await augmentRecord(record, { transforms }, rng.fork(draw++));
      cells += sample.labels.length;
    }
    const seconds = (performance.now() - started) / 1000 / REPEATS;
    const values = { cells: cells / REPEATS };
    process.stdout.write(`${JSON.stringify({ seconds, values, peakRssMb: peakRssMb() })}\n`);
  }
}

void main(process.argv[2]);
