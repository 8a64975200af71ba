import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fixturePath, ROOT, withTemporaryFolder } from '../support';

function cytobench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [path.join(ROOT, 'dist', 'src', 'cli', 'main.js'), ...args], {
    encoding: 'utf8',
  });
}

describe('cytobench weights', () => {
  it('inspect --values --json gives what PyTorch has in the file', () => {
    const expected = JSON.parse(fs.readFileSync(fixturePath('weights', 'expected.json'), 'utf8'));
    for (const name of ['state_zip', 'state_legacy', 'checkpoint_nested']) {
      const { stdout, status } = cytobench(
        'weights',
        'inspect',
        fixturePath('weights', `${name}.pth`),
        '--values',
        '--json',
      );
      assert.equal(status, 0);
      const { format, tensors } = JSON.parse(stdout);
      assert.match(format, /^pytorch-/);
      const found = tensors.map(({ name: key, ...rest }: { name: string }) => [key, rest]);
      assert.deepEqual(Object.fromEntries(found), expected, name);
    }
  });

  it('refuses in one line, with exit code 1', () => {
    for (const name of ['malicious_zip', 'malicious_legacy', 'truncated']) {
      const { stdout, stderr, status } = cytobench(
        'weights',
        'inspect',
        fixturePath('weights', `${name}.pth`),
        '--json',
      );
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`^cytobench: .*${name}\\.pth: .+\\n$`));
    }
  });

  it('convert writes safetensors, and nothing where the input is refused', async () => {
    await withTemporaryFolder((folder) => {
      const out = path.join(folder, 'x.safetensors');
      assert.equal(
        cytobench('weights', 'convert', fixturePath('weights', 'malicious_zip.pth'), out).status,
        1,
      );
      assert.equal(
        cytobench('weights', 'convert', fixturePath('weights', 'state_zip.pth'), 'x.bin').status,
        2,
      );
      assert.deepEqual(fs.readdirSync(folder), []);
      const { stdout } = cytobench(
        'weights',
        'convert',
        fixturePath('weights', 'state_zip.pth'),
        out,
        '--json',
      );
      assert.equal(JSON.parse(stdout).tensors, 15);
      assert.equal(JSON.parse(cytobench('weights', 'inspect', out, '--json').stdout).format, 'safetensors');
    });
  });
});
