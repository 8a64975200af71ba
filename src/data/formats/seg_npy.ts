import { DataError } from '../../core/errors';
import {
  type PickleBytes,
  PickleGlobal,
  type PickleMeaning,
  PickleObject,
  PickleTuple,
  type PickleValue,
  readPickle,
} from '../../core/pickle';
import { checkedLabels, type ReadLabels } from './label_map';
import { openNpy, valuesOf } from './npy';

/** More than this no file of one image holds. */
const MOST_BYTES = 2e9;

/**
 * The masks of a `_seg.npy` of Cellpose: a dictionary that NumPy pickled. Arrays, numbers and text are built and nothing
 * is run; any other name in the pickle is refused. Errors name the file.
 */
export function readSegNpy(file: string): ReadLabels {
  const array = openNpy(file);
  let value: PickleValue;
  try {
    if (array.descr !== '|O')
      throw new DataError('holds an array, not the dictionary that Cellpose saves', { where: file });
    const { start, source } = array;
    if (source.size - start > MOST_BYTES) throw new DataError('is too large to be read', { where: file });
    const bytes = new BufferBytes(source.read(start, source.size - start), file);
    value = readPickle(bytes, meaningOf(file));
  } finally {
    array.close();
  }
  const [content] = value instanceof ArrayObject ? value.objects : [value];
  const masks = content instanceof Map ? content.get('masks') : undefined;
  if (!(masks instanceof ArrayObject) || masks.shape.length !== 2)
    throw new DataError(
      masks instanceof ArrayObject
        ? `its masks have ${masks.shape.length} dimensions; those of an image have two`
        : 'holds no masks as Cellpose saves them',
      { where: file },
    );
  const [height, width] = masks.shape;
  const values = valuesOf(masks.bytes, masks.descr, file);
  if (values.length !== height * width) throw new DataError('its masks are cut off', { where: file });
  const data = masks.fortran
    ? values.map((_, p) => values[(p % width) * height + Math.floor(p / width)])
    : values;
  const kind = values instanceof Float32Array || values instanceof Float64Array ? 'float' : 'signed';
  return { width, height, data: checkedLabels(file, { data, width, bits: 64, kind }), notes: [] };
}

class TypeObject extends PickleObject {
  readonly kind = 'numpy.dtype';
  order = '<';

  constructor(readonly name: string) {
    super();
  }

  get descr(): string {
    return `${this.order === '=' || this.order === '|' ? '<' : this.order}${this.name}`;
  }
}

class ArrayObject extends PickleObject {
  readonly kind = 'numpy.ndarray';
  shape: readonly number[] = [];
  fortran = false;
  descr = '';
  bytes: Uint8Array = new Uint8Array();
  objects: readonly PickleValue[] = [];
}

const KNOWN =
  /^(numpy(\._?core)?(\.multiarray)?\.(_reconstruct|scalar)|numpy\._core\.multiarray\.(_reconstruct|scalar)|numpy\.(ndarray|dtype)|_codecs\.encode)$/;

function meaningOf(file: string): PickleMeaning {
  const refuse = (what: string): DataError =>
    new DataError(`its pickle names ${what}, which Cellpose does not write: refused, nothing was run`, {
      where: file,
      fix: 'In Cellpose choose "Save masks as PNG/tif", and import that.',
    });
  return {
    global: (name) => {
      if (!KNOWN.test(name)) throw refuse(name.slice(0, 80));
      return new PickleGlobal(name);
    },
    reduce: ({ name }, args) => {
      if (name.endsWith('_reconstruct')) return new ArrayObject();
      if (name.endsWith('.dtype')) return new TypeObject(String(args[0]));
      // Bytes as Python 2 and protocol 2 write them.
      if (name === '_codecs.encode') return new Uint8Array(Buffer.from(String(args[0]), 'latin1'));
      if (name.endsWith('scalar')) {
        const [type, bytes] = args;
        if (type instanceof TypeObject && bytes instanceof Uint8Array && /^[biuf]\d$/.test(type.name))
          return Number(valuesOf(bytes, type.descr, file)[0] ?? 0);
        return null;
      }
      throw refuse(name);
    },
    persistent: () => {
      throw refuse('an object outside the file');
    },
    build: (object, state) => {
      const parts = state instanceof PickleTuple ? state.items : [];
      if (object instanceof TypeObject) {
        if (typeof parts[1] === 'string') object.order = parts[1];
      } else if (object instanceof ArrayObject) {
        const [, shape, type, fortran, content] = parts;
        object.shape = shape instanceof PickleTuple ? shape.items.map(Number) : [];
        object.fortran = fortran === true;
        if (type instanceof TypeObject) object.descr = type.descr;
        if (content instanceof Uint8Array) object.bytes = content;
        else if (Array.isArray(content)) object.objects = content;
      }
    },
  };
}

class BufferBytes implements PickleBytes {
  private at = 0;
  readonly file: PickleBytes['file'];

  constructor(
    private readonly bytes: Buffer,
    where: string,
  ) {
    this.file = {
      fail: (message) =>
        new DataError(
          /refused/.test(message)
            ? `${message.replace(/, which no state dict needs.*/, '')}, which is not read; nothing was run`
            : message,
          { where },
        ),
    };
  }

  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw this.file.fail('is cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.take(1)[0];
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0 || end - this.at > 1000) throw this.file.fail('is damaged: a name without an end');
    return this.take(end - this.at + 1)
      .subarray(0, -1)
      .toString('utf8');
  }
}
