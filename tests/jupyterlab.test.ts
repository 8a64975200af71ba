import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { labCommand } from '../src/notebook/lab';
import { MAIN } from './runs/runs';
import { browserPath, ROOT } from './support';

/** Starts JupyterLab as `cytobench lab` does; resolves with its address, token included. */
function startLab(): { server: ChildProcess; address: Promise<string> } {
  const { command, args, env } = labCommand({ ip: '127.0.0.1', port: '0', browser: false });
  const server = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const address = new Promise<string>((resolve, reject) => {
    let log = '';
    server.stderr?.on('data', (chunk) => {
      log += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+\/lab\S*\?token=\w+/.exec(log);
      if (found) resolve(found[0]);
    });
    server.on('exit', () => reject(new Error(log)));
  });
  return { server, address };
}

/** A small run for whoever looks: the parameters cell of a copy is changed, as a person would. */
function copySmall(name: string, folder: string, steps = 2): void {
  const notebook = JSON.parse(fs.readFileSync(path.join(ROOT, 'notebooks', `${name}.ipynb`), 'utf8')) as {
    cells: { metadata: { tags?: string[] }; source: string[] }[];
  };
  const small = `['training.steps=2', 'data.synthetic={"images":8,"width":96,"height":96,"seed":1}']`;
  for (const { metadata, source } of notebook.cells)
    if (metadata.tags?.includes('parameters'))
      source.forEach((line, i) => {
        source[i] = line
          .replace('const set: string[] = []', `const set: string[] = ${small}`)
          .replace(
            "const preset: '' | 'smoke' | 'cpu' | 'full' = ''",
            "const preset: '' | 'smoke' | 'cpu' | 'full' = 'smoke'",
          )
          .replace('const steps = 80', `const steps = ${steps}`)
          .replace("'images", `'${path.join(ROOT, 'notebooks', 'images')}`);
      });
  fs.writeFileSync(path.join(folder, `${name}.ipynb`), JSON.stringify(notebook));
}

/** A notebook finds the library from the folders above it: copies have to lie within the repository. */
async function withinRepository(work: (folder: string) => Promise<void>): Promise<void> {
  const runs = path.join(ROOT, 'results', 'runs');
  fs.mkdirSync(runs, { recursive: true });
  const folder = fs.mkdtempSync(path.join(runs, 'lab-'));
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

  /** JupyterLab and a browser, for as long as `work` takes; `open` opens a copy of a notebook and runs all its cells. */
  async function inLab(work: (open: (file: string) => Promise<Page>) => Promise<void>): Promise<void> {
    const { server, address } = startLab();
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    });
    try {
      const url = await address;
      const height = Number(process.env.CYTOBENCH_SCREENSHOT_HEIGHT ?? 2600);
      const context = await browser.newContext({ viewport: { width: 1200, height } });
      // The address is printed before the server answers.
      for (let i = 0; i < 60 && !(await fetch(url).catch(() => null)); i++)
        await new Promise((resolve) => setTimeout(resolve, 500));
      await work(async (file) => {
        const page = await context.newPage();
        await page.goto(url.replace(/\/lab\S*\?/, `/lab/tree/${path.relative(ROOT, file)}?reset&`));
        await page.locator('.jp-Notebook .jp-CodeCell').first().waitFor({ timeout: 60_000 });
        await page
          .locator('.jp-NotebookPanel-toolbar [data-jp-item-name="kernelName"]')
          .getByText('TypeScript')
          .waitFor();
        await page.getByRole('menuitem', { name: 'Run', exact: true }).click();
        await page.getByText('Run All Cells', { exact: true }).click();
        return page;
      });
    } finally {
      await browser.close();
      server.kill('SIGTERM');
    }
  }

  /** Waits until every cell has run. */
  async function allRun(page: Page, name: string): Promise<void> {
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
  }

  /** Runs notebooks one after the other and looks at what is seen. */
  async function runAll(names: readonly string[], folder: string): Promise<void> {
    for (const name of names) copySmall(name, folder);
    await inLab(async (open) => {
      for (const name of names) {
        const page = await open(path.join(folder, `${name}.ipynb`));
        await allRun(page, name);
        await page.waitForTimeout(2000);
        const shown = await page
          .locator('.jp-OutputArea .js-plotly-plot .main-svg, .jp-OutputArea img')
          .count();
        assert.ok(shown > 0, `${name} shows nothing`);
        // Nothing that is only told is shown as if it had failed.
        assert.equal(
          await page.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.stderr"]').count(),
          0,
          name,
        );
        if (process.env.CYTOBENCH_SCREENSHOTS)
          await page.screenshot({ path: path.join(process.env.CYTOBENCH_SCREENSHOTS, `${name}.png`) });
        await page.close();
      }
    });
  }

  const names = fs
    .readdirSync(path.join(ROOT, 'notebooks'))
    .filter((name) => name.endsWith('.ipynb'))
    .map((name) => name.replace('.ipynb', ''));

  test(`00_quickstart runs to its end, its curves and images seen${note}`, () =>
    withinRepository((folder) => runAll(['00_quickstart'], folder)));

  test(`[long] each of the ${names.length} runs to its end, its figures seen${note}`, () =>
    withinRepository((folder) => runAll(names, folder)));

  test(`[long] the button of the live view ends its run in order${note}`, () =>
    withinRepository(async (folder) => {
      copySmall('00_quickstart', folder, 100_000);
      await inLab(async (open) => {
        const page = await open(path.join(folder, '00_quickstart.ipynb'));
        await page
          .getByText(/step [1-9]\d* of 100000/)
          .first()
          .waitFor({ timeout: 300_000 });
        await page.getByRole('button', { name: 'stop', exact: true }).click();
        await page.getByText('stopping, with a checkpoint').waitFor();
        await page.getByText(/^stopped after \d+ steps/).waitFor({ timeout: 300_000 });
        await page.close();
      });
    }));

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    it(`lab ended by ${signal} leaves no process behind`, async function () {
      // The processes that it starts are read from /proc.
      if (process.platform !== 'linux') this.skip();
      const lab = spawn(process.execPath, [MAIN, 'lab', '--no-browser', '--port', '0'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let log = '';
      lab.stderr.on('data', (piece) => {
        log += piece;
      });
      while (!/127\.0\.0\.1:\d+\/lab/.test(log)) {
        assert.equal(lab.exitCode, null, log);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const started = descendants(lab.pid as number);
      assert.ok(started.length >= 3, 'the server, the compiler, and what the compiler starts');
      const ended = new Promise((resolve) => lab.on('exit', resolve));
      lab.kill(signal);
      await ended;
      const left = (): number[] => started.filter((pid) => fs.existsSync(`/proc/${pid}`));
      for (let i = 0; i < 50 && left().length > 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(left(), []);
    });
});

/** The processes that one has started, and that these have. */
function descendants(pid: number): number[] {
  const parents = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // pid (name) state parent …; the name may hold anything.
        const [, parent] = fs.readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ');
        return [[Number(name), Number(parent)] as const];
      } catch {
        return [];
      }
    });
  const children = parents.filter(([, parent]) => parent === pid).map(([child]) => child);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
