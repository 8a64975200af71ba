import { createInterface } from 'node:readline';
import { recomputeCocoGolden } from '../src/parity/coco';

/**
 * Compares evaluations with pycocotools' own, dataset by dataset:
 *   bench/.env/bin/python bench/peers/random_coco.py FIRST COUNT | node dist/bench/random_coco.js
 * Prints the seeds with a difference and the greatest error; ends with 1 where there is one.
 */
async function main(): Promise<void> {
  let [datasets, numbers, greatest] = [0, 0, 0];
  const different: number[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const golden = JSON.parse(line) as Record<string, unknown>;
    const fields = recomputeCocoGolden(golden);
    datasets++;
    numbers += fields.length;
    for (const { maxError } of fields) greatest = Math.max(greatest, maxError);
    if (fields.some(({ ok }) => !ok)) different.push(Number(golden.seed));
  }
  console.log(JSON.stringify({ datasets, numbers, greatest, different }));
  process.exitCode = different.length > 0 || datasets === 0 ? 1 : 0;
}

main();
