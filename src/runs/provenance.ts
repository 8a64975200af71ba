import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { readJson } from '../core/files';
import { PACKAGE_ROOT } from '../core/package_root';
import { type DataHashes, hashFile } from '../data/hash_dataset';
import { chosenThreads } from '../runtime/device';
import { device, tf } from '../runtime/tf';
import type { RunFolder } from './run_folder';

/** Where a run came from: code, packages, data and weights. */
export interface Provenance {
  readonly code: {
    /** null outside a git checkout. */
    readonly commit: string | null;
    /** What was changed and not committed, as git shows it; empty for a clean tree. */
    readonly uncommitted: string;
    /** SHA-256 of package-lock.json. */
    readonly packages: string | null;
  };
  readonly data: DataHashes & { readonly dir: string };
  readonly weights: { readonly source: string; readonly sha256: string | null };
}

/** What a run is made from. @param data hashes of its files @param weights where the initial weights came from */
export function traceProvenance(
  dir: string,
  data: DataHashes,
  weights: { readonly source: string; readonly sha256: string | null },
): Provenance {
  const lock = path.join(PACKAGE_ROOT, 'package-lock.json');
  return {
    code: {
      commit: git('rev-parse', 'HEAD')?.trim() || null,
      uncommitted: git('diff', 'HEAD') ?? '',
      packages: fs.existsSync(lock) ? hashFile(lock) : null,
    },
    data: { dir, ...data },
    weights,
  };
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      cwd: PACKAGE_ROOT,
      encoding: 'utf8',
      maxBuffer: 64e6,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

/** What a run was computed on. */
export interface Environment {
  readonly cytobench: string;
  readonly node: string;
  readonly tensorflow: string;
  readonly tfjs: string;
  readonly device: 'cpu' | 'gpu';
  readonly threads: number;
  readonly precision: string;
  /** Whether the native ops were asked for the same bits every time: on a CPU; a GPU has kernels that refuse. */
  readonly deterministic: boolean;
  /** Whether a GPU rounds the factors of its products to TF32: only where NVIDIA_TF32_OVERRIDE asks for it. */
  readonly tf32: boolean;
  readonly processor: string;
  readonly memoryMb: number;
  readonly system: string;
}

/** The environment of this process. */
export function currentEnvironment(precision: string): Environment {
  const packageFile = path.join(PACKAGE_ROOT, 'package.json');
  const { version } = JSON.parse(fs.readFileSync(packageFile, 'utf8')) as { version: string };
  return {
    cytobench: version,
    node: process.version,
    tensorflow: tensorflowVersion(),
    tfjs: tf.version.tfjs,
    device,
    threads: chosenThreads(),
    precision,
    deterministic: process.env.TF_DETERMINISTIC_OPS === '1',
    tf32: device === 'gpu' && process.env.NVIDIA_TF32_OVERRIDE !== '0',
    processor: os.cpus()[0]?.model ?? 'unknown',
    memoryMb: Math.round(os.totalmem() / 1e6),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
  };
}

/** The version of the native library, from the folder that the set-up unpacked it in. */
export function tensorflowVersion(): string {
  const native = path.join(PACKAGE_ROOT, '.native');
  const folder = fs.existsSync(native)
    ? fs.readdirSync(native).find((name) => /^tensorflow-\d/.test(name))
    : '';
  return folder?.replace('tensorflow-', '') || 'unknown';
}

/** Where a run came from, as it wrote before its first step; null where it has not come that far. */
export function readProvenance(run: RunFolder): Provenance | null {
  // `provenance.json` in runs of before.
  const file = ['provenance.json', 'lineage.json']
    .map((name) => run.file(name))
    .find((name) => fs.existsSync(name));
  return file === undefined ? null : readJson<Provenance>(file);
}
