// Damages files and reads them: npx node dist/bench/mutations.js [COUNT=1000000] [SEED]. Prints what was met, and every
// fault with the mutation that made it. `npm test` runs 10,000.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runMutations } from '../tests/data/mutations';

const PIECE = 10_000;

async function main(count: number, seed: string): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-mutations-'));
  let [tried, read, refused, faults, slowestMs, peakMb] = [0, 0, 0, 0, 0, 0];
  try {
    for (let piece = 0; tried < count; piece++) {
      const report = await runMutations(folder, Math.min(PIECE, count - tried), `${seed} ${piece}`);
      for (const fault of report.faults) process.stdout.write(`${seed} ${piece}: ${fault}\n`);
      tried += report.tried;
      read += report.read;
      refused += report.refused;
      faults += report.faults.length;
      slowestMs = Math.max(slowestMs, report.slowestMs);
      peakMb = Math.max(peakMb, report.peakMb);
      process.stderr.write(`${tried} of ${count}, ${faults} faults\n`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${JSON.stringify({ tried, read, refused, faults, slowestMs, peakMb })}\n`);
  if (faults > 0) process.exitCode = 1;
}

void main(Number(process.argv[2] ?? 1_000_000), process.argv[3] ?? 'mutations');
