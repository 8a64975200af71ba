import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { runNotebook } from '../src/engine/notebook';
import { ROOT, withTemporaryFolder } from './support';

interface Output {
  readonly output_type: string;
  readonly data?: Record<string, unknown>;
  readonly text?: string;
}

describe('notebooks', function () {
  this.timeout(600_000);

  it('00_quickstart runs headless, with its curves and pictures', () =>
    withTemporaryFolder(async (folder) => {
      const out = path.join(folder, 'out.ipynb');
      const result = await runNotebook(path.join(ROOT, 'notebooks', '00_quickstart.ipynb'), out, {
        steps: 2,
      });
      assert.deepEqual({ ok: result.ok, error: result.error }, { ok: true, error: undefined });
      const notebook = JSON.parse(fs.readFileSync(out, 'utf8')) as { cells: { outputs?: Output[] }[] };
      const data = notebook.cells
        .flatMap(({ outputs }) => outputs ?? [])
        .flatMap((output) => Object.keys(output.data ?? {}));
      assert.ok(data.includes('application/vnd.plotly.v1+json'));
      assert.ok(data.filter((type) => type === 'image/png').length >= 3);
    }));

  it('keeps the partial result and names the cell that failed', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'bad.ipynb');
      const cell = (source: string) => ({
        cell_type: 'code',
        id: source.slice(0, 4),
        metadata: {},
        source,
        outputs: [],
        execution_count: null,
      });
      const kernelspec = { display_name: 'TypeScript', language: 'typescript', name: 'tslab' };
      fs.writeFileSync(
        file,
        JSON.stringify({
          nbformat: 4,
          nbformat_minor: 5,
          metadata: { kernelspec },
          cells: [cell('console.log(41 + 1)'), cell("throw new Error('on purpose')")],
        }),
      );
      const result = await runNotebook(file, path.join(folder, 'out.ipynb'));
      assert.deepEqual([result.ok, result.failedCell], [false, 1]);
      assert.match(fs.readFileSync(path.join(folder, 'out.ipynb'), 'utf8'), /42/);
    }));
});
