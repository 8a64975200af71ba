import * as assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { chromium } from 'playwright-core';
import { jupyterEnvironment, jupyterPython, runNotebook } from '../src/engine/notebook';
import { browserPath, ROOT, withTemporaryFolder } from './support';

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

describe('the quickstart notebook in JupyterLab', function () {
  this.timeout(300_000);
  const executablePath = browserPath();
  const test = executablePath ? it : it.skip;

  test(`shows its curves and pictures${executablePath ? '' : ' (needs Chromium)'}`, () =>
    withTemporaryFolder(async (folder) => {
      const result = await runNotebook(
        path.join(ROOT, 'notebooks', '00_quickstart.ipynb'),
        path.join(folder, 'quickstart.ipynb'),
        { steps: 2 },
      );
      assert.ok(result.ok, result.error);
      const { server, address } = startLab(folder);
      const browser = await chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      });
      try {
        const page = await browser.newPage({ viewport: { width: 1200, height: 4200 } });
        const url = await address;
        // The address is printed before the server answers.
        for (let i = 0; i < 60 && !(await fetch(url).catch(() => null)); i++) await page.waitForTimeout(500);
        await page.goto(url.replace('/lab?', '/lab/tree/quickstart.ipynb?'));
        await page.locator('.jp-OutputArea .js-plotly-plot .main-svg').first().waitFor({ timeout: 60_000 });
        await page.waitForTimeout(2000);
        const pictures = await page
          .locator('.jp-OutputArea img')
          .evaluateAll((images) => images.filter((image) => image.clientWidth > 100).length);
        assert.ok(pictures >= 3, `${pictures} pictures`);
        const screenshot = await page.screenshot();
        if (process.env.CYTOBENCH_SCREENSHOTS)
          fs.writeFileSync(path.join(process.env.CYTOBENCH_SCREENSHOTS, 'quickstart.png'), screenshot);
      } finally {
        await browser.close();
        server.kill('SIGTERM');
      }
    }));
});
