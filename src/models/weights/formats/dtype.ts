import { setFloat16 } from '@petamoriken/float16';

/** Element types that weight files hold, under PyTorch's names. */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** A tensor's values: float16 and bfloat16 come as float32, bool as 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

interface DTypeInfo {
  /** Bytes of one element. */
  readonly bytes: number;
  /** The class name after `torch.` in a pickled storage. */
  readonly storage: string;
  /** The name in a safetensors header. */
  readonly safetensors: string;
}

export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { bytes: 4, storage: 'FloatStorage', safetensors: 'F32' },
  float64: { bytes: 8, storage: 'DoubleStorage', safetensors: 'F64' },
  float16: { bytes: 2, storage: 'HalfStorage', safetensors: 'F16' },
  bfloat16: { bytes: 2, storage: 'BFloat16Storage', safetensors: 'BF16' },
  int64: { bytes: 8, storage: 'LongStorage', safetensors: 'I64' },
  int32: { bytes: 4, storage: 'IntStorage', safetensors: 'I32' },
  int16: { bytes: 2, storage: 'ShortStorage', safetensors: 'I16' },
  int8: { bytes: 1, storage: 'CharStorage', safetensors: 'I8' },
  uint8: { bytes: 1, storage: 'ByteStorage', safetensors: 'U8' },
  bool: { bytes: 1, storage: 'BoolStorage', safetensors: 'BOOL' },
};

export const DTYPE_NAMES: readonly DType[] = Object.keys(DTYPES) as DType[];

/**
 * Little-endian bytes as typed values; float32, float64 and integers are views of `bytes`, not copies.
 * `bytes` starts at a multiple of the element's size in its buffer (every reader here allocates it so).
 */
export function decodeTensor(dtype: DType, bytes: Uint8Array): TensorData {
  const n = bytes.byteLength / DTYPES[dtype].bytes;
  const { buffer, byteOffset } = bytes;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, n);
    case 'float64':
      return new Float64Array(buffer, byteOffset, n);
    case 'float16':
      return fromFloat16(new Uint16Array(buffer, byteOffset, n));
    case 'bfloat16':
      return fromBfloat16(new Uint16Array(buffer, byteOffset, n));
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, n);
    case 'int32':
      return new Int32Array(buffer, byteOffset, n);
    case 'int16':
      return new Int16Array(buffer, byteOffset, n);
    case 'int8':
      return new Int8Array(buffer, byteOffset, n);
    default:
      return new Uint8Array(buffer, byteOffset, n);
  }
}

/** Any values as float32; float32 itself is returned as it is. */
export function toFloat32(data: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  const out = new Float32Array(data.length);
  if (data instanceof BigInt64Array) for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  else out.set(data);
  return out;
}

/** IEEE 754 binary16 to binary32: exact, subnormals, infinities and NaN included. */
function fromFloat16(half: Uint16Array): Float32Array {
  const out = new Float32Array(half.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < half.length; i++) {
    const h = half[i];
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    if (exponent === 31) bits[i] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent !== 0) bits[i] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else out[i] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24;
  }
  return out;
}

/** Values rounded to IEEE 754 binary16, as little-endian bytes. */
export function toFloat16Bytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) setFloat16(view, 2 * i, values[i], true);
  return bytes;
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(upper: Uint16Array): Float32Array {
  const bits = new Uint32Array(upper.length);
  for (let i = 0; i < upper.length; i++) bits[i] = upper[i] << 16;
  return new Float32Array(bits.buffer);
}
