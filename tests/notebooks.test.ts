import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findCitations, findMiscitation } from '../src/notebook/citations';
import { runNotebook } from '../src/notebook/run_notebook';
import { recordNames } from '../src/studies/record';
import { ROOT, withTemporaryFolder } from './support';

interface Output {
  readonly output_type: string;
  readonly data?: Record<string, unknown>;
  readonly text?: string;
}

const NOTEBOOKS = path.join(ROOT, 'notebooks');
const NAMES = fs.readdirSync(NOTEBOOKS).filter((name) => name.endsWith('.ipynb'));

/** What each shows at least: interactive figures, images, and pages with a viewer, a gallery or a table to click. */
const SHOWN: Readonly<Record<string, { figures: number; pictures: number; frames: number }>> = {
  '00_quickstart': { figures: 1, pictures: 3, frames: 1 },
  '01_data': { figures: 1, pictures: 2, frames: 0 },
  '02_baseline': { figures: 2, pictures: 0, frames: 0 },
  '03_anchors': { figures: 3, pictures: 0, frames: 0 },
  '04_augmentation': { figures: 3, pictures: 0, frames: 0 },
  '05_thresholds': { figures: 1, pictures: 0, frames: 1 },
  '06_loss_curves': { figures: 2, pictures: 0, frames: 0 },
  '07_visualisations': { figures: 3, pictures: 1, frames: 3 },
  '08_ad_hoc': { figures: 0, pictures: 1, frames: 2 },
  '09_refinement': { figures: 1, pictures: 0, frames: 0 },
  '10_as_committed': { figures: 3, pictures: 0, frames: 0 },
};

const cell = (cell_type: 'code' | 'markdown', source: string) => ({
  cell_type,
  id: source.replace(/\W/g, '').slice(0, 8),
  metadata: {},
  source,
  ...(cell_type === 'code' ? { outputs: [], execution_count: null } : {}),
});

function writeNotebook(file: string, cells: object[]): void {
  const kernelspec = { display_name: 'TypeScript', language: 'typescript', name: 'tslab' };
  fs.writeFileSync(file, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells }));
}

describe('notebooks', function () {
  this.timeout(600_000);
  const runs = fs.mkdtempSync(path.join(ROOT, 'results', '.test-runs-'));
  before(() => {
    // Runs that two notebooks share are made once, and not among the user's own.
    process.env.CYTOBENCH_RUNS = runs;
  });
  after(() => {
    delete process.env.CYTOBENCH_RUNS;
    fs.rmSync(runs, { recursive: true, force: true });
  });

  it('are all known here', () => {
    assert.deepEqual(
      NAMES.map((name) => name.replace('.ipynb', '')),
      Object.keys(SHOWN),
    );
  });

  for (const [name, { figures, pictures, frames }] of Object.entries(SHOWN))
    it(`${name} runs headless, with its figures and images`, () =>
      withTemporaryFolder(async (folder) => {
        const out = path.join(folder, 'out.ipynb');
        const file = path.join(NOTEBOOKS, `${name}.ipynb`);
        const source = fs.readFileSync(file, 'utf8');
        const small = ['training.steps=2', 'data.synthetic={"images":8,"width":96,"height":96,"seed":1}'];
        const parameters = source.includes('const set: string[]')
          ? { set: small }
          : source.includes('const steps =')
            ? { steps: 2 }
            : {};
        const result = await runNotebook(file, out, parameters);
        assert.deepEqual({ ok: result.ok, error: result.error }, { ok: true, error: undefined });
        const notebook = JSON.parse(fs.readFileSync(out, 'utf8')) as { cells: { outputs?: Output[] }[] };
        const shown = notebook.cells
          .flatMap(({ outputs }) => outputs ?? [])
          .flatMap((output) => Object.keys(output.data ?? {}));
        const html = notebook.cells
          .flatMap(({ outputs }) => outputs ?? [])
          .map(({ data }) => [data?.['text/html'] ?? ''].flat().join(''));
        assert.equal(html.filter((text) => text.startsWith('<iframe')).length, frames);
        const count = (type: string): number => shown.filter((other) => other === type).length;
        assert.ok(count('application/vnd.plotly.v1+json') >= figures, `${shown}`);
        assert.ok(count('image/png') >= pictures, `${shown}`);
      }));

  it('define no function, and come with what their cells showed', () => {
    for (const name of NAMES) {
      const { cells } = JSON.parse(fs.readFileSync(path.join(NOTEBOOKS, name), 'utf8')) as {
        cells: { cell_type: string; source: string[]; outputs?: Output[]; execution_count: number | null }[];
      };
      const code = cells.filter(({ cell_type }) => cell_type === 'code');
      for (const { source } of code)
        assert.doesNotMatch(
          source.join(''),
          /^(export )?(async )?function |^const \w+ = (async )?\(.*\) =>/m,
          name,
        );
      const study = /openStudy\('(\w+)'/.exec(code.map(({ source }) => source.join('')).join(''))?.[1];
      // Six steps on synthetic tissue are shown to nobody as what was found.
      if (study !== undefined && !recordNames().includes(study)) {
        assert.ok(
          code.every(({ outputs }) => outputs?.length === 0),
          name,
        );
        continue;
      }
      // In order, from a fresh kernel, and without a word about an error.
      const counts = code.map(({ execution_count }) => execution_count);
      assert.deepEqual(
        counts,
        code.map((_, i) => i + 1),
        `${name}: npx cytobench notebook run notebooks/${name} --out notebooks/${name} --overwrite`,
      );
      const outputs = code.flatMap(({ outputs = [] }) => outputs);
      assert.ok(outputs.length > 0, name);
      assert.ok(
        outputs.every(({ output_type }) => output_type !== 'error'),
        name,
      );
      // No path of the machine that it ran on, and no page that is larger than a reader waits for.
      const text = JSON.stringify(outputs);
      assert.doesNotMatch(text, /\/(home|root|work|Users)\//, name);
      assert.ok(text.length < 2.5e6, name);
    }
  });

  it('keeps the partial result and names the cell that failed', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'bad.ipynb');
      writeNotebook(file, [
        cell('code', 'console.log(41 + 1)'),
        cell('code', "throw new Error('on purpose')"),
      ]);
      const result = await runNotebook(file, path.join(folder, 'out.ipynb'));
      assert.deepEqual([result.ok, result.failedCell], [false, 1]);
      assert.match(fs.readFileSync(path.join(folder, 'out.ipynb'), 'utf8'), /42/);
    }));

  it('fails where prose says another number than its run, naming the cell and both', () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'cited.ipynb');
      writeNotebook(file, [
        cell('code', '1 + 1'),
        cell('markdown', 'AP50 is 0.412<!-- augmentation-none-cpu-s0:AP50 -->, less −0.03<!-- x:AP -->.'),
      ]);
      assert.deepEqual(
        findCitations(file).map(({ cell, written, run, metric }) => [cell, written, run, metric]),
        [
          [1, '0.412', 'augmentation-none-cpu-s0', 'AP50'],
          [1, '−0.03', 'x', 'AP'],
        ],
      );
      const numbers = { 'augmentation-none-cpu-s0': { AP50: 0.41249 }, x: { AP: -0.0312 } };
      assert.equal(findMiscitation(file, numbers), undefined);
      const other = { ...numbers, 'augmentation-none-cpu-s0': { AP50: 0.4131 } };
      assert.equal(
        findMiscitation(file, other)?.message,
        'cell 1 says 0.412 where AP50 of augmentation-none-cpu-s0 is 0.413',
      );
      const result = await runNotebook(file, path.join(folder, 'out.ipynb'));
      assert.deepEqual([result.ok, result.failedCell], [false, 1]);
      assert.match(result.error ?? '', /not among the numbers of runs|says 0\.412 where/);
    }));
});
