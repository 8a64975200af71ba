import * as fs from 'node:fs';
import * as path from 'node:path';
import { PACKAGE_ROOT } from '../../weights/pretrained';

/** Where run folders are made unless said otherwise: CYTOBENCH_RUNS, else results/runs. */
export function runsFolder(): string {
  return process.env.CYTOBENCH_RUNS || path.join(PACKAGE_ROOT, 'results', 'runs');
}

/** The run of a hash in the folder of runs, whatever experiment it was made for. */
export function findRun(hash: string): string | undefined {
  const runs = runsFolder();
  if (!fs.existsSync(runs)) return undefined;
  const name = fs.readdirSync(runs).find((folder) => folder.endsWith(`-${hash}`));
  return name && path.join(runs, name);
}
