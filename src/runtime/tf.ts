// The only import of TensorFlow in this repository.
import { CytobenchError } from '../core/errors';
import { prepareCpu, prepareRuntime } from './device';

prepareRuntime();

type TensorFlow = typeof import('@tensorflow/tfjs-node-gpu');

function load(): TensorFlow {
  try {
    return require('@tensorflow/tfjs-node-gpu') as TensorFlow;
  } catch (error) {
    throw new CytobenchError(`the native runtime does not load: ${(error as Error).message.split('\n')[0]}`, {
      fix: 'Run `npm run setup`, then `npx cytobench doctor`.',
      cause: error,
    });
  }
}

export const tf: TensorFlow = load();

/** The device that the native ops run on. */
export const device: 'cpu' | 'gpu' = settleDevice();

/** A driver alone is no GPU: without CUDA's libraries the runtime stays on the CPU and says nothing. */
function settleDevice(): 'cpu' | 'gpu' {
  if ((tf.backend() as unknown as { isUsingGpuDevice: boolean }).isUsingGpuDevice) return 'gpu';
  if (process.env.CYTOBENCH_DEVICE === 'gpu')
    throw new CytobenchError('CYTOBENCH_DEVICE is gpu, and the native runtime finds no GPU', {
      fix: 'Look whether `nvidia-smi` answers, then run `CYTOBENCH_DEVICE=gpu npm run setup`, which fetches the CUDA libraries; or set CYTOBENCH_DEVICE to auto.',
    });
  prepareCpu();
  return 'cpu';
}

/** The parts of the native backend that a kernel here uses. */
interface SharingBackend {
  incRef(dataId: object): void;
}

/**
 * A Reshape to the shape that a tensor has, or a Cast to its type, shares its data instead of running an op: a tenth of
 * a training step's ops are such, since the library's gradients and layers make them without looking.
 */
function shareWhatStaysEqual(): void {
  const equal = (a: readonly number[], b: readonly number[]): boolean =>
    a.length === b.length && a.every((side, i) => side === b[i]);
  share('Reshape', ({ shape }, wanted) => equal(shape, wanted.shape as number[]));
  share('Cast', ({ dtype }, wanted) => dtype === wanted.dtype);
}

function share(
  name: 'Reshape' | 'Cast',
  stays: (x: tf.Tensor, attributes: Readonly<Record<string, unknown>>) => boolean,
): void {
  const config = tf.getKernel(name, 'tensorflow');
  tf.unregisterKernel(name, 'tensorflow');
  tf.registerKernel({
    ...config,
    kernelFunc: (call) => {
      const x = call.inputs.x as tf.Tensor;
      if (!stays(x, call.attrs as Readonly<Record<string, unknown>>)) return config.kernelFunc(call);
      (call.backend as SharingBackend).incRef(x.dataId);
      return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
    },
  });
}

shareWhatStaysEqual();

export declare namespace tf {
  type Tensor = import('@tensorflow/tfjs-node-gpu').Tensor;
  type Tensor1D = import('@tensorflow/tfjs-node-gpu').Tensor1D;
  type Tensor2D = import('@tensorflow/tfjs-node-gpu').Tensor2D;
  type Tensor3D = import('@tensorflow/tfjs-node-gpu').Tensor3D;
  type Tensor4D = import('@tensorflow/tfjs-node-gpu').Tensor4D;
  type Scalar = import('@tensorflow/tfjs-node-gpu').Scalar;
  type Variable = import('@tensorflow/tfjs-node-gpu').Variable;
}

export type Tensor = tf.Tensor;
export type Tensor1D = tf.Tensor1D;
export type Tensor2D = tf.Tensor2D;
export type Tensor4D = tf.Tensor4D;
export type Scalar = tf.Scalar;
export type Variable = tf.Variable;
