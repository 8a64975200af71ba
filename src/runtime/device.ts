import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import util from 'node:util';

/** What the native runtime was asked for; fixed once it is loaded. */
export interface RuntimeOptions {
  readonly threads?: number;
  readonly device?: 'cpu' | 'gpu' | 'auto';
  /** Whether a card may round factors to TF32. */
  readonly tf32?: boolean;
}

/**
 * The device to ask for: a GPU only where a driver is present and CYTOBENCH_DEVICE does not say otherwise. Which one is
 * applied, the backend tells (`device` of ./tf.ts).
 */
export function chosenDevice(): 'cpu' | 'gpu' {
  const requested = process.env.CYTOBENCH_DEVICE ?? 'auto';
  if (requested === 'cpu') return 'cpu';
  if (requested === 'gpu') return 'gpu';
  return existsSync('/dev/nvidia0') || existsSync('/proc/driver/nvidia/version') ? 'gpu' : 'cpu';
}

/** Threads of the native runtime: TF_NUM_INTRAOP_THREADS, else every core. */
export function chosenThreads(): number {
  const requested = Number(process.env.TF_NUM_INTRAOP_THREADS);
  return Number.isInteger(requested) && requested > 0 ? requested : cpus().length;
}

/**
 * Sets what TensorFlow reads from the environment. It must run before the first import of the backend, which calls it
 * itself; call it earlier only to choose the number of threads or the device.
 */
export function prepareRuntime(options: RuntimeOptions = {}): void {
  if (options.device) process.env.CYTOBENCH_DEVICE = options.device;
  if (options.threads) process.env.TF_NUM_INTRAOP_THREADS = String(options.threads);
  process.env.TF_NUM_INTRAOP_THREADS ??= String(cpus().length);
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  // This repository's own kernels share the number of threads. They wait asleep: a spinning thread takes its core from
  // TensorFlow's pool and from the workers that load images.
  process.env.OMP_NUM_THREADS ??= process.env.TF_NUM_INTRAOP_THREADS;
  process.env.GOMP_SPINCOUNT ??= '1000';
  if (chosenDevice() === 'cpu') {
    process.env.CUDA_VISIBLE_DEVICES = '-1';
    prepareCpu();
  } else {
    // A notebook and the run that it started share one card: neither takes all of its memory at once.
    process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
    // float32 means float32: by itself the card rounds the factors of its products to TF32's ten bits.
    if (options.tf32) process.env.NVIDIA_TF32_OVERRIDE = '1';
    process.env.NVIDIA_TF32_OVERRIDE ??= '0';
  }
  // Node 23 and later dropped a function that tfjs-node calls.
  const legacy = util as unknown as { isNullOrUndefined?: (value: unknown) => boolean };
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

/** Sets what the native ops read at their first use on a CPU. */
export function prepareCpu(): void {
  // CropAndResizeGradImage adds from several threads without locks unless asked to be deterministic.
  process.env.TF_DETERMINISTIC_OPS ??= '1';
}
