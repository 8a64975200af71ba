import * as fs from 'node:fs';
import { describeError, WeightsError } from '../../../core/errors';
import { fileError } from '../../../core/files';

/** Read-only access to ranges of a file: nothing is allocated before the range is known to lie inside. */
export class ByteFile {
  readonly path: string;
  /** Bytes, as when it was first opened. */
  readonly size: number;
  private descriptor: number | undefined;

  constructor(path: string) {
    this.path = path;
    this.size = this.whileOpen((descriptor) => {
      const stat = fs.fstatSync(descriptor);
      if (!stat.isFile()) throw new WeightsError('not a file', { where: path });
      return stat.size;
    });
  }

  /** Runs `work` with the file held open, so that many small reads open it once. */
  session<T>(work: () => T): T {
    return this.whileOpen(work);
  }

  /** A fresh buffer with the bytes `offset` to `offset + length`, aligned for any typed array. */
  read(offset: number, length: number): Uint8Array {
    this.check(offset, length);
    const target = new Uint8Array(length);
    this.readInto(target, offset);
    return target;
  }

  readInto(target: Uint8Array, offset: number): void {
    this.check(offset, target.byteLength);
    this.whileOpen((descriptor) => {
      for (let at = 0; at < target.byteLength; ) {
        const got = fs.readSync(descriptor, target, at, target.byteLength - at, offset + at);
        if (got === 0) throw this.cut(offset + target.byteLength);
        at += got;
      }
    });
  }

  /** An error about this file; message and remedy stay on one line. */
  fail(message: string, fix?: string): WeightsError {
    return new WeightsError(oneLine(fix ? `${message}. ${fix}` : message), { where: this.path });
  }

  private cut(needed: number): WeightsError {
    return this.fail(
      `the file is cut or damaged: it has ${this.size} bytes, ${needed} are needed`,
      'Copy or download it again.',
    );
  }

  private check(offset: number, length: number): void {
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0))
      throw this.fail('the file is damaged: it names an impossible position');
    if (offset + length > this.size) throw this.cut(offset + length);
  }

  private whileOpen<T>(work: (descriptor: number) => T): T {
    if (this.descriptor !== undefined) return work(this.descriptor);
    try {
      this.descriptor = fs.openSync(this.path, 'r');
      return work(this.descriptor);
    } catch (error) {
      if (error instanceof WeightsError) throw error;
      throw asWeightsError(error, this.path);
    } finally {
      if (this.descriptor !== undefined) fs.closeSync(this.descriptor);
      this.descriptor = undefined;
    }
  }
}

/** Names in a damaged file may hold anything; a message stays one printable line. */
function oneLine(message: string): string {
  return message.replace(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
}

/** Whatever went wrong with `path`, as one line that names it. */
export function asWeightsError(error: unknown, path: string): WeightsError {
  if (error instanceof WeightsError) return error;
  const system = typeof (error as NodeJS.ErrnoException).code === 'string';
  const message = system ? fileError(error, path, 'read').message : `cannot be read: ${describeError(error)}`;
  return new WeightsError(message, { where: path, cause: error });
}

/** Reads forward through a part of a file, a window at a time. */
export class ByteCursor {
  private window: Buffer = Buffer.alloc(0);
  private windowStart: number;
  private at: number;

  constructor(
    readonly file: ByteFile,
    start: number,
    /** First byte after the part. */
    readonly end: number,
  ) {
    this.windowStart = start;
    this.at = start;
  }

  /** Position in the file. */
  get position(): number {
    return this.at;
  }

  /** The next `length` bytes: a view, valid until the next call. */
  take(length: number): Buffer {
    if (this.at + length > this.end)
      throw this.file.fail('the file is cut or damaged: it ends inside its list of tensors');
    let from = this.at - this.windowStart;
    if (from + length > this.window.length) {
      const size = Math.min(Math.max(length, 1 << 16), this.end - this.at);
      const bytes = this.file.read(this.at, size);
      this.window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.windowStart = this.at;
      from = 0;
    }
    this.at += length;
    return this.window.subarray(from, from + length);
  }

  byte(): number {
    return this.take(1)[0];
  }

  /** Text up to the next line feed, which is taken too; at most 1,000 bytes. */
  line(): string {
    const bytes: number[] = [];
    for (let value = this.byte(); value !== 10; value = this.byte()) {
      if (bytes.length === 1000) throw this.file.fail('the file is damaged: a name of over 1,000 bytes');
      bytes.push(value);
    }
    return Buffer.from(bytes).toString('utf8');
  }
}
