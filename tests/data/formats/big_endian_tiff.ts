/** A field of a directory: tag, type (3 SHORT, 4 LONG, 16 LONG8), values. */
type Field = readonly [number, number, readonly number[]];

const BYTES: Record<number, number> = { 3: 2, 4: 4, 16: 8 };

/**
 * A minimal TIFF as another writer would make it: big-endian, classic or BigTIFF, one directory. Written from the
 * specification, apart from the writer of the product, so that the reader is not tested against itself.
 *
 * @param blocks stored strips or tiles. @param fields all but offsets and byte counts.
 */
export function bigEndianTiff(
  fields: readonly Field[],
  blocks: readonly Buffer[],
  options: { tiled?: boolean; big?: boolean } = {},
): Buffer {
  const { tiled = false, big = false } = options;
  const offsetType = big ? 16 : 4;
  const head = big ? 16 : 8;
  let at = head;
  const offsets = blocks.map((block) => {
    const here = at;
    at += block.length + (block.length & 1);
    return here;
  });
  const all: Field[] = [
    ...fields,
    [tiled ? 324 : 273, offsetType, offsets] as const,
    [tiled ? 325 : 279, offsetType, blocks.map((block) => block.length)] as const,
  ].sort((a, b) => a[0] - b[0]);
  const out: Buffer[] = [];
  const put = (value: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 8) buffer.writeBigUInt64BE(BigInt(value));
    else buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  };
  out.push(
    Buffer.from('MM'),
    put(big ? 43 : 42, 2),
    ...(big ? [put(8, 2), put(0, 2)] : []),
    put(at, big ? 8 : 4),
  );
  for (const block of blocks) out.push(block, Buffer.alloc(block.length & 1));
  const inline = big ? 8 : 4;
  let valueAt = at + (big ? 8 : 2) + all.length * (big ? 20 : 12) + (big ? 8 : 4);
  const tail: Buffer[] = [];
  out.push(put(all.length, big ? 8 : 2));
  for (const [tag, type, values] of all) {
    const encoded = Buffer.concat(values.map((value) => put(value, BYTES[type])));
    out.push(put(tag, 2), put(type, 2), put(values.length, big ? 8 : 4));
    if (encoded.length <= inline) out.push(Buffer.concat([encoded, Buffer.alloc(inline - encoded.length)]));
    else {
      out.push(put(valueAt, inline));
      tail.push(encoded);
      valueAt += encoded.length;
    }
  }
  out.push(put(0, big ? 8 : 4), ...tail);
  return Buffer.concat(out);
}

/** The fields every image needs. */
export function basicFields(
  width: number,
  height: number,
  bits: number,
  samples: number,
  extra: readonly Field[] = [],
): Field[] {
  return [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, new Array<number>(samples).fill(bits)],
    [262, 3, [samples === 1 ? 1 : 2]],
    [277, 3, [samples]],
    ...extra,
  ];
}
