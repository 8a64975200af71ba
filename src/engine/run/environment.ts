import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { chosenThreads } from '../../backend/runtime';
import { device, tf } from '../../backend/tf';
import { PACKAGE_ROOT } from '../../weights/pretrained';

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
