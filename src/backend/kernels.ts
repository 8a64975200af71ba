import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { device } from './tf';

/** Raise it whenever a kernel is added or called in another way: a library of another revision is not loaded. */
const REVISION = 4;

/** Made by the set-up from src/backend/native; the path is that from dist/src/backend. */
const LIBRARY = path.resolve(__dirname, `../../../.native/kernels/cytobench_kernels_${REVISION}.node`);

let loaded: boolean | undefined;

/**
 * Whether this repository's own kernels are there: on a CPU, where the set-up could build them, unless
 * CYTOBENCH_KERNELS is 0. Without them everything runs on TensorFlow's own ops, slower.
 */
export function hasKernels(): boolean {
  loaded ??= load();
  return loaded;
}

function load(): boolean {
  if (process.env.CYTOBENCH_KERNELS === '0' || device !== 'cpu' || !existsSync(LIBRARY)) return false;
  try {
    // The runtime is loaded by now: the kernels join its registry.
    return require(LIBRARY) !== null;
  } catch {
    return false;
  }
}
