import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** The repository's root: this file is compiled to dist/tests. */
export const ROOT: string = path.resolve(__dirname, '..', '..');

/** A path in the folder of shared reference files beside the repository; it need not exist. */
export function sharedPath(...parts: string[]): string {
  return path.resolve(ROOT, '..', 'shared', ...parts);
}

/** A path in tests/fixtures. */
export function fixturePath(...parts: string[]): string {
  return path.join(ROOT, 'tests', 'fixtures', ...parts);
}

/** A test that needs the shared reference files: skipped by name where they are not there. */
export function itWithShared(name: string, test: () => void | Promise<void>): void {
  if (fs.existsSync(sharedPath('data'))) it(name, test);
  else it.skip(`${name} (needs ../shared)`, test);
}

/**
 * A time against its bound. The gate runs on busy machines, where a timed test fails for no fault of the code: bounds
 * are held only where `CYTOBENCH_TIMES` is set, on a machine with nothing else to do.
 */
export function holdTime(what: string, since: number, seconds: number): void {
  if (!process.env.CYTOBENCH_TIMES) return;
  const took = (performance.now() - since) / 1000;
  process.stderr.write(`      ${what}: ${took.toFixed(2)} s of ${seconds} s\n`);
  if (took > seconds) throw new Error(`${what} took ${took.toFixed(2)} s, over ${seconds} s`);
}

/** Runs `work` with a fresh folder that is removed afterwards. */
export async function withTemporaryFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-test-'));
  try {
    return await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A Chromium to look at pages with; undefined where there is none: such tests skip by name. */
export function browserPath(): string | undefined {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome'])
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  return undefined;
}
