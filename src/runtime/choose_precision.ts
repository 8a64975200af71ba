import { hasKernels } from './kernels';
import { fusedConv } from './ops/conv2d';
import { type Precision, withPrecision } from './precision';
import { device, type Tensor4D, tf } from './tf';

/** How much faster bfloat16 must be to be worth its rounding. */
const WORTH_IT = 1.3;
const REPEATS = 4;

export interface PrecisionChoice {
  readonly precision: Precision;
  /** Why, in words, with what was measured. */
  readonly reason: string;
}

let bfloat16: boolean | undefined;

/** Whether this processor has convolutions in bfloat16 (those with AVX2 alone have none), and the kernels are there. */
export function hasBfloat16(): boolean {
  bfloat16 ??= hasKernels() && triesBfloat16();
  return bfloat16;
}

function triesBfloat16(): boolean {
  const [x, filter] = [tf.zeros([1, 4, 4, 16]) as Tensor4D, tf.zeros([1, 1, 16, 16]) as Tensor4D];
  try {
    withPrecision('bfloat16', () => fusedConv(x, filter, undefined, SPEC).dispose());
    return true;
  } catch {
    return false;
  } finally {
    tf.dispose([x, filter]);
  }
}

/**
 * The precision to train in on this machine: one convolution of the mask head's kind timed in both, in turn; about a
 * tenth of a second. bfloat16 only where the processor gains from it. Changes nothing.
 */
export function choosePrecision(): PrecisionChoice {
  if (!hasKernels())
    return {
      precision: 'float32',
      reason:
        device === 'gpu'
          ? 'on a GPU products are computed in float32 alone'
          : 'the kernels for bfloat16 are not built here (`npm run setup` tries)',
    };
  if (!hasBfloat16())
    return { precision: 'float32', reason: 'this processor has no convolution in bfloat16' };
  const times: Record<Precision, number> = {
    float32: Number.POSITIVE_INFINITY,
    bfloat16: Number.POSITIVE_INFINITY,
  };
  const [x, filter] = [tf.zeros([8, 14, 14, 128]) as Tensor4D, tf.zeros([3, 3, 128, 128]) as Tensor4D];
  try {
    for (let i = 0; i <= REPEATS; i++)
      for (const precision of ['float32', 'bfloat16'] as const) {
        const started = performance.now();
        withPrecision(precision, () => fusedConv(x, filter, undefined, SPEC).dispose());
        // The first round builds the code.
        if (i > 0) times[precision] = Math.min(times[precision], performance.now() - started);
      }
  } finally {
    tf.dispose([x, filter]);
  }
  const gain = times.float32 / times.bfloat16;
  return {
    precision: gain >= WORTH_IT ? 'bfloat16' : 'float32',
    reason: `a convolution in bfloat16 is ${gain.toFixed(2)} times as fast as in float32`,
  };
}

const SPEC = {
  stride: 1,
  padding: 'same',
  depthwise: false,
  activation: 'none',
  inputGradient: false,
} as const;
