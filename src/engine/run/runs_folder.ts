import * as fs from 'node:fs';
import * as path from 'node:path';
import { PACKAGE_ROOT } from '../../weights/pretrained';

/** Where run folders are made unless said otherwise. */
export const RUNS = process.env.CYTOBENCH_RUNS || path.join(PACKAGE_ROOT, 'results', 'runs');

/** The run of a hash in the folder of runs, whatever experiment it was made for. */
export function findRun(hash: string): string | undefined {
  if (!fs.existsSync(RUNS)) return undefined;
  const name = fs.readdirSync(RUNS).find((folder) => folder.endsWith(`-${hash}`));
  return name && path.join(RUNS, name);
}
