import * as zlib from 'node:zlib';

/** Node has zstd from 22.15 on; before that geotiff's own library (zstddec, WebAssembly) is asked. */
type NodeZstd = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;
const nodeZstd = (zlib as unknown as { zstdDecompressSync?: NodeZstd }).zstdDecompressSync;

let wasm: Promise<{ decode(bytes: Uint8Array, length: number): Uint8Array }> | undefined;

/** Decompresses zstd to at most a little over `length` bytes. Errors: those of the decoder. */
export async function decodeZstd(stored: Uint8Array, length: number): Promise<Uint8Array> {
  if (nodeZstd) {
    const bytes = nodeZstd(stored, { maxOutputLength: length * 2 + 65536 });
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  wasm ??= import('zstddec').then(async ({ ZSTDDecoder }) => {
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return decoder;
  });
  return (await wasm).decode(stored, length);
}
