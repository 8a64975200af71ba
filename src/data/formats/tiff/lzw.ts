const CLEAR = 256;
const END = 257;

/**
 * TIFF's LZW (TIFF 6.0 section 13): codes of 9 to 12 bits, most significant bit first, the width growing one code
 * early. Files of before TIFF 6 have the least significant bit first and grow on time: they begin with a clear code
 * whose first byte is 0 and whose second is odd (libtiff tells them apart by that). Stops when `length` bytes are
 * there, so that no stream can take more memory than its block.
 *
 * @returns the number of bytes written, `length` for a whole block.
 */
export function decodeLzw(input: Uint8Array, out: Uint8Array, length: number): number {
  const old = input.length >= 2 && input[0] === 0 && (input[1] & 1) === 1;
  const early = old ? 0 : 1;
  // A string of the table is a piece of the output already written: its start and its length.
  const start = new Int32Array(4096);
  const size = new Int32Array(4096);
  let next = 258;
  let width = 9;
  let previousAt = -1;
  let previousSize = 0;
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; at < length; ) {
    while (held < width && i < input.length) {
      bits = old ? bits | (input[i++] << held) : ((bits << 8) | input[i++]) & 0xffffff;
      held += 8;
    }
    if (held < width) break;
    const mask = (1 << width) - 1;
    const code = (old ? bits : bits >>> (held - width)) & mask;
    if (old) bits >>>= width;
    held -= width;
    if (code === END) break;
    if (code === CLEAR) {
      next = 258;
      width = 9;
      previousAt = -1;
      continue;
    }
    const from = at;
    if (code < 256) out[at++] = code;
    else {
      // The code about to be defined: the previous string and its own first byte, which follows it in the output.
      const own = code === next && previousAt >= 0;
      if (!own && code >= next) return at;
      const source = own ? previousAt : start[code];
      const end = Math.min(length, at + (own ? previousSize + 1 : size[code]));
      for (let k = source; at < end; k++) out[at++] = out[k];
    }
    if (previousAt >= 0 && next < 4096) {
      start[next] = previousAt;
      size[next] = previousSize + 1;
      next++;
      if (next + early >= 1 << width && width < 12) width++;
    }
    previousAt = from;
    previousSize = at - from;
  }
  return at;
}
