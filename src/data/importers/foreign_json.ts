import * as fs from 'node:fs';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';

/** V8 holds no longer string. */
const MOST_BYTES = 500e6;

/**
 * JSON as other tools write it: a byte-order mark, UTF-16, and NaN or Infinity in place of numbers (they become null).
 * Errors name the file.
 */
export function readForeignJson(file: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    // Outside strings only: a string is matched as a whole and stays as it is.
    const mended = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (match) =>
      match.startsWith('"') ? match : 'null',
    );
    if (mended !== text)
      try {
        return JSON.parse(mended);
      } catch {
        // The first complaint is about the text as it is.
      }
    throw new DataError(`not valid JSON: ${(error as Error).message.split('\n')[0]}`, {
      where: file,
      cause: error,
    });
  }
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    const status = fs.statSync(file);
    if (!status.isFile()) throw new DataError('is not a regular file', { where: file });
    if (status.size > MOST_BYTES)
      throw new DataError(`has ${Math.round(status.size / 1e6)} MB, more than can be read at once (500 MB)`, {
        where: file,
        fix: 'Export the annotations in several files.',
      });
    bytes = fs.readFileSync(file);
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}
