import { DataError } from '../../core/errors';
import { readBytes } from '../../core/files';

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
    const fixed = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (match) =>
      match.startsWith('"') ? match : 'null',
    );
    if (fixed !== text)
      try {
        return JSON.parse(fixed);
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
  const bytes = readBytes(file, MOST_BYTES);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}
