import * as fs from 'node:fs';
import { DataError } from '../../../core/errors';
import { fileError } from '../../../core/files';

/** Random access to a file: reads only what is asked for, so that a hostile header costs no memory. */
export interface ByteSource {
  readonly file: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`; an error naming the file when they lie beyond its end. */
  read(offset: number, length: number): Buffer;
  close(): void;
}

/** Opens a regular file. A folder, a pipe, an empty or an unreadable file is one clear line. */
export function openByteSource(file: string): ByteSource {
  let descriptor: number;
  let size: number;
  try {
    const status = fs.statSync(file);
    if (status.isDirectory()) throw new DataError('is a folder, not a file', { where: file });
    // A named pipe would block the open for ever.
    if (!status.isFile()) throw new DataError('is not a regular file', { where: file });
    size = status.size;
    if (size === 0)
      throw new DataError('is empty (0 bytes)', { where: file, fix: 'Copy it again from its source.' });
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  return {
    file,
    size,
    read: (offset, length) => readExactly(descriptor, file, size, offset, length),
    close: () => fs.closeSync(descriptor),
  };
}

function readExactly(descriptor: number, file: string, size: number, offset: number, length: number): Buffer {
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(length) ||
    offset < 0 ||
    length < 0 ||
    offset + length > size
  )
    throw new DataError(
      `truncated or damaged: bytes ${offset} to ${offset + length} are needed, the file has ${size}`,
      {
        where: file,
        fix: 'Copy it again from its source.',
      },
    );
  const buffer = Buffer.allocUnsafe(length);
  try {
    for (let at = 0; at < length; ) {
      const got = fs.readSync(descriptor, buffer, at, length - at, offset + at);
      if (got === 0) throw new DataError('became shorter while it was read', { where: file });
      at += got;
    }
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  return buffer;
}
