import * as assert from 'node:assert/strict';
import { type Browser, chromium } from 'playwright-core';
import { rateFigure } from '../../src/plots/curves';
import { openFigures } from '../../src/plots/window';
import { browserPath } from '../support';

describe('figures in a browser', function () {
  this.timeout(60_000);
  const executablePath = browserPath();
  const test = executablePath ? it : it.skip;

  test(`through nodeplotlib, without a network${executablePath ? '' : ' (needs Chromium)'}`, async () => {
    const steps = [0, 1].map((step) => ({ step, total: 1, losses: {}, learningRate: 0.01 * (step + 1) }));
    const window = await openFigures([rateFigure(steps, 'Rate of a test')], { browse: false });
    let browser: Browser | undefined;
    try {
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
      const page = await browser.newPage();
      const outside: string[] = [];
      page.on('request', (request) => {
        if (new URL(request.url()).hostname !== 'localhost') outside.push(request.url());
      });
      await page.goto(window.address);
      const title = page.locator('.gtitle');
      await title.waitFor();
      assert.equal(await title.textContent(), 'Rate of a test');
      assert.deepEqual(outside, []);
    } finally {
      await browser?.close();
      window.close();
    }
    await window.closed;
    await assert.rejects(fetch(window.address));
  });
});
