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
  if (fs.existsSync(sharedPath('parity'))) it(name, test);
  else it.skip(`${name} (needs ../shared)`, test);
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
