import { hasKernels, runNativeOp } from '../kernels';
import { type Tensor, type Tensor1D, type Tensor4D, tf } from '../tf';
import { isBfloat16Pairs, typeOf } from './bfloat16_pairs';
import { relu } from './elementwise';

export interface BatchNormResult {
  readonly y: Tensor4D;
  /** Statistics of this batch, [C]; the variance is unbiased, as running statistics take it. Owned by the caller. */
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

/**
 * Batch normalisation over N, H, W with the statistics of the batch (training). The gradient flows to x, scale and
 * offset. Source: Ioffe and Szegedy 2015; op FusedBatchNormV3.
 *
 * @param rectify whether a ReLU follows: with the kernels it is one pass with the norm.
 * @param pairs whether the result is packed (./packed.ts), as x may be; with the kernels only.
 */
export function batchNormTraining(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  epsilon: number,
  rectify = false,
  pairs = false,
): BatchNormResult {
  if (hasKernels()) return fusedBatchNorm(x, scale, offset, epsilon, rectify, pairs);
  let mean!: Tensor1D;
  let variance!: Tensor1D;
  const attributes = {
    T: { type: 'float32' },
    U: { type: 'float32' },
    epsilon: { float: epsilon },
    data_format: { string: 'NHWC' },
  } as const;
  const op = tf.customGrad((...args: unknown[]) => {
    const [input, gamma, beta] = args as Tensor[];
    const save = args[3] as (tensors: Tensor[]) => void;
    const empty = tf.tensor1d([]);
    const [y, batchMean, batchVariance, reserve1, reserve2, reserve3] = runNativeOp(
      'FusedBatchNormV3',
      { ...attributes, exponential_avg_factor: { float: 1 }, is_training: { bool: true } },
      [input, gamma, beta, empty, empty],
      6,
    );
    [mean, variance] = [tf.keep(batchMean) as Tensor1D, tf.keep(batchVariance) as Tensor1D];
    save([input, gamma, reserve1, reserve2, reserve3]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [savedInput, savedGamma, ...reserves] = saved;
        const [dx, dGamma, dBeta] = runNativeOp(
          'FusedBatchNormGradV3',
          { ...attributes, is_training: { bool: true } },
          [dy, savedInput, savedGamma, ...reserves],
          5,
        );
        return [dx, dGamma, dBeta];
      },
    };
  });
  const y = (op as unknown as (...inputs: Tensor[]) => Tensor)(x, scale, offset) as Tensor4D;
  return { y: rectify ? relu(y) : y, mean, variance };
}

function fusedBatchNorm(
  x: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  epsilon: number,
  rectify: boolean,
  pairs: boolean,
): BatchNormResult {
  let mean!: Tensor1D;
  let variance!: Tensor1D;
  const attributes = {
    epsilon: { float: epsilon },
    relu: { int: rectify ? 1 : 0 },
    X: typeOf(isBfloat16Pairs(x)),
    Y: typeOf(pairs),
  };
  const op = tf.customGrad((...args: unknown[]) => {
    const [input, gamma, beta] = args as Tensor[];
    const save = args[3] as (tensors: Tensor[]) => void;
    const [y, batchMean, spread, unbiased] = runNativeOp(
      'CytobenchBatchNorm',
      attributes,
      [input, gamma, beta],
      4,
    );
    [mean, variance] = [tf.keep(batchMean.clone()) as Tensor1D, tf.keep(unbiased) as Tensor1D];
    save([input, gamma, beta, batchMean, spread]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      runNativeOp('CytobenchBatchNormGrad', attributes, [dy, ...saved], 3);
    return { value: y, gradFunc };
  });
  const y = (op as unknown as (...inputs: Tensor[]) => Tensor)(x, scale, offset) as Tensor4D;
  return { y, mean, variance };
}
