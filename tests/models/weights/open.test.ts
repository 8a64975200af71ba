import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeightsError } from '../../../src/core/errors';
import { openWeights } from '../../../src/models/weights/open';
import { fixturePath, withTemporaryFolder } from '../../support';

interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: number[];
}

// The fixtures and expected.json come from PyTorch: one state dict of every type and layout, its values listed.
const expected = JSON.parse(fs.readFileSync(fixturePath('weights', 'expected.json'), 'utf8')) as Record<
  string,
  Expected
>;

describe('openWeights', () => {
  for (const [name, format] of [
    ['state_zip.pth', 'pytorch-zip'],
    ['state_legacy.pth', 'pytorch-legacy'],
    ['checkpoint_nested.pth', 'pytorch-zip'],
  ]) {
    it(`reads ${name} as PyTorch does`, () => {
      const file = openWeights(fixturePath('weights', name));
      assert.equal(file.format, format);
      assert.deepEqual(
        file.tensors.map((tensor) => tensor.name),
        Object.keys(expected),
      );
      for (const tensor of file.tensors) {
        const { dtype, shape, values } = expected[tensor.name];
        assert.deepEqual({ dtype: tensor.dtype, shape: tensor.shape }, { dtype, shape }, tensor.name);
        assert.deepEqual(Array.from(file.read(tensor.name), Number), values, tensor.name);
        assert.deepEqual(
          Array.from(file.readFloat32(tensor.name)),
          values.map(Math.fround),
          `${tensor.name} as float32`,
        );
      }
    });
  }

  it('tells what stands beside a nested state dict', () => {
    // make_weights writes {'model': …, 'epoch': 3, 'optimizer': …}.
    assert.deepEqual(openWeights(fixturePath('weights', 'checkpoint_nested.pth')).metadata, { epoch: '3' });
  });

  for (const [name, message] of [
    ['malicious_zip.pth', /names "posix\.system".*nothing was run/],
    ['malicious_legacy.pth', /names "posix\.system".*nothing was run/],
    ['truncated.pth', /cut or damaged/],
    ['expected.json', /neither a PyTorch nor a safetensors file/],
    ['missing.pth', /no such file/],
    ['.', /not a file|is a folder/],
  ] as const) {
    it(`refuses ${name} in one line naming the file`, () => {
      const file = fixturePath('weights', name);
      assert.throws(
        () => openWeights(file),
        (error) => {
          assert(error instanceof WeightsError);
          assert.equal(error.where, file);
          assert.match(error.message, message);
          assert(!error.message.includes('\n') && error.fix === undefined);
          return true;
        },
      );
      assert(!fs.existsSync('/tmp/pwned-by-pickle'), 'the command in the pickle was run');
    });
  }

  it('names the nearest tensor when asked for one that is not there', () => {
    const file = openWeights(fixturePath('weights', 'state_zip.pth'));
    assert.throws(() => file.read('conv.weigth'), /no tensor "conv\.weigth"; the nearest is "conv\.weight"/);
    assert.equal(file.has('conv.weigth'), false);
  });

  it('tells of a file that is cut after it was opened', async () => {
    await withTemporaryFolder((folder) => {
      const copy = path.join(folder, 'state.pth');
      fs.copyFileSync(fixturePath('weights', 'state_zip.pth'), copy);
      const file = openWeights(copy);
      fs.truncateSync(copy, 100);
      assert.throws(() => file.read('conv.weight'), WeightsError);
    });
  });
});
