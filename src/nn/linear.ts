import { hasKernels } from '../runtime/kernels';
import { reshapeValues } from '../runtime/ops/bfloat16_pairs';
import { fusedConv } from '../runtime/ops/conv2d';
import { currentPrecision } from '../runtime/precision';
import { type Tensor1D, type Tensor2D, type Tensor4D, tf } from '../runtime/tf';
import { type Activation, activate } from './conv';
import { biasUniform, linearUniform, zeros } from './init';
import type { Initializer, Layout, Parameter, ParameterStore } from './parameters';

export interface LinearSpec {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Default: PyTorch's (uniform, with a bias to match). With an initialiser given the bias starts at 0. */
  readonly init?: Initializer;
  readonly layout?: Layout;
}

/** A fully connected layer. */
export class Linear {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(store: ParameterStore, { name, inputs, outputs, init, layout = 'linear' }: LinearSpec) {
    this.weight = store.create(`${name}.weight`, [outputs, inputs], layout, init ?? linearUniform);
    this.bias = store.create(`${name}.bias`, [outputs], 'vector', init ? zeros : biasUniform(inputs));
  }

  /** [n, inputs] -> [n, outputs] */
  apply(x: Tensor2D, activation: Activation = 'none'): Tensor2D {
    return affine(
      x,
      this.weight.variable as unknown as Tensor2D,
      this.bias.variable as unknown as Tensor1D,
      activation,
    );
  }
}

/**
 * activation(x w + b), rows of x [n, in] by w [in, out] and b [out]; in one kernel where there is one.
 *
 * @param pairs whether the result is handed to another product alone: in bfloat16, where that would round it.
 */
export function affine(
  x: Tensor2D,
  weight: Tensor2D,
  bias: Tensor1D,
  activation: Activation,
  pairs = false,
): Tensor2D {
  const [rows] = x.shape;
  const [inputs, outputs] = weight.shape;
  if (!hasKernels() || rows === 0)
    return activate(tf.add(tf.matMul(x, weight), bias) as Tensor2D, activation);
  const y = fusedConv(
    reshapeValues<Tensor4D>(x, [1, rows, 1, inputs]),
    weight.reshape([1, 1, inputs, outputs]) as Tensor4D,
    bias,
    {
      stride: 1,
      padding: 'same',
      depthwise: false,
      activation,
      inputGradient: true,
      pairs: pairs && outputs % 2 === 0 && currentPrecision() === 'bfloat16',
    },
  );
  return reshapeValues(y, [rows, outputs]);
}
