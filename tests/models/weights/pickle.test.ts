import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { WeightsError } from '../../../src/core/errors';
import type { PickleValue } from '../../../src/core/pickle';
import { ByteCursor, ByteFile } from '../../../src/models/weights/formats/byte_file';
import {
  findStateDict,
  readTorchPickle,
  TorchStorage,
  TorchTensor,
} from '../../../src/models/weights/formats/torch_pickle';
import { withTemporaryFolder } from '../../support';

/** Reads a pickle given as bytes and text, through a file. */
async function unpickle(...parts: (string | number[])[]): Promise<unknown> {
  return withTemporaryFolder((folder) => {
    const name = path.join(folder, 'x.pkl');
    fs.writeFileSync(name, Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    const file = new ByteFile(name);
    return file.session(() => readTorchPickle(new ByteCursor(file, 0, file.size), new Map()));
  });
}

async function refusal(...parts: (string | number[])[]): Promise<string> {
  try {
    await unpickle(...parts);
  } catch (error) {
    assert(error instanceof WeightsError, String(error));
    return error.message;
  }
  assert.fail('it was read');
}

describe('readPickle', () => {
  // Bytes by hand from CPython's Lib/pickletools.py.
  it('reads numbers of every width', async () => {
    assert.equal(await unpickle([0x80, 2, 0x4b, 7, 0x2e]), 7);
    assert.equal(await unpickle([0x80, 2, 0x4d, 0xe9, 3, 0x2e]), 1001);
    assert.equal(await unpickle([0x80, 2, 0x4a, 0xff, 0xff, 0xff, 0xff, 0x2e]), -1);
    assert.equal(await unpickle([0x80, 2, 0x8a, 2, 0x00, 0xff, 0x2e]), -256);
    assert.equal(await unpickle([0x80, 2, 0x8a, 0, 0x2e]), 0);
    assert.equal(
      await unpickle([0x80, 2, 0x8a, 8, 255, 255, 255, 255, 255, 255, 255, 127, 0x2e]),
      2n ** 63n - 1n,
    );
  });

  it('reads lists and dictionaries, items one by one and together', async () => {
    assert.deepEqual(await unpickle(']', [0x4b, 1], 'a', '(', [0x4b, 2, 0x4b, 3], 'e.'), [1, 2, 3]);
    const map = await unpickle('}', [0x8c, 1], 'k', [0x88], 's.');
    assert.deepEqual(map, new Map([['k', true]]));
  });

  it('reads an OrderedDict of pairs, as Python 2 wrote it', async () => {
    const map = await unpickle(
      'ccollections\nOrderedDict\n',
      ']]',
      [0x8c, 1],
      'k',
      'a',
      [0x4b, 5],
      'aa',
      [0x85],
      'R.',
    );
    assert.deepEqual(map, new Map([['k', 5]]));
  });

  it('refuses every name off its list, by the name', async () => {
    for (const name of ['os.system', 'builtins.eval', 'torch.load', 'torch.hub.load', 'functools.partial']) {
      const [module, member] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.') + 1)];
      const message = await refusal(`c${module}\n${member}\n`, [0x29], 'R.');
      assert(message.includes(`"${name}"`) && message.includes('nothing was run'), message);
      const stacked = await refusal(
        [0x8c, module.length],
        module,
        [0x8c, member.length],
        member,
        [0x93],
        '.',
      );
      assert(stacked.includes(`"${name}"`), stacked);
    }
  });

  it('refuses every other opcode, by its number', async () => {
    assert.match(await refusal('(i'), /opcode 0x69/); // INST
    assert.match(await refusal([0x29, 0x29, 0x81]), /opcode 0x81/); // NEWOBJ
    assert.match(await refusal('I1\n.'), /opcode 0x49/); // INT, of protocol 0
  });

  it('refuses attributes on anything but a dictionary, and a call of a value', async () => {
    assert.match(await refusal(']}b.'), /attributes set on an object/);
    assert.match(await refusal([0x4b, 1, 0x29], 'R.'), /call of something that is not a name/);
  });

  it('takes text that claims more bytes than there are as a cut file, without allocating it', async () => {
    assert.match(await refusal('X', [0xff, 0xff, 0xff, 0x7f], 'abc'), /cut or damaged/);
  });

  it('refuses a tensor that reaches past its storage', async () => {
    const storage = ['(', [0x8c, 7], 'storage', 'ctorch\nFloatStorage\n', [0x8c, 1], '0', [0x8c, 3], 'cpu'];
    const tensor = (n: number) => [
      'ctorch._utils\n_rebuild_tensor_v2\n(',
      ...storage,
      [0x4b, 4],
      'tQ',
      [0x4b, 0, 0x4b, n, 0x85, 0x4b, 1, 0x85, 0x89],
      'ccollections\nOrderedDict\n)RtR.',
    ];
    assert(((await unpickle(...tensor(4))) as TorchTensor).storage instanceof TorchStorage);
    assert.match(await refusal(...tensor(5)), /reaches past the end of its storage/);
  });
});

describe('findStateDict', () => {
  const tensor = new TorchTensor(new TorchStorage('0', 'float32', 1), 'float32', 0, [1], [1]);
  const state = new Map([['w', tensor]]);

  it('goes down by the usual names, and by the only dictionary with tensors', () => {
    assert.deepEqual(findStateDict(state)?.path, []);
    assert.deepEqual(findStateDict(new Map([['state_dict', state]]))?.path, ['state_dict']);
    assert.deepEqual(findStateDict(new Map([['my_net', state]]))?.path, ['my_net']);
    assert.deepEqual(findStateDict(new Map([['model', new Map([['module', state]])]]))?.path, [
      'model',
      'module',
    ]);
  });

  it('prefers the model to the optimizer beside it', () => {
    const optimizer = new Map([['momentum', new Map([['a', tensor]])]]);
    const found = findStateDict(new Map<string, PickleValue>(Object.entries({ optimizer, model: state })));
    assert.deepEqual([...(found?.tensors.keys() ?? [])], ['w']);
  });

  it('finds nothing where there is nothing', () => {
    assert.equal(findStateDict(new Map([['epoch', 3]])), undefined);
    assert.equal(findStateDict([1, 2]), undefined);
    assert.equal(findStateDict(new Map())?.tensors.size, 0);
  });
});
