import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import type { Experiment } from '../../src/config/experiment';
import { evaluateRun } from '../../src/evaluation/evaluate';
import { experimentPage } from '../../src/report/experiment_page';
import { runPage } from '../../src/report/run_page';
import { RunFolder } from '../../src/runs/run_folder';
import { runStudy } from '../../src/studies/run_study';
import { TINY, trainTiny } from '../runs/runs';
import { browserPath, withTemporaryFolder } from '../support';

const EXPERIMENT: Experiment = {
  name: 'page',
  claim: 'It learns.',
  claims: [{ variant: 'frozen', difference: -0.1, words: 'frozen is worse' }],
  sections: ['curves', 'thresholds', 'examples'],
  config: { training: { steps: 2 }, model: { box: { scoreThreshold: 0 } } },
  variants: { base: {}, frozen: { model: { freeze: ['backbone.'] } } },
};

describe('pages', function () {
  this.timeout(300_000);
  const executablePath = browserPath();
  const test = executablePath ? it : it.skip;
  let browser: Browser;
  before(async () => {
    if (executablePath)
      browser = await chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      });
  });
  after(async () => await browser?.close());

  /** Opens a page from its file; requests to any network, console errors and serious findings of axe. */
  async function open(
    html: string,
    folder: string,
  ): Promise<{ requests: string[]; errors: string[]; findings: string[] }> {
    const file = path.join(folder, 'page.html');
    fs.writeFileSync(file, html);
    const page = await browser.newPage();
    const requests: string[] = [];
    const errors: string[] = [];
    page.on('request', (request) => {
      if (!/^(file|data|about):/.test(request.url())) requests.push(request.url());
    });
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(pathToFileURL(file).href);
    await page.addScriptTag({ path: require.resolve('axe-core') });
    const findings = await page.evaluate(async () => {
      const axe = (
        globalThis as unknown as {
          axe: {
            run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
          };
        }
      ).axe;
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`);
    });
    await page.close();
    return { requests, errors, findings };
  }

  const clean = { requests: [], errors: [], findings: [] };

  test(`of a run: no request, no error, no serious finding${executablePath ? '' : ' (needs Chromium)'}`, () =>
    withTemporaryFolder(async (folder) => {
      const run = path.join(folder, 'run');
      await trainTiny(run, { set: ['model.box.scoreThreshold=0'] });
      const evaluation = await evaluateRun(run);
      const html = await runPage({ evaluation, metrics: new RunFolder(run).metrics(), run });
      assert.ok(html.length < 10e6);
      assert.match(html, /4 steps on \d+ images, [^;<]+; \d+\.\d % of it waiting for images/);
      assert.deepEqual(await open(html, folder), clean);
    }));

  test(`of an experiment: no request, no error, no serious finding${executablePath ? '' : ' (needs Chromium)'}`, () =>
    withTemporaryFolder(async (folder) => {
      process.env.CYTOBENCH_RUNS = folder;
      try {
        const set = TINY.filter((text) => !text.startsWith('training.steps'));
        const study = await runStudy({ experiment: EXPERIMENT, preset: 'smoke', set });
        assert.ok(study);
        const html = await experimentPage(study);
        assert.ok(html.length < 10e6);
        assert.deepEqual(await open(html, folder), clean);
      } finally {
        delete process.env.CYTOBENCH_RUNS;
      }
    }));
});
