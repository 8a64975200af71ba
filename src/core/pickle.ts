/** Bytes in order, as the reader takes them. */
export interface PickleBytes {
  /** The next `length` bytes; throws where there are not so many. */
  take(length: number): Buffer;
  byte(): number;
  /** Text up to the next line feed. */
  line(): string;
  /** What an error is about. */
  readonly file: { fail(message: string, fix?: string): Error };
}

/** A name such as `collections.OrderedDict`: never looked up, never called; `reduce` knows a few of them. */
export class PickleGlobal {
  constructor(readonly name: string) {}
}

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Something that the caller's `reduce` or `persistent` has made: a storage, a tensor. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleGlobal
  | PickleObject;

/** What the names and persistent identifiers in a pickle mean. Each throws on what it does not know. */
export interface PickleMeaning {
  /** Throws unless the name is on the caller's short list. */
  global(name: string): PickleValue;
  reduce(callable: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  persistent(id: PickleValue): PickleValue;
  /** Gives an object of the caller's its state. Without it, attributes of dictionaries alone are passed over. */
  build?(object: PickleObject, state: PickleValue): void;
}

/** Real checkpoints need some twenty steps a tensor; past this a file is made to exhaust, not to hold weights. */
const MAX_STEPS = 4_000_000;
const MAX_CONTAINERS = 400_000;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Reads one pickle: the opcodes that `torch.save` writes, and no others. It builds data and runs nothing; a name
 * or an opcode off the list is an error that says what was found. Source: CPython Lib/pickletools.py.
 */
export function readPickle(cursor: PickleBytes, meaning: PickleMeaning): PickleValue {
  return new PickleReader(cursor, meaning).read();
}

class PickleReader {
  private stack: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private containers = 0;

  constructor(
    private readonly cursor: PickleBytes,
    private readonly meaning: PickleMeaning,
  ) {}

  read(): PickleValue {
    for (let step = 0; step < MAX_STEPS; step++) {
      const opcode = this.cursor.byte();
      if (opcode === 0x2e) return this.pop();
      if (!(this.scalar(opcode) || this.container(opcode) || this.memory(opcode) || this.object(opcode)))
        throw this.refuse(`opcode 0x${opcode.toString(16).padStart(2, '0')}`);
    }
    throw this.refuse(`over ${MAX_STEPS} steps`);
  }

  private scalar(opcode: number): boolean {
    const { cursor } = this;
    switch (opcode) {
      case 0x80: // PROTO
        cursor.take(1);
        return true;
      case 0x95: // FRAME
        cursor.take(8);
        return true;
      case 0x4e: // NONE
        return this.push(null);
      case 0x88: // NEWTRUE
        return this.push(true);
      case 0x89: // NEWFALSE
        return this.push(false);
      case 0x4b: // BININT1
        return this.push(cursor.byte());
      case 0x4d: // BININT2
        return this.push(cursor.take(2).readUInt16LE());
      case 0x4a: // BININT
        return this.push(cursor.take(4).readInt32LE());
      case 0x8a: // LONG1
        return this.push(integer(cursor.take(cursor.byte())));
      case 0x47: // BINFLOAT
        return this.push(cursor.take(8).readDoubleBE());
      case 0x58: // BINUNICODE
        return this.push(cursor.take(cursor.take(4).readUInt32LE()).toString('utf8'));
      case 0x8c: // SHORT_BINUNICODE
        return this.push(cursor.take(cursor.byte()).toString('utf8'));
      case 0x54: // BINSTRING, from Python 2
        return this.push(cursor.take(cursor.take(4).readUInt32LE()).toString('latin1'));
      case 0x55: // SHORT_BINSTRING, from Python 2
        return this.push(cursor.take(cursor.byte()).toString('latin1'));
      case 0x42: // BINBYTES
        return this.push(new Uint8Array(cursor.take(cursor.take(4).readUInt32LE())));
      case 0x43: // SHORT_BINBYTES
        return this.push(new Uint8Array(cursor.take(cursor.byte())));
      default:
        return false;
    }
  }

  private container(opcode: number): boolean {
    switch (opcode) {
      case 0x28: // MARK
        this.stack.push(MARK);
        return true;
      case 0x7d: // EMPTY_DICT
        return this.push(this.count(new Map()));
      case 0x5d: // EMPTY_LIST
        return this.push(this.count([]));
      case 0x29: // EMPTY_TUPLE
        return this.push(this.count(new PickleTuple([])));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.push(this.count(new PickleTuple(this.popMany(opcode - 0x84))));
      case 0x74: // TUPLE
        return this.push(this.count(new PickleTuple(this.popToMark())));
      case 0x61: // APPEND
        return this.append(this.popMany(1));
      case 0x65: // APPENDS
        return this.append(this.popToMark());
      case 0x73: // SETITEM
        return this.setItems(this.popMany(2));
      case 0x75: // SETITEMS
        return this.setItems(this.popToMark());
      default:
        return false;
    }
  }

  private memory(opcode: number): boolean {
    const { cursor, memo } = this;
    switch (opcode) {
      case 0x71: // BINPUT
        memo.set(cursor.byte(), this.top());
        return true;
      case 0x72: // LONG_BINPUT
        memo.set(cursor.take(4).readUInt32LE(), this.top());
        return true;
      case 0x94: // MEMOIZE
        memo.set(memo.size, this.top());
        return true;
      case 0x68: // BINGET
        return this.recall(cursor.byte());
      case 0x6a: // LONG_BINGET
        return this.recall(cursor.take(4).readUInt32LE());
      default:
        return false;
    }
  }

  private object(opcode: number): boolean {
    switch (opcode) {
      case 0x63: // GLOBAL
        return this.push(this.meaning.global(`${this.cursor.line()}.${this.cursor.line()}`));
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        return this.push(this.meaning.global(`${module}.${name}`));
      }
      case 0x52: {
        // REDUCE
        const [callable, args] = this.popMany(2);
        if (!(callable instanceof PickleGlobal && args instanceof PickleTuple))
          throw this.refuse('a call of something that is not a name');
        return this.push(this.count(this.meaning.reduce(callable, args.items)));
      }
      case 0x51: // BINPERSID
        return this.push(this.count(this.meaning.persistent(this.pop())));
      case 0x62: {
        // BUILD: the state of an object, or attributes of a dictionary (a state dict's `_metadata`), which are not needed
        const state = this.pop();
        const object = this.top();
        if (object instanceof PickleObject && this.meaning.build) this.meaning.build(object, state);
        else if (!(object instanceof Map)) throw this.refuse('attributes set on an object');
        return true;
      }
      default:
        return false;
    }
  }

  private push(value: PickleValue): boolean {
    this.stack.push(value);
    return true;
  }

  private count<T extends PickleValue>(value: T): T {
    if (++this.containers > MAX_CONTAINERS) throw this.refuse(`over ${MAX_CONTAINERS} objects`);
    return value;
  }

  private pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.damaged();
    return value;
  }

  private popMany(n: number): PickleValue[] {
    const values = this.stack.splice(Math.max(0, this.stack.length - n));
    if (values.length < n || values.includes(MARK)) throw this.damaged();
    return values as PickleValue[];
  }

  private popToMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.damaged();
    const values = this.stack.slice(mark + 1) as PickleValue[];
    this.stack.length = mark;
    return values;
  }

  private append(values: readonly PickleValue[]): boolean {
    const list = this.top();
    if (!Array.isArray(list)) throw this.damaged();
    for (const value of values) list.push(value);
    return true;
  }

  private setItems(values: readonly PickleValue[]): boolean {
    const dictionary = this.top();
    if (!(dictionary instanceof Map) || values.length % 2 !== 0) throw this.damaged();
    for (let i = 0; i < values.length; i += 2) dictionary.set(values[i], values[i + 1]);
    return true;
  }

  private recall(key: number): boolean {
    const value = this.memo.get(key);
    if (value === undefined) throw this.damaged();
    return this.push(value);
  }

  private damaged(): Error {
    return this.cursor.file.fail('the file is damaged: its pickle is not well formed');
  }

  private refuse(what: string): Error {
    return this.cursor.file.fail(
      `refused: the pickle holds ${what}, which no state dict needs; nothing was run`,
      'Save the state dict alone: torch.save(model.state_dict(), FILE).',
    );
  }
}

/** Little-endian two's complement; a number where it is exact. */
function integer(bytes: Buffer): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  if (bytes.length > 0 && bytes[bytes.length - 1] & 0x80) value -= 1n << BigInt(8 * bytes.length);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}
