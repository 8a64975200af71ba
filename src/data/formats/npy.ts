import { DataError } from '../../core/errors';
import type { SampleArray } from './sample_array';
import { type ByteSource, openByteSource } from './tiff/byte_source';

/** An array in a `.npy` file. */
export interface NpyFile {
  readonly file: string;
  readonly shape: readonly number[];
  /** NumPy's own letters: `<f8`, `|u1`; `|O` is a pickle. */
  readonly descr: string;
  /** First index fastest (Fortran's order). */
  readonly fortran: boolean;
  /** Where the values begin. */
  readonly start: number;
  readonly source: ByteSource;
  /** Elements `from` to `to`, in the order of the file. Numbers of 64 bits beyond 2^53 are rounded. */
  read(from: number, to: number): SampleArray;
  close(): void;
}

/** The format of numpy.lib.format, versions 1 to 3. Errors name the file. */
export function openNpy(file: string): NpyFile {
  const source = openByteSource(file);
  try {
    const head = source.read(0, Math.min(12, source.size));
    if (head.length < 12 || head.toString('latin1', 0, 6) !== '\x93NUMPY')
      throw new DataError('is no NumPy array', { where: file });
    const wide = head[6] >= 2;
    const length = wide ? head.readUInt32LE(8) : head.readUInt16LE(8);
    const start = (wide ? 12 : 10) + length;
    if (length > 65_536) throw new DataError('is no usable NumPy array: a header too long', { where: file });
    const text = source.read(wide ? 12 : 10, length).toString('latin1');
    const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
    const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1] === 'True';
    const shape = /'shape'\s*:\s*\(([^)]*)\)/
      .exec(text)?.[1]
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number);
    if (descr === undefined || shape === undefined || shape.some((n) => !Number.isSafeInteger(n) || n < 0))
      throw new DataError('is a NumPy array of a kind that is not read (records?)', { where: file });
    return {
      file,
      shape,
      descr,
      fortran,
      start,
      source,
      read: (from, to) => {
        const size = sizeOf(descr, file);
        return valuesOf(source.read(start + from * size, (to - from) * size), descr, file);
      },
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

function sizeOf(descr: string, file: string): number {
  const size = Number(/^[<>|=][biuf](\d)$/.exec(descr)?.[1]);
  if ([1, 2, 4, 8].includes(size)) return size;
  throw new DataError(`holds values of the type ${descr}; numbers are needed`, { where: file });
}

/** Bytes of an array of NumPy's type as numbers. Errors name the file and the type. */
export function valuesOf(bytes: Uint8Array, descr: string, file: string): SampleArray {
  const size = sizeOf(descr, file);
  // Own memory: typed views need an aligned start.
  const own = Buffer.from(new Uint8Array(bytes).buffer);
  if (descr.startsWith('>') && size > 1) {
    if (size === 2) own.swap16();
    else if (size === 4) own.swap32();
    else own.swap64();
  }
  const { buffer } = own;
  const count = Math.floor(own.length / size);
  switch (`${descr[1] === 'b' ? 'u' : descr[1]}${size}`) {
    case 'u1':
      return new Uint8Array(buffer, 0, count);
    case 'i1':
      return new Int8Array(buffer, 0, count);
    case 'u2':
      return new Uint16Array(buffer, 0, count);
    case 'i2':
      return new Int16Array(buffer, 0, count);
    case 'u4':
      return new Uint32Array(buffer, 0, count);
    case 'i4':
      return new Int32Array(buffer, 0, count);
    case 'f4':
      return new Float32Array(buffer, 0, count);
    case 'f8':
      return new Float64Array(buffer, 0, count);
    case 'u8':
      return Float64Array.from(new BigUint64Array(buffer, 0, count), Number);
    case 'i8':
      return Float64Array.from(new BigInt64Array(buffer, 0, count), Number);
    default:
      throw new DataError(`holds values of the type ${descr}, which are not read`, { where: file });
  }
}
