import { type Tensor2D, tf } from '../backend/tf';
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
  apply(x: Tensor2D): Tensor2D {
    return tf.add(tf.matMul(x, this.weight.variable as unknown as Tensor2D), this.bias.variable);
  }
}
