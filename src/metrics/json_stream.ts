import * as fs from 'node:fs';
import { DataError } from '../core/errors';
import { fileError } from '../core/files';

const CHUNK = 1 << 20;
const [QUOTE, BACKSLASH, OPEN, CLOSE, BEGIN, END, COMMA] = [...Buffer.from('"\\{}[],')];

/**
 * Reads a JSON list of objects of any size, one object at a time: memory is that of the largest object. Throws
 * DataError naming the file and the object, counted from 1, where it is not valid.
 */
export function forEachJsonObject(file: string, visit: (value: unknown, index: number) => void): void {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  try {
    scan(file, descriptor, visit);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code ? fileError(error, file, 'read') : error;
  } finally {
    fs.closeSync(descriptor);
  }
}

function scan(file: string, descriptor: number, visit: (value: unknown, index: number) => void): void {
  let buffer = Buffer.allocUnsafe(2 * CHUNK);
  // Of `buffer`: filled to `size`, looked at to `at`, the current object begins at `begin`.
  let [size, at, begin] = [0, 0, 0];
  let state: 'before' | 'between' | 'object' | 'after' = 'before';
  let [depth, count, escaped, quoted] = [0, 0, false, false];
  for (;;) {
    if (at === size) {
      if (state !== 'object') begin = size;
      buffer.copyWithin(0, begin, size);
      [size, at, begin] = [size - begin, at - begin, 0];
      if (size + CHUNK > buffer.length) buffer = Buffer.concat([buffer], 2 * buffer.length);
      const got = fs.readSync(descriptor, buffer, size, CHUNK, null);
      if (got === 0) break;
      size += got;
    }
    if (state !== 'object') {
      const byte = buffer[at++];
      if (byte === 32 || byte === 10 || byte === 13 || byte === 9) continue;
      if (state === 'before' && byte === BEGIN) state = 'between';
      else if (state === 'between' && byte === OPEN) [state, begin, depth] = ['object', at - 1, 1];
      else if (state === 'between' && byte === END) state = 'after';
      else if (state !== 'between' || byte !== COMMA || count === 0)
        throw notAList(file, state, String.fromCharCode(byte), count);
      continue;
    }
    for (; at < size && depth > 0; at++) {
      const byte = buffer[at];
      if (quoted) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) quoted = false;
      } else if (byte === QUOTE) quoted = true;
      else if (byte === OPEN || byte === BEGIN) depth++;
      else if (byte === CLOSE || byte === END) depth--;
    }
    if (depth === 0) {
      visit(parse(file, buffer.toString('utf8', begin, at), count + 1), count);
      count++;
      state = 'between';
    }
  }
  if (state !== 'after')
    throw new DataError(`the file is cut: its list ends inside or after object ${count}`, { where: file });
}

function parse(file: string, text: string, number: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const odd = /[:,[]\s*(-?(?:NaN|Infinity))/.exec(text)?.[1];
    throw new DataError(
      odd ? `object ${number} holds ${odd}, which is not a number` : `object ${number}: not valid JSON`,
      { where: file, cause: error },
    );
  }
}

function notAList(file: string, state: string, found: string, count: number): DataError {
  const place = state === 'before' ? '' : ` after object ${count}`;
  return new DataError(`expected a JSON list of objects, found "${found}"${place}`, { where: file });
}
