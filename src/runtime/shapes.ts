// The shapes of ops' results, from those of their inputs: what lets ops wait before they are run (./capture.ts). An op
// that is not here does not wait. Source: the shape functions of TensorFlow's op definitions.
import { DTYPES, type Values } from './binding';

/** What is known of a tensor that has not been computed. */
export interface Known {
  readonly shape: readonly number[];
  /** TensorFlow's number of its type. */
  readonly dtype: number;
  /** Its values, where JavaScript made it and it is small. */
  readonly values?: Values;
}

/** A result. @property opaque: memory between an op and its gradient, whose shape is the runtime's own affair. */
export interface Inferred {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly opaque?: boolean;
}

type Attributes = (name: string) => unknown;
/** Throws `Unknown` where it cannot tell. */
type Rule = (inputs: readonly Known[], attribute: Attributes) => readonly Inferred[];

/** A shape that depends on values which are not known yet. */
class Unknown extends Error {}

const { bool } = DTYPES;

function numbers({ values }: Known): number[] {
  if (!values) throw new Unknown();
  return Array.from(values);
}

const like = ({ shape, dtype }: Known): Inferred[] => [{ shape, dtype }];
const first: Rule = ([x]) => like(x);
const truth: Rule = ([x]) => [{ shape: x.shape, dtype: bool }];

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    return left === 1 ? right : left;
  });
}

const binary: Rule = ([a, b]) => [{ shape: broadcast(a.shape, b.shape), dtype: a.dtype }];
const comparison: Rule = ([a, b]) => [{ shape: broadcast(a.shape, b.shape), dtype: bool }];

const reduction: Rule = ([x, axes], attribute) => {
  const rank = x.shape.length;
  const gone = new Set(numbers(axes).map((axis) => (axis < 0 ? axis + rank : axis)));
  const kept = attribute('keep_dims')
    ? x.shape.map((side, i) => (gone.has(i) ? 1 : side))
    : x.shape.filter((_, i) => !gone.has(i));
  return [{ shape: kept, dtype: x.dtype }];
};

/** [height, width] after a window of a size and a stride. */
function slid(
  [height, width]: readonly number[],
  [h, w]: readonly number[],
  attribute: Attributes,
): [number, number] {
  if (attribute('data_format') !== 'NHWC') throw new Unknown();
  const [, sy, sx] = attribute('strides') as number[];
  const [, dy, dx] = (attribute('dilations') as number[] | undefined) ?? [1, 1, 1, 1];
  const one = (side: number, size: number, stride: number): number =>
    attribute('padding') === 'SAME' ? Math.ceil(side / stride) : Math.ceil((side - size + 1) / stride);
  if (attribute('padding') === 'EXPLICIT') throw new Unknown();
  return [one(height, (h - 1) * dy + 1, sy), one(width, (w - 1) * dx + 1, sx)];
}

const pool: Rule = ([x], attribute) => {
  const [n, height, width, channels] = x.shape;
  const size = (attribute('ksize') as number[]).slice(1, 3);
  return [{ shape: [n, ...slid([height, width], size, attribute), channels], dtype: x.dtype }];
};

/** The shape is the values of an input. */
const shapeOfInput =
  (input: number, like: number): Rule =>
  (inputs) => [{ shape: numbers(inputs[input]), dtype: inputs[like].dtype }];

const padded: Rule = ([x, paddings]) => {
  const p = numbers(paddings);
  return [{ shape: x.shape.map((side, i) => side + p[2 * i] + p[2 * i + 1]), dtype: x.dtype }];
};

const matrixProduct =
  (adjointA: string, adjointB: string): Rule =>
  ([a, b], attribute) => {
    const [rows, columns] = [a.shape.length, b.shape.length];
    const m = a.shape[attribute(adjointA) ? rows - 1 : rows - 2];
    const n = b.shape[attribute(adjointB) ? columns - 2 : columns - 1];
    return [{ shape: [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n], dtype: a.dtype }];
  };

const channelsOf = ({ shape }: Known): number => shape[shape.length - 1];
/** Packed values (./ops/bfloat16_pairs.ts) are half as many int32 along the last axis. */
const packed = (shape: readonly number[], type: unknown): Inferred =>
  type === DTYPES.int32
    ? { shape: shape.map((side, i) => (i === shape.length - 1 ? side / 2 : side)), dtype: DTYPES.int32 }
    : { shape, dtype: DTYPES.float32 };
const unpacked = ({ shape, dtype }: Known): number[] =>
  shape.map((side, i) => (i === shape.length - 1 && dtype === DTYPES.int32 ? side * 2 : side));
const vector = (side: number, dtype: number = DTYPES.float32): Inferred => ({ shape: [side], dtype });

const RULES: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    [
      ...['Abs', 'Exp', 'Log', 'Log1p', 'Neg', 'Relu', 'Relu6', 'Rsqrt', 'Sqrt', 'Square', 'Sigmoid', 'Sign'],
      ...['OnesLike', 'ZerosLike', 'Identity', 'ReluGrad', 'Relu6Grad', 'AddN', 'ReverseV2', 'MaxPoolGrad'],
    ].map((name) => [name, first]),
  ),
  ...Object.fromEntries(
    ['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Div', 'Minimum', 'Maximum'].map((name) => [name, binary]),
  ),
  ...Object.fromEntries(
    ['Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual', 'LogicalAnd', 'LogicalOr'].map(
      (name) => [name, comparison],
    ),
  ),
  ...Object.fromEntries(['Sum', 'Mean', 'Max', 'Min', 'Prod', 'All', 'Any'].map((name) => [name, reduction])),
  IsNan: truth,
  LogicalNot: truth,
  Select: ([, x]) => like(x),
  SelectV2: ([condition, x, y]) => [
    { shape: broadcast(condition.shape, broadcast(x.shape, y.shape)), dtype: x.dtype },
  ],
  Cast: ([x], attribute) => [{ shape: x.shape, dtype: attribute('DstT') as number }],
  Fill: ([dims, value]) => [{ shape: numbers(dims), dtype: value.dtype }],
  Reshape: ([x, wanted]) => {
    const shape = numbers(wanted);
    const size = x.shape.reduce((a, b) => a * b, 1);
    const rest = shape.reduce((a, b) => (b === -1 ? a : a * b), 1);
    return [{ shape: shape.map((side) => (side === -1 ? size / rest : side)), dtype: x.dtype }];
  },
  Transpose: ([x, order]) => [{ shape: numbers(order).map((axis) => x.shape[axis]), dtype: x.dtype }],
  ConcatV2: (inputs) => {
    const parts = inputs.slice(0, -1);
    const [given] = numbers(inputs[inputs.length - 1]);
    const axis = given < 0 ? given + parts[0].shape.length : given;
    const total = parts.reduce((sum, { shape }) => sum + shape[axis], 0);
    return [{ shape: parts[0].shape.map((side, i) => (i === axis ? total : side)), dtype: parts[0].dtype }];
  },
  SplitV: ([x, sizes, along]) => {
    const [axis] = numbers(along);
    const at = axis < 0 ? axis + x.shape.length : axis;
    return numbers(sizes).map((size) => {
      if (size < 0) throw new Unknown();
      return { shape: x.shape.map((side, i) => (i === at ? size : side)), dtype: x.dtype };
    });
  },
  Slice: ([x, begin, size]) => {
    const [from, count] = [numbers(begin), numbers(size)];
    const shape = x.shape.map((side, i) => (count[i] === -1 ? side - from[i] : count[i]));
    return [{ shape, dtype: x.dtype }];
  },
  Pad: padded,
  PadV2: padded,
  MirrorPad: padded,
  MirrorPadGrad: ([x, paddings]) => {
    const p = numbers(paddings);
    return [{ shape: x.shape.map((side, i) => side - p[2 * i] - p[2 * i + 1]), dtype: x.dtype }];
  },
  Tile: ([x, multiples]) => {
    const times = numbers(multiples);
    return [{ shape: x.shape.map((side, i) => side * times[i]), dtype: x.dtype }];
  },
  GatherV2: ([x, indices, along], attribute) => {
    const [axis] = numbers(along);
    if (axis < 0 || attribute('batch_dims') !== 0) throw new Unknown();
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return [{ shape, dtype: x.dtype }];
  },
  UnsortedSegmentSum: ([x, segments, count]) => [
    { shape: [numbers(count)[0], ...x.shape.slice(segments.shape.length)], dtype: x.dtype },
  ],
  OneHot: ([indices, depth, on], attribute) => {
    if (attribute('axis') !== -1) throw new Unknown();
    return [{ shape: [...indices.shape, numbers(depth)[0]], dtype: on.dtype }];
  },
  Conv2D: ([x, filter], attribute) => {
    const [n, height, width] = x.shape;
    const [h, w, , outputs] = filter.shape;
    return [{ shape: [n, ...slid([height, width], [h, w], attribute), outputs], dtype: x.dtype }];
  },
  DepthwiseConv2dNative: ([x, filter], attribute) => {
    const [n, height, width] = x.shape;
    const [h, w, inputs, multiplier] = filter.shape;
    const sides = slid([height, width], [h, w], attribute);
    return [{ shape: [n, ...sides, inputs * multiplier], dtype: x.dtype }];
  },
  Conv2DBackpropInput: shapeOfInput(0, 2),
  Conv2DBackpropFilter: shapeOfInput(1, 2),
  DepthwiseConv2dNativeBackpropInput: shapeOfInput(0, 2),
  DepthwiseConv2dNativeBackpropFilter: shapeOfInput(1, 2),
  MaxPool: pool,
  AvgPool: pool,
  MatMul: matrixProduct('transpose_a', 'transpose_b'),
  BatchMatMulV2: matrixProduct('adj_x', 'adj_y'),
  ResizeNearestNeighbor: ([x, size]) => [
    { shape: [x.shape[0], ...numbers(size), x.shape[3]], dtype: x.dtype },
  ],
  ResizeNearestNeighborGrad: ([dy, size]) => [
    { shape: [dy.shape[0], ...numbers(size), dy.shape[3]], dtype: dy.dtype },
  ],
  CropAndResize: ([map, boxes, , size]) => [
    { shape: [boxes.shape[0], ...numbers(size), map.shape[3]], dtype: DTYPES.float32 },
  ],
  CropAndResizeGradImage: shapeOfInput(3, 0),
  FusedBatchNormV3: ([x, scale]) => [
    ...like(x),
    ...[1, 2, 3, 4].map(() => vector(scale.shape[0])),
    { ...vector(0), opaque: true },
  ],
  FusedBatchNormGradV3: ([, x, scale]) => [
    ...like(x),
    vector(scale.shape[0]),
    vector(scale.shape[0]),
    { ...vector(0), opaque: true },
    { ...vector(0), opaque: true },
  ],
  // This repository's own (./native).
  CytobenchConv: ([x, w], attribute) => {
    const [n, height, width] = x.shape;
    const [h, kernelWidth, inputs, outputs] = w.shape;
    const stride = attribute('stride') as number;
    const side = (from: number, size: number): number =>
      attribute('symmetric')
        ? Math.floor((from + 2 * Math.floor((size - 1) / 2) - size) / stride) + 1
        : Math.floor((from + stride - 1) / stride);
    const channels = attribute('depthwise') ? inputs : outputs;
    return [packed([n, side(height, h), side(width, kernelWidth), channels], attribute('Y'))];
  },
  CytobenchConvGrad: ([dy, , x, w], attribute) => {
    const needs = attribute('needs') as number;
    return [
      needs & 1 ? { shape: unpacked(x), dtype: DTYPES.float32 } : vector(0),
      { shape: w.shape, dtype: DTYPES.float32 },
      vector(needs & 2 ? channelsOf(dy) : 0),
    ];
  },
  CytobenchBatchNorm: ([x, gamma], attribute) => [
    packed(unpacked(x), attribute('Y')),
    ...[1, 2, 3].map(() => vector(gamma.shape[0])),
  ],
  CytobenchBatchNormGrad: ([, x, gamma]) => [
    { shape: unpacked(x), dtype: DTYPES.float32 },
    vector(gamma.shape[0]),
    vector(gamma.shape[0]),
  ],
  CytobenchRoiAlign: (inputs, attribute) => {
    const [map, rois] = [inputs[0], inputs[inputs.length - 1]];
    const size = attribute('size') as number;
    return [{ shape: [rois.shape[0], size, size, map.shape[3]], dtype: DTYPES.float32 }];
  },
  CytobenchRoiAlignGrad: ([, , shapes]) => {
    const sides = numbers(shapes);
    return Array.from({ length: sides.length / 4 }, (_, l) => ({
      shape: sides.slice(4 * l, 4 * l + 4),
      dtype: DTYPES.float32,
    }));
  },
};

/** The results of an op, or null where only running it tells. */
export function inferResults(
  name: string,
  inputs: readonly Known[],
  attribute: Attributes,
): readonly Inferred[] | null {
  const rule = RULES[name];
  if (!rule) return null;
  try {
    return rule(inputs, attribute);
  } catch (error) {
    if (error instanceof Unknown) return null;
    throw error;
  }
}
