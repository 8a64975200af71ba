import * as fs from 'node:fs';
import { DataError } from '../../core/errors';
import { fileError } from '../../core/files';

const CHUNK = 1 << 20;
const [QUOTE, BACKSLASH, OPEN, CLOSE, BEGIN, END, COMMA] = [...Buffer.from('"\\{}[],')];

/**
 * Reads a JSON list of objects of any size, a piece at a time: memory is that of a piece or of the largest object.
 * Throws DataError naming the file and the object, counted from 1, where it is not valid.
 */
export function forEachJsonObject(file: string, visit: (value: unknown, index: number) => void): void {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    throw fileError(error, file, 'read');
  }
  try {
    new ListScanner(file, descriptor, visit).run();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code ? fileError(error, file, 'read') : error;
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Finds where the objects of the list begin and end; all that are whole in the buffer are parsed at once. */
class ListScanner {
  private buffer = Buffer.allocUnsafe(2 * CHUNK);
  /** Bytes filled, looked at, and where the first object not yet parsed begins. */
  private size = 0;
  private at = 0;
  private begin = 0;
  /** End of the last whole object. */
  private end = 0;
  private depth = 0;
  private quoted = false;
  private whole = 0;
  private count = 0;
  private opened = false;
  private closed = false;

  constructor(
    private readonly file: string,
    private readonly descriptor: number,
    private readonly visit: (value: unknown, index: number) => void,
  ) {}

  run(): void {
    while (this.fill()) {
      while (this.at < this.size) {
        if (this.depth === 0) this.between();
        else this.inside();
      }
      this.flush();
    }
    if (!this.closed)
      throw new DataError(`the file is cut: its list ends inside or after object ${this.count}`, {
        where: this.file,
      });
  }

  /** Moves what is not parsed yet to the front and reads on; false at the end of the file. */
  private fill(): boolean {
    const from = this.depth > 0 ? this.begin : this.size;
    this.buffer.copyWithin(0, from, this.size);
    this.size -= from;
    this.at -= from;
    this.begin = 0;
    if (this.size + CHUNK > this.buffer.length)
      this.buffer = Buffer.concat([this.buffer], 2 * this.buffer.length);
    const got = fs.readSync(this.descriptor, this.buffer, this.size, CHUNK, null);
    this.size += got;
    return got > 0;
  }

  /** One byte between objects. */
  private between(): void {
    const byte = this.buffer[this.at++];
    if (byte === 32 || byte === 10 || byte === 13 || byte === 9) return;
    if (!this.opened && byte === BEGIN) this.opened = true;
    else if (this.opened && !this.closed && byte === OPEN) {
      if (this.whole === 0) this.begin = this.at - 1;
      this.depth = 1;
    } else if (this.opened && !this.closed && byte === END) this.closed = true;
    else if (!this.opened || this.closed || byte !== COMMA || this.count + this.whole === 0) {
      const place = this.opened ? ` after object ${this.count + this.whole}` : '';
      throw new DataError(`expected a JSON list of objects, found "${String.fromCharCode(byte)}"${place}`, {
        where: this.file,
      });
    }
  }

  /** The rest of an object, as far as the buffer has it. */
  private inside(): void {
    const { buffer, size } = this;
    let { at, depth, quoted } = this;
    while (at < size && depth > 0) {
      const byte = buffer[at++];
      if (quoted) {
        if (byte === BACKSLASH) {
          // The escaped byte may are in the next piece: then this one is looked at again.
          if (at === size) {
            at--;
            break;
          }
          at++;
        } else if (byte === QUOTE) quoted = false;
      } else if (byte === QUOTE) quoted = true;
      else if (byte === OPEN || byte === BEGIN) depth++;
      else if (byte === CLOSE || byte === END) depth--;
    }
    if (depth === 0) {
      this.whole++;
      this.end = at;
    }
    const stuck = at === this.at;
    [this.at, this.depth, this.quoted] = [at, depth, quoted];
    if (stuck) this.readMore();
  }

  /** A lone backslash at the end of the buffer: more is needed to go on. */
  private readMore(): void {
    this.flush();
    if (!this.fill()) this.at = this.size;
  }

  private flush(): void {
    if (this.whole === 0) return;
    const text = this.buffer.toString('utf8', this.begin, this.end);
    const values = parseAll(this.file, text, this.count, this.whole);
    for (const value of values) this.visit(value, this.count++);
    this.whole = 0;
    // An object that has begun after the last whole one stays.
    if (this.depth > 0) this.begin = this.buffer.indexOf(OPEN, this.end);
  }
}

/** `count` objects with commas between them; on an error, the one that is to blame is named. */
function parseAll(file: string, text: string, before: number, count: number): unknown[] {
  try {
    const values = JSON.parse(`[${text}]`) as unknown[];
    if (values.length === count) return values;
  } catch {
    // Found again below, by its number.
  }
  const place = firstBad(text);
  const odd = /[:,[]\s*(-?(?:NaN|Infinity))/.exec(place.text)?.[1];
  const what = odd ? `holds ${odd}, which is not a number` : 'is not valid JSON, or no comma follows it';
  throw new DataError(`object ${before + place.index + 1} ${what}`, { where: file });
}

/** The first of the objects that is not JSON by itself. */
function firstBad(text: string): { index: number; text: string } {
  let [depth, begin, index, quoted] = [0, 0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{' || c === '[') {
      if (depth++ === 0) begin = i;
    } else if ((c === '}' || c === ']') && --depth === 0) {
      const object = text.slice(begin, i + 1);
      const comma = index === 0 || /,\s*$/.test(text.slice(0, begin));
      if (!comma) return { index: index - 1, text: '' };
      try {
        JSON.parse(object);
      } catch {
        return { index, text: object };
      }
      index++;
    }
  }
  return { index, text };
}
