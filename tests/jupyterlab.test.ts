import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { chromium } from 'playwright-core';
import { jupyterEnvironment, jupyterPython } from '../src/notebook/run_notebook';
import { browserPath, ROOT } from './support';

/** Starts JupyterLab on `folder`; resolves with its address, token included. */
function startLab(folder: string): { server: ChildProcess; address: Promise<string> } {
  const root = process.getuid?.() === 0 ? ['--allow-root'] : [];
  const args = [
    '-m',
    'jupyterlab',
    '--no-browser',
    '--ip=127.0.0.1',
    '--port=0',
    '--notebook-dir',
    folder,
    ...root,
  ];
  const server = spawn(jupyterPython(), args, {
    env: jupyterEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const address = new Promise<string>((resolve, reject) => {
    let log = '';
    server.stderr?.on('data', (chunk) => {
      log += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+\/lab\?token=\w+/.exec(log);
      if (found) resolve(found[0]);
    });
    server.on('exit', () => reject(new Error(log)));
  });
  return { server, address };
}

/** A small run for whoever looks: the parameters cell of a copy is changed, as a person would. */
function copySmall(name: string, folder: string): void {
  const notebook = JSON.parse(fs.readFileSync(path.join(ROOT, 'notebooks', `${name}.ipynb`), 'utf8')) as {
    cells: { metadata: { tags?: string[] }; source: string[] }[];
  };
  const small = `['training.steps=2', 'data.synthetic={"images":8,"width":96,"height":96,"seed":1}']`;
  for (const { metadata, source } of notebook.cells)
    if (metadata.tags?.includes('parameters'))
      source.forEach((line, i) => {
        source[i] = line
          .replace('const set: string[] = []', `const set: string[] = ${small}`)
          .replace('const steps = 0', 'const steps = 2');
      });
  fs.writeFileSync(path.join(folder, `${name}.ipynb`), JSON.stringify(notebook));
}

/** A notebook finds the library from the folders above it: copies have to lie within the repository. */
async function withinRepository(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(ROOT, 'results', '.lab-'));
  process.env.CYTOBENCH_RUNS = path.join(folder, 'runs');
  try {
    await work(folder);
  } finally {
    delete process.env.CYTOBENCH_RUNS;
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

describe('notebooks in JupyterLab', function () {
  this.timeout(3_000_000);
  const executablePath = browserPath();
  const test = executablePath ? it : it.skip;
  const note = executablePath ? '' : ' (needs Chromium)';

  /** Opens notebooks one after the other, runs all cells, and looks at what is seen. */
  async function runAll(names: readonly string[], folder: string): Promise<void> {
    for (const name of names) copySmall(name, folder);
    const { server, address } = startLab(folder);
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      const url = await address;
      const context = await browser.newContext({ viewport: { width: 1200, height: 2600 } });
      // The address is printed before the server answers.
      for (let i = 0; i < 60 && !(await fetch(url).catch(() => null)); i++)
        await new Promise((resolve) => setTimeout(resolve, 500));
      for (const name of names) {
        const page = await context.newPage();
        await page.goto(url.replace('/lab?', `/lab/tree/${name}.ipynb?reset&`));
        await page.locator('.jp-Notebook .jp-CodeCell').first().waitFor({ timeout: 60_000 });
        await page
          .locator('.jp-NotebookPanel-toolbar [data-jp-item-name="kernelName"]')
          .getByText('TypeScript')
          .waitFor();
        await page.getByRole('menuitem', { name: 'Run', exact: true }).click();
        await page.getByText('Run All Cells', { exact: true }).click();
        const prompts = page.locator('.jp-CodeCell .jp-InputPrompt');
        const total = await prompts.count();
        const texts = async (): Promise<string[]> => await prompts.allTextContents();
        const failed = page.locator('[data-mime-type="application/vnd.jupyter.error"]');
        for (let waited = 0; waited < 600; waited++) {
          assert.equal(await failed.count(), 0, `${name}: ${await failed.allTextContents()}`);
          if ((await texts()).filter((text) => /\[\d+\]/.test(text)).length === total) break;
          await page.waitForTimeout(1000);
        }
        assert.ok(
          (await texts()).every((text) => /\[\d+\]/.test(text)),
          `${name}: ${await texts()}`,
        );
        await page.waitForTimeout(2000);
        const shown = await page
          .locator('.jp-OutputArea .js-plotly-plot .main-svg, .jp-OutputArea img')
          .count();
        assert.ok(shown > 0, `${name} shows nothing`);
        if (process.env.CYTOBENCH_SCREENSHOTS)
          await page.screenshot({ path: path.join(process.env.CYTOBENCH_SCREENSHOTS, `${name}.png`) });
        await page.close();
      }
    } finally {
      await browser.close();
      server.kill('SIGTERM');
    }
  }

  const names = fs
    .readdirSync(path.join(ROOT, 'notebooks'))
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => name.replace('.ipynb', ''));

  test(`00_quickstart runs to its end, its curves and images seen${note}`, () =>
    withinRepository((folder) => runAll(['00_quickstart'], folder)));

  test(`[long] each of the ${names.length} runs to its end, its figures seen${note}`, () =>
    withinRepository((folder) => runAll(names, folder)));
});
