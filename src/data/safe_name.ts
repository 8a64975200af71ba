import { createHash } from 'node:crypto';
import { DataError } from '../core/errors';

/** Names that Windows keeps for devices, with any extension. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** File systems take 255 bytes; extensions and folders' own names need some of them. */
const MOST_BYTES = 200;

/**
 * A name as a file or folder may be called everywhere: no separators, control characters or device names, not hidden,
 * no dot or space at its end, in Unicode's composed form. A name that is fine stays as it is. Different names can become
 * one: the caller looks for that.
 */
export function safeName(text: string): string {
  const plain = text
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd/\\<>:"|?*]/gu, '_')
    .replace(/^\.+|[. ]+$/g, (dots) => '_'.repeat(dots.length));
  const named = RESERVED.test(plain) ? `_${plain}` : plain || '_';
  if (Buffer.byteLength(named) <= MOST_BYTES) return named;
  const short = [...named].slice(0, 40).join('');
  return `${short}_${createHash('sha256').update(named).digest('hex').slice(0, 12)}`;
}

/** Refuses an id that would leave its folder: the last guard before something is written. */
export function requireSafeId(id: string): void {
  if (id === '' || id === '.' || id === '..' || /[/\\\0]/.test(id))
    throw new DataError(`the id ${JSON.stringify(id)} is no name for a folder`);
}

/** A name as it is compared with others: composed, in lower case. */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
