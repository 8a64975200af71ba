import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ROOT, withTemporaryFolder } from '../support';

describe('the bundle for machines without a network', function () {
  this.timeout(900_000);

  it('[long] is made in parts, unpacks and runs elsewhere, and a damaged part is told', () =>
    withTemporaryFolder(async (folder) => {
      const [out, there] = ['bundle', 'there'].map((name) => path.join(folder, name));
      const script = path.join(ROOT, 'scripts', 'bundle.mjs');
      const made = spawnSync(process.execPath, [script, out, '--part-mb', '200'], { encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      const parts = fs.readdirSync(out).filter((name) => name.startsWith('part-'));
      assert.ok(parts.length > 1);
      for (const part of parts) assert.ok(fs.statSync(path.join(out, part)).size <= 200e6);
      const env = { ...process.env, CYTOBENCH_DEVICE: 'cpu' };
      const install = (to: string) =>
        spawnSync('sh', [path.join(out, 'install.sh'), to], { encoding: 'utf8', env });
      const installed = install(there);
      assert.equal(installed.status, 0, installed.stderr);
      assert.match(installed.stdout, /ok +native runtime[\s\S]*the runtime works on cpu/);
      assert.match(install(there).stderr, /is not empty/);
      const damaged = fs.openSync(path.join(out, parts[0]), 'r+');
      fs.writeSync(damaged, 'damage', 1000);
      fs.closeSync(damaged);
      const refused = install(path.join(folder, 'other'));
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /a part is damaged or missing/);
      assert.ok(!fs.existsSync(path.join(folder, 'other')));
    }));
});
