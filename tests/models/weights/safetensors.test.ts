import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRng } from '../../../src/core/rng';
import { toFloat16Bytes } from '../../../src/models/weights/formats/dtype';
import { convertToSafetensors, writeSafetensors } from '../../../src/models/weights/formats/safetensors';
import { openWeights } from '../../../src/models/weights/open';
import { fixturePath, holdTime, withTemporaryFolder } from '../../support';

describe('safetensors', () => {
  it('keeps names, types, shapes, values and metadata of a PyTorch file', async () => {
    await withTemporaryFolder((folder) => {
      const source = openWeights(fixturePath('weights', 'checkpoint_nested.pth'));
      const out = path.join(folder, 'x.safetensors');
      convertToSafetensors(source, out);
      const copy = openWeights(out);
      assert.equal(copy.format, 'safetensors');
      assert.deepEqual(copy.metadata, source.metadata);
      assert.equal(copy.tensors.length, source.tensors.length);
      for (const tensor of source.tensors) {
        assert.deepEqual(
          copy.tensors.find(({ name }) => name === tensor.name),
          tensor,
        );
        assert.deepEqual(copy.readBytes(tensor.name), source.readBytes(tensor.name), tensor.name);
      }
    });
  });

  it('writes the layout of the format, values aligned to 8 bytes', async () => {
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'x.safetensors');
      writeSafetensors(out, [{ name: 'a', dtype: 'float32', shape: [2], data: new Float32Array([1, -2]) }]);
      const bytes = fs.readFileSync(out);
      const length = Number(bytes.readBigUInt64LE(0));
      // By hand from the format's description: length, header, then 1.0 and -2.0 as little-endian float32.
      assert.deepEqual(JSON.parse(bytes.toString('utf8', 8, 8 + length)), {
        a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      });
      assert.equal(length % 8, 0);
      assert.equal(bytes.subarray(8 + length).toString('hex'), '0000803f000000c0');
    });
  });

  it('holds float16 to the nearest', async () => {
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'x.safetensors');
      // Bits by IEEE 754: 1, -2, the largest number, the smallest subnormal, a third, and half of the smallest (a tie, to even).
      const values = Float32Array.of(1, -2, 65504, 2 ** -24, 1 / 3, 2 ** -25);
      writeSafetensors(out, [{ name: 'a', dtype: 'float16', shape: [6], data: toFloat16Bytes(values) }]);
      const file = openWeights(out);
      const bits = new Uint16Array(file.readBytes('a').slice().buffer);
      assert.deepEqual([...bits], [0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555, 0x0000]);
      assert.deepEqual([...file.readFloat32('a')], [1, -2, 65504, 2 ** -24, 0.333251953125, 0]);
    });
  });

  it('knows its own format whatever the length of the header', async () => {
    // A file begins with that length: 0x80 also begins a pickle, 0x4b50 reads "PK" as a zip does.
    await withTemporaryFolder((folder) => {
      for (const length of [0x80, 0x4b50]) {
        const out = path.join(folder, `${length}.safetensors`);
        const tensor = { name: 'a', dtype: 'uint8', shape: [1], data: Uint8Array.of(7) } as const;
        const write = (fill: number): number => {
          writeSafetensors(out, [tensor], { note: 'x'.repeat(fill) });
          return Number(fs.readFileSync(out).readBigUInt64LE(0));
        };
        assert.equal(write(length - write(0)), length);
        assert.equal(openWeights(out).readBytes('a')[0], 7);
      }
    });
  });

  it('refuses values that do not fill the shape, and leaves no file', async () => {
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'x.safetensors');
      const tensor = { name: 'a', dtype: 'float32', shape: [3], data: new Float32Array(2) } as const;
      assert.throws(() => writeSafetensors(out, [tensor]), /tensor "a": expected 12 bytes.*got 8/);
      assert.throws(() => writeSafetensors(out, [tensor, tensor]), /two tensors of one name/);
      assert.deepEqual(fs.readdirSync(folder), []);
    });
  });

  it('refuses a header whose places and shapes disagree', async () => {
    await withTemporaryFolder((folder) => {
      const write = (header: unknown, values = 8): string => {
        const json = Buffer.from(JSON.stringify(header));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(json.length));
        const file = path.join(folder, 'x');
        fs.writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(values)]));
        return file;
      };
      const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
      assert.equal(openWeights(write({ a: entry })).tensors.length, 1);
      assert.throws(() => openWeights(write({ a: { ...entry, shape: [3] } })), /has 8 bytes, its shape 12/);
      assert.throws(() => openWeights(write({ a: entry }, 7)), /ends after the file does/);
      assert.throws(() => openWeights(write({ a: { ...entry, dtype: 'F8_E5M2' } })), /type "F8_E5M2"/);
      assert.throws(() => openWeights(write({ a: { ...entry, shape: [-2] } })), /impossible shape/);
      assert.throws(() => openWeights(write({ a: null })), /is of type/);
      assert.throws(() => openWeights(write({ __metadata__: { a: 1 } })), /other than text/);
    });
  });

  it('[long] reads a state of 180 MB in under 3 seconds and 1.6 times its size', async function () {
    this.timeout(60_000);
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'large.safetensors');
      const rng = createRng(1);
      const data = Float32Array.from({ length: 1 << 20 }, () => rng.next());
      const count = 43;
      const tensors = Array.from({ length: count }, (_, i) => ({
        name: `layer${i}`,
        dtype: 'float32' as const,
        shape: [1 << 20],
        data,
      }));
      writeSafetensors(out, tensors);
      const before = process.memoryUsage.rss();
      const start = performance.now();
      const file = openWeights(out);
      const loaded = file.tensors.map(({ name }) => file.readFloat32(name));
      holdTime('reading 180 MB', start, 3);
      const growth = (process.memoryUsage.rss() - before) / file.size;
      assert.deepEqual(loaded[count - 1].subarray(0, 100), data.subarray(0, 100));
      assert(growth < 1.6, `resident memory grew by ${growth} times the file`);
    });
  });
});
