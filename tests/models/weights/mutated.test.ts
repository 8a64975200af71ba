import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeightsError } from '../../../src/core/errors';
import { createRng, type Rng } from '../../../src/core/rng';
import { convertToSafetensors } from '../../../src/models/weights/formats/safetensors';
import { openWeights } from '../../../src/models/weights/open';
import { fixturePath, withTemporaryFolder } from '../../support';

/** One to eight changes: a bit flipped, a byte or a number written over, a cut, a piece moved, inserted or repeated. */
function mutate(original: Buffer, other: Buffer, rng: Rng): Buffer {
  let bytes = Buffer.from(original);
  for (let i = rng.integer(1, 9); i > 0 && bytes.length > 0; i--) {
    const at = rng.integer(0, bytes.length);
    const length = rng.integer(1, Math.min(64, bytes.length - at) + 1);
    switch (rng.integer(0, 7)) {
      case 0:
        bytes[at] ^= 1 << rng.integer(0, 8);
        break;
      case 1:
        bytes[at] = rng.integer(0, 256);
        break;
      case 2:
        bytes.fill(rng.pick([0, 0x7f, 0xff]), at, at + Math.min(length, 8));
        break;
      case 3:
        bytes = rng.chance(0.2) ? bytes.subarray(0, at) : bytes;
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5: {
        const from = rng.integer(0, other.length);
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(from, from + length),
          bytes.subarray(at),
        ]);
        break;
      }
      default: {
        const from = rng.integer(0, other.length);
        other.copy(bytes, at, from, from + length);
      }
    }
  }
  return bytes;
}

async function attack(count: number): Promise<void> {
  await withTemporaryFolder((folder) => {
    const safetensors = path.join(folder, 'state.safetensors');
    convertToSafetensors(openWeights(fixturePath('weights', 'state_zip.pth')), safetensors);
    const names = ['state_zip.pth', 'state_legacy.pth', 'checkpoint_nested.pth', 'malicious_zip.pth'];
    const originals = [...names.map((name) => fixturePath('weights', name)), safetensors].map((file) =>
      fs.readFileSync(file),
    );
    const target = path.join(folder, 'mutated');
    const rng = createRng('mutated weight files');
    const before = process.memoryUsage.rss();
    let read = 0;
    let refused = 0;
    for (let i = 0; i < count; i++) {
      fs.writeFileSync(target, mutate(originals[i % originals.length], rng.pick(originals), rng));
      const start = performance.now();
      try {
        const file = openWeights(target);
        for (const { name } of file.tensors) file.read(name);
        read++;
      } catch (error) {
        assert(error instanceof WeightsError, `file ${i}: ${(error as Error).stack}`);
        assert.equal(error.where, target);
        assert(!/[\n\r]/.test(error.message), `file ${i}: ${error.message}`);
        refused++;
      }
      assert(performance.now() - start < 2000, `file ${i} took over two seconds`);
      assert(process.memoryUsage.rss() - before < 200 * 2 ** 20, `file ${i}: over 200 MB more than before`);
    }
    // Both must occur, or the mutations are too weak or too strong to test anything.
    assert(read > count / 50 && refused > count / 10, `${read} read, ${refused} refused`);
    assert(!fs.existsSync('/tmp/pwned-by-pickle'), 'a command in a pickle was run');
  });
}

describe('mutated weight files', () => {
  it('are read or refused, 1,000 of them', () => attack(1000));

  it('[long] are read or refused, 100,000 of them', function () {
    this.timeout(600_000);
    return attack(100_000);
  });
});
