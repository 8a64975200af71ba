import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { CytobenchError, DataError } from './errors';

/**
 * Writes a file whole or not at all: temporary file beside it, fsync, rename, fsync of the folder. On failure the
 * old file, if any, is untouched and the temporary one is gone. Parts are written as they are made: a generator
 * holds one of them at a time.
 */
export function writeFileAtomic(file: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const descriptor = fs.openSync(temporary, 'w');
    try {
      const whole = typeof content === 'string' || content instanceof Uint8Array;
      for (const part of whole ? [content] : content) writeFully(descriptor, part);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(temporary, file);
    syncFolder(path.dirname(file));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw fileError(error, file, 'write');
  }
}

function writeFully(descriptor: number, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.byteLength; ) at += fs.writeSync(descriptor, bytes, at, bytes.byteLength - at);
}

function syncFolder(folder: string): void {
  try {
    const descriptor = fs.openSync(folder, 'r');
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
  } catch {
    // Some file systems refuse fsync on a folder; the rename itself has happened.
  }
}

/** JSON with a final newline, written whole or not at all. */
export function writeJson(file: string, value: unknown): void {
  writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Node reads no larger file at once, and V8 holds no longer string than the half. */
const MOST_BYTES = 2e9;
const MOST_TEXT = 500e6;

/**
 * A whole file. A folder, a pipe, a device (which may never end) and what is too large are one clear line, before
 * anything is read.
 */
export function readBytes(file: string, mostBytes: number = MOST_BYTES): Buffer {
  try {
    const status = fs.statSync(file);
    if (status.isDirectory()) throw new DataError('is a folder, not a file', { where: file });
    if (!status.isFile()) throw new DataError('is not a regular file', { where: file });
    if (status.size > mostBytes)
      throw new DataError(
        `has ${Math.round(status.size / 1e6)} MB, more than can be read at once (${Math.round(mostBytes / 1e6)} MB)`,
        { where: file },
      );
    return fs.readFileSync(file);
  } catch (error) {
    throw fileError(error, file, 'read');
  }
}

/** Reads JSON; a missing or malformed file is one clear line. */
export function readJson<T>(file: string): T {
  const text = readBytes(file, MOST_TEXT).toString('utf8');
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new DataError(`not valid JSON: ${(error as Error).message}`, { where: file, cause: error });
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EIO: 'the disk reported an error',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'a part of the path is not a folder',
  EMFILE: 'too many open files',
};

/** A system error as one line naming the file and what was tried. */
export function fileError(error: unknown, file: string, action: 'read' | 'write'): CytobenchError {
  if (error instanceof CytobenchError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new CytobenchError(`cannot ${action}: ${REASONS[code] ?? (error as Error).message}`, {
    where: file,
    cause: error,
  });
}

/** Bytes at either end of a file in which its maker's name is looked for. */
const LOOKED_AT = 1 << 16;

/**
 * Throws where a file is there that this product did not make: nothing of a user's is overwritten unasked. What it makes
 * itself carries its name in the first or the last bytes.
 */
export function requireFree(file: string, overwrite = false): void {
  if (overwrite || !fs.existsSync(file)) return;
  if (fs.statSync(file).isDirectory())
    throw new DataError('is a folder, not a file', { where: file, fix: 'Name a file with --out.' });
  const descriptor = fs.openSync(file, 'r');
  try {
    const { size } = fs.fstatSync(descriptor);
    const read = (position: number): string => {
      const bytes = Buffer.alloc(Math.min(LOOKED_AT, size));
      fs.readSync(descriptor, bytes, 0, bytes.length, position);
      return bytes.toString('latin1');
    };
    const made = (text: string): boolean => text.toLowerCase().includes(MAKER);
    if (made(read(0)) || made(read(Math.max(0, size - LOOKED_AT)))) return;
  } finally {
    fs.closeSync(descriptor);
  }
  throw new DataError('exists, and was not made by cytobench: it is left as it is', {
    where: file,
    fix: 'Name another file, or give --overwrite.',
  });
}

/** The name that files of this product carry. */
export const MAKER = 'cytobench';
