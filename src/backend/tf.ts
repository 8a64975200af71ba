// The only import of TensorFlow in this repository.
import { CytobenchError } from '../core/errors';
import { prepareRuntime } from './runtime';

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
