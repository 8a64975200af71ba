import { WeightsError } from '../core/errors';
import type { Rng } from '../core/rng';
import { type Tensor, tf, type Variable } from '../runtime/tf';

/**
 * How a PyTorch tensor is stored here (NHWC, and matrices as [in, out]):
 * `conv` OIHW -> HWIO; `depthwise` [C, 1, h, w] -> [h, w, C, 1]; `deconv` [in, out, h, w] -> [in, h * w * out];
 * `linear` [out, in] -> [in, out]; `flatten` a linear layer over a flattened [C, P, P] map; `vector` as it is.
 */
export type Layout = 'conv' | 'depthwise' | 'deconv' | 'linear' | 'vector' | { readonly flatten: number };

export interface Parameter {
  /** Its name in torchvision's state dict. */
  readonly name: string;
  /** Its shape there. */
  readonly torchShape: readonly number[];
  readonly layout: Layout;
  readonly variable: Variable;
  /** A buffer (running statistics, frozen norms) is stored, and is updated by itself or not at all. */
  readonly buffer: boolean;
  trainable: boolean;
}

export type Initializer = (shape: readonly number[], rng: Rng) => Float32Array;

/** Every parameter and buffer of a model, by torchvision's names, in the order they were made. */
export class ParameterStore {
  private readonly entries = new Map<string, Parameter>();
  private readonly derived: Variable[] = [];

  /** @param rng of the initial values; null leaves zeros, for a model whose weights are loaded next. */
  constructor(private readonly rng: Rng | null) {}

  create(
    name: string,
    torchShape: readonly number[],
    layout: Layout,
    init: Initializer,
    buffer = false,
  ): Parameter {
    if (this.entries.has(name)) throw new WeightsError(`the parameter ${name} is defined twice`);
    const variable = tf.tidy(() => {
      const shape = [...torchShape];
      const values = this.rng ? tf.tensor(init(torchShape, this.rng.fork(name)), shape) : tf.zeros(shape);
      return tf.variable(toNative(values, layout), !buffer);
    });
    const parameter: Parameter = { name, torchShape, layout, variable, buffer, trainable: !buffer };
    this.entries.set(name, parameter);
    return parameter;
  }

  /** A tensor of zeros for what is computed from parameters and kept; the store owns it, and no file holds it. */
  derive(shape: readonly number[]): Variable {
    const variable = tf.tidy(() => tf.variable(tf.zeros([...shape]), false));
    this.derived.push(variable);
    return variable;
  }

  get(name: string): Parameter | undefined {
    return this.entries.get(name);
  }

  all(): Parameter[] {
    return [...this.entries.values()];
  }

  trainable(): Parameter[] {
    return this.all().filter((parameter) => parameter.trainable);
  }

  dispose(): void {
    for (const { variable } of this.entries.values()) variable.dispose();
    this.entries.clear();
    for (const variable of this.derived.splice(0)) variable.dispose();
  }
}

/** A PyTorch tensor in this library's layout. */
export function toNative(tensor: Tensor, layout: Layout): Tensor {
  const [a, b, c, d] = tensor.shape;
  if (layout === 'vector') return tensor.clone();
  if (layout === 'linear') return tf.transpose(tensor);
  if (layout === 'conv' || layout === 'depthwise')
    return tf.transpose(tensor, layout === 'conv' ? [2, 3, 1, 0] : [2, 3, 0, 1]);
  if (layout === 'deconv') return tf.tidy(() => tf.transpose(tensor, [0, 2, 3, 1]).reshape([a, c * d * b]));
  const channels = b / (layout.flatten * layout.flatten);
  return tf.tidy(() =>
    tf.transpose(tensor.reshape([a, channels, layout.flatten, layout.flatten]), [2, 3, 1, 0]).reshape([b, a]),
  );
}

/** The inverse of `toNative`: values, or gradients, in PyTorch's layout. */
export function toTorch(tensor: Tensor, layout: Layout, torchShape: readonly number[]): Tensor {
  const [a, b, c, d] = torchShape;
  if (layout === 'vector') return tensor.clone();
  if (layout === 'linear') return tf.transpose(tensor);
  if (layout === 'conv' || layout === 'depthwise')
    return tf.transpose(tensor, layout === 'conv' ? [3, 2, 0, 1] : [2, 3, 0, 1]);
  if (layout === 'deconv') return tf.tidy(() => tf.transpose(tensor.reshape([a, c, d, b]), [0, 3, 1, 2]));
  const size = layout.flatten;
  const channels = b / (size * size);
  return tf.tidy(() => tf.transpose(tensor.reshape([size, size, channels, a]), [3, 2, 0, 1]).reshape([a, b]));
}
