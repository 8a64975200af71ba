import { type Attribute, runNativeOp } from '../kernels';
import { currentPrecision } from '../precision';
import { device, type Tensor, type Tensor1D, type Tensor4D, tf } from '../tf';
import { isBfloat16Pairs, typeOf } from './bfloat16_pairs';

interface FilterGradient {
  filterShape: number[];
  strides: number[];
  pad: 'same';
  dataFormat: 'NHWC';
}

/**
 * Convolution with stride 1 and 'same' padding, odd size. On a CPU its gradient to the input is a convolution with the
 * turned filter: the native op for it is half as fast there as the native forward op.
 *
 * @param x [N, H, W, in] @param filter [h, w, in, out] @returns [N, H, W, out]
 */
export function conv2dSame(x: Tensor4D, filter: Tensor4D): Tensor4D {
  return device === 'cpu' ? (op(x, filter) as Tensor4D) : tf.conv2d(x, filter, 1, 'same');
}

const op = tf.customGrad((...args: unknown[]) => {
  const [x, filter] = args as Tensor4D[];
  (args[2] as (tensors: Tensor[]) => void)([x, filter]);
  const gradFunc = (dy: Tensor, [savedX, savedFilter]: Tensor[]): Tensor[] => {
    const toInput = (): Tensor => {
      const turned = tf.transpose(tf.reverse(savedFilter, [0, 1]), [0, 1, 3, 2]) as Tensor4D;
      return tf.conv2d(dy as Tensor4D, turned, 1, 'same');
    };
    const attributes: FilterGradient = {
      filterShape: savedFilter.shape,
      strides: [1, 1],
      pad: 'same',
      dataFormat: 'NHWC',
    };
    const toFilter = (): Tensor =>
      tf.engine().runKernel('Conv2DBackpropFilter', { x: savedX, dy }, { ...attributes }) as Tensor;
    return [toInput(), toFilter()];
  };
  return { value: tf.conv2d(x, filter, 1, 'same'), gradFunc };
}) as unknown as (x: Tensor, filter: Tensor) => Tensor;

export interface FusedConvSpec {
  readonly stride: number;
  /** PyTorch's symmetric (size - 1) / 2, or TensorFlow's 'SAME'. */
  readonly padding: 'symmetric' | 'same';
  readonly depthwise: boolean;
  readonly activation: 'none' | 'relu' | 'relu6';
  /** Whether a gradient flows to the input: not to an image. */
  readonly inputGradient: boolean;
  /** Whether the result is packed (./packed.ts), as the input may be: where products are in bfloat16. */
  readonly pairs?: boolean;
}

/** A norm of constant statistics: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. All [C]. */
export interface FrozenNorm {
  readonly gamma: Tensor1D;
  readonly beta: Tensor1D;
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
  readonly epsilon: number;
}

const ACTIVATIONS = { none: 0, relu: 1, relu6: 2 } as const;

/**
 * Convolution, bias or frozen norm, and activation in one kernel of src/backend/native; so is the gradient, to the
 * input, the filter and the bias. A frozen norm takes none.
 *
 * @param x [N, H, W, in], packed or not @param filter [h, w, in, out], depthwise [h, w, in, 1] @returns [N, H', W', out]
 */
export function fusedConv(
  x: Tensor4D,
  filter: Tensor4D,
  shift: Tensor1D | FrozenNorm | undefined,
  spec: FusedConvSpec,
): Tensor4D {
  const norm = shift && 'gamma' in shift ? shift : undefined;
  const bias = shift && !('gamma' in shift) ? shift : undefined;
  const constants = norm ? [norm.gamma, norm.beta, norm.mean, norm.variance] : [];
  const attributes: Record<string, Attribute> = {
    stride: { int: spec.stride },
    symmetric: { int: spec.padding === 'symmetric' ? 1 : 0 },
    depthwise: { int: spec.depthwise ? 1 : 0 },
    activation: { int: ACTIVATIONS[spec.activation] },
    reduced: { int: currentPrecision() === 'bfloat16' && !spec.depthwise ? 1 : 0 },
    epsilon: { float: norm?.epsilon ?? 0 },
    M: { int: bias ? 1 : constants.length },
    X: typeOf(isBfloat16Pairs(x)),
    Y: typeOf(spec.pairs ?? false),
  };
  const needs = { needs: { int: (spec.inputGradient ? 1 : 0) + (bias ? 2 : 0) } };
  const op = tf.customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as (tensors: Tensor[]) => void;
    const [input, weights, ...rest] = args.slice(0, -1) as Tensor[];
    const [value] = runNativeOp('CytobenchConv', attributes, [input, weights, ...rest, ...constants], 1);
    // Without an activation the gradient does not look at the result: nothing keeps it.
    save([spec.activation === 'none' ? input : value, input, weights, ...rest]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const types = { Y: typeOf(isBfloat16Pairs(saved[0])) };
      const inputs = [dy, ...saved, ...constants];
      // An unwanted dx is empty: the tape leaves out what no variable needs.
      const [dx, dw, db] = runNativeOp('CytobenchConvGrad', { ...attributes, ...needs, ...types }, inputs, 3);
      return bias ? [dx, dw, db] : [dx, dw];
    };
    return { value, gradFunc };
  }) as unknown as (...inputs: Tensor[]) => Tensor;
  return op(x, filter, ...(bias ? [bias] : [])) as Tensor4D;
}
