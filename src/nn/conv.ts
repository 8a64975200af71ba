import { hasKernels } from '../runtime/kernels';
import { batchNormTraining } from '../runtime/ops/batch_norm';
import { conv2dSame, type FrozenNorm, fusedConv } from '../runtime/ops/conv2d';
import { relu, relu6 } from '../runtime/ops/elementwise';
import { currentPrecision } from '../runtime/precision';
import { type Tensor, type Tensor1D, type Tensor4D, tf, type Variable } from '../runtime/tf';
import { ones, zeros } from './init';
import type { Initializer, Parameter, ParameterStore } from './parameters';

/** How a batch norm behaves. `frozen`: constants, as torchvision builds with pretrained weights. `live`: learns. */
export type NormMode = 'frozen' | 'live';
export type Activation = 'none' | 'relu' | 'relu6';

/** What a forward pass is for. In training, live norms use the batch's statistics and update the running ones. */
export interface Mode {
  readonly training: boolean;
}

export interface NormSpec {
  readonly mode: NormMode;
  readonly epsilon: number;
  readonly name: string;
}

export interface ConvSpec {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride?: number;
  readonly depthwise?: boolean;
  /** TensorFlow's 'SAME' (EfficientNet-Lite) or PyTorch's symmetric (size - 1) / 2. */
  readonly padding?: 'symmetric' | 'same';
  readonly bias?: boolean;
  readonly norm?: NormSpec;
  readonly activation?: Activation;
  readonly init: Initializer;
}

/** PyTorch's BatchNorm2d momentum: how much a batch updates the running statistics. */
const MOMENTUM = 0.1;

/** Convolution, norm and activation. A frozen norm is folded into the convolution, in training too. */
export class Conv {
  readonly weight: Parameter;
  readonly bias?: Parameter;
  readonly norm?: Norm;

  constructor(
    store: ParameterStore,
    private readonly spec: ConvSpec,
  ) {
    const { name, inputs, outputs, size, depthwise = false, init } = spec;
    const shape = [outputs, depthwise ? 1 : inputs, size, size];
    this.weight = store.create(`${name}.weight`, shape, depthwise ? 'depthwise' : 'conv', init);
    if (spec.bias) this.bias = store.create(`${name}.bias`, [outputs], 'vector', zeros);
    if (spec.norm) this.norm = new Norm(store, spec.norm, outputs);
  }

  /**
   * [N, H, W, inputs] -> [N, H / stride, W / stride, outputs]
   *
   * @param next the convolution that alone takes the result: where it would round it to bfloat16, it comes so.
   */
  apply(x: Tensor4D, mode: Mode, next?: Conv): Tensor4D {
    if (hasKernels()) return this.applyFused(x, mode, next);
    let filter = this.weight.variable as unknown as Tensor4D;
    let shift = this.bias?.variable as unknown as Tensor1D | undefined;
    if (this.norm?.spec.mode === 'frozen') {
      const { scale, offset } = this.norm.folded();
      filter = tf.mul(filter, this.spec.depthwise ? scale.reshape([1, 1, -1, 1]) : scale);
      shift = offset;
    }
    let y = this.convolve(x, filter);
    if (shift) y = tf.add(y, shift);
    const activation = this.spec.activation ?? 'none';
    return this.norm?.spec.mode === 'live' ? this.norm.apply(y, mode, activation) : activate(y, activation);
  }

  private applyFused(x: Tensor4D, mode: Mode, next?: Conv): Tensor4D {
    const { stride = 1, padding = 'symmetric', depthwise = false, activation = 'none' } = this.spec;
    // In testing a live norm is constant too.
    const live = this.norm?.spec.mode === 'live' && mode.training;
    const packs = this.rounds && this.spec.outputs % 2 === 0;
    const wanted = next?.rounds ?? false;
    const y = fusedConv(
      x,
      this.weight.variable as unknown as Tensor4D,
      this.norm && !live ? this.norm.frozen() : (this.bias?.variable as unknown as Tensor1D | undefined),
      {
        stride,
        padding,
        depthwise,
        activation: live ? 'none' : activation,
        inputGradient: this.spec.inputs > 3,
        pairs: packs && (live || wanted),
      },
    );
    return this.norm && live ? this.norm.apply(y, mode, activation, packs && wanted) : y;
  }

  /** Whether its products are in bfloat16. */
  private get rounds(): boolean {
    return !this.spec.depthwise && currentPrecision() === 'bfloat16';
  }

  private convolve(x: Tensor4D, filter: Tensor4D): Tensor4D {
    const { size, stride = 1, padding = 'symmetric', depthwise } = this.spec;
    // With stride 1 and an odd size the two conventions are one, and the native name needs no padded copy.
    const native = padding === 'same' || stride === 1 || size === 1;
    const input = native ? x : padded(x, (size - 1) / 2);
    const pad = native ? 'same' : 'valid';
    if (depthwise) return tf.depthwiseConv2d(input, filter, stride, pad);
    return stride === 1 && size > 1 ? conv2dSame(input, filter) : tf.conv2d(input, filter, stride, pad);
  }
}

function padded(x: Tensor4D, side: number): Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [side, side],
    [side, side],
    [0, 0],
  ]);
}

export function activate<T extends Tensor>(x: T, activation: Activation): T {
  if (activation === 'none') return x;
  return activation === 'relu' ? relu(x) : relu6(x);
}

/** Batch normalisation by torchvision's names. */
export class Norm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly mean: Parameter;
  readonly variance: Parameter;
  epsilon: number;
  /** The norm as one product and one sum; only where no kernel of this repository takes it as it is. */
  private readonly kept?: { readonly scale: Variable; readonly offset: Variable };
  /** What `kept` was computed from. */
  private keptFrom: readonly unknown[] = [];

  constructor(
    store: ParameterStore,
    readonly spec: NormSpec,
    channels: number,
  ) {
    const frozen = spec.mode === 'frozen';
    this.epsilon = spec.epsilon;
    this.weight = store.create(`${spec.name}.weight`, [channels], 'vector', ones, frozen);
    this.bias = store.create(`${spec.name}.bias`, [channels], 'vector', zeros, frozen);
    this.mean = store.create(`${spec.name}.running_mean`, [channels], 'vector', zeros, true);
    this.variance = store.create(`${spec.name}.running_var`, [channels], 'vector', ones, true);
    if (!hasKernels()) this.kept = { scale: store.derive([channels]), offset: store.derive([channels]) };
  }

  /** The norm as constants. */
  frozen(): FrozenNorm {
    return {
      gamma: this.weight.variable as unknown as Tensor1D,
      beta: this.bias.variable as unknown as Tensor1D,
      mean: this.mean.variable as unknown as Tensor1D,
      variance: this.variance.variable as unknown as Tensor1D,
      epsilon: this.epsilon,
    };
  }

  /**
   * The norm as y = x * scale + offset, from the running statistics: computed once, and again when one of its tensors
   * was given other values.
   */
  folded(): { scale: Tensor1D; offset: Tensor1D } {
    const { kept } = this;
    if (!kept) return this.fold();
    const from = [this.weight, this.bias, this.mean, this.variance].map(({ variable }) => variable.dataId);
    if (![...from, this.epsilon].every((part, i) => part === this.keptFrom[i])) {
      tf.tidy(() => {
        const { scale, offset } = this.fold();
        kept.scale.assign(scale);
        kept.offset.assign(offset);
      });
      this.keptFrom = [...from, this.epsilon];
    }
    return kept as unknown as { scale: Tensor1D; offset: Tensor1D };
  }

  private fold(): { scale: Tensor1D; offset: Tensor1D } {
    const scale = tf.mul(
      this.weight.variable,
      tf.rsqrt(tf.add(this.variance.variable, this.epsilon)),
    ) as Tensor1D;
    return { scale, offset: tf.sub(this.bias.variable, tf.mul(this.mean.variable, scale)) as Tensor1D };
  }

  apply(x: Tensor4D, mode: Mode, activation: Activation, pairs = false): Tensor4D {
    if (!mode.training) {
      const { scale, offset } = this.folded();
      return activate(tf.add(tf.mul(x, scale), offset), activation);
    }
    const gamma = this.weight.variable as unknown as Tensor1D;
    const { y, mean, variance } = batchNormTraining(
      x,
      gamma,
      this.bias.variable as unknown as Tensor1D,
      this.epsilon,
      activation === 'relu',
      pairs && activation !== 'relu6',
    );
    move(this.mean, mean);
    move(this.variance, variance);
    return activation === 'relu6' ? activate(y, activation) : y;
  }
}

/** running = (1 - momentum) * running + momentum * batch, outside the tape. */
function move(running: Parameter, batch: Tensor1D): void {
  const moved = tf.tidy(() => tf.add(tf.mul(running.variable, 1 - MOMENTUM), tf.mul(batch, MOMENTUM)));
  running.variable.assign(moved);
  tf.dispose([moved, batch]);
}

/**
 * Convolutions one after the other. What lies between two of them is released at once: gradients hold their own
 * reference to what they need, and the rest would stay to the end of the forward pass.
 */
export function applyChain(convs: readonly Conv[], x: Tensor4D, mode: Mode): Tensor4D {
  let y = x;
  convs.forEach((conv, i) => {
    const next = conv.apply(y, mode, convs[i + 1]);
    if (y !== x) y.dispose();
    y = next;
  });
  return y;
}
