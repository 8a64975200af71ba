import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import type { Experiment } from '../../src/config/experiment';
import { evaluateRun } from '../../src/evaluation/evaluate';
import type { CropMask } from '../../src/geometry/masks';
import { encodeCropMask } from '../../src/geometry/rle';
import { lossFigure } from '../../src/plots/curves';
import { experimentPage } from '../../src/report/experiment_page';
import { gallerySection, openableTable, type Shown } from '../../src/report/gallery';
import { figure, htmlPage } from '../../src/report/html';
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

  test(`figures answer the pointer and the gallery its slider, order and keys${executablePath ? '' : ' (needs Chromium)'}`, () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'page.html');
      const steps = [3, 2, 1.5].map((total, step) => ({
        step,
        total,
        losses: { loss_mask: total },
        learningRate: 0.1,
      }));
      fs.writeFileSync(
        file,
        htmlPage('page', [
          '<h2>Curves</h2>',
          figure(lossFigure(steps, [], 'Losses of a test')),
          '<h2>Images</h2>',
          await gallerySection(twoImages()),
        ]),
      );
      const page = await browser.newPage({ viewport: { width: 400, height: 800 } });
      await page.goto(pathToFileURL(file).href);
      // As wide as the screen: nothing has to be scrolled sideways.
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400);
      assert.deepEqual(await page.locator('nav a').allTextContents(), ['Curves', 'Images']);
      await page.locator('figure.plot .main-svg').first().waitFor();
      const box = await page.locator('figure.plot .nsewdrag').boundingBox();
      assert.ok(box);
      await page.mouse.move(box.x + 2, box.y + box.height * (1 - 3 / (3 * 1.1)));
      await page.locator('.hoverlayer .hovertext').first().waitFor();
      assert.match((await page.locator('.hoverlayer').first().textContent()) ?? '', /3/);
      const scores = page.locator('.scores');
      const names = async (): Promise<string[]> =>
        (await page.locator('.images button span').allTextContents()).map((text) => text.split(':')[0]);
      const slider = page.locator('.gallery input');
      await slider.focus();
      // At 0.5: image a has its cell; b has one of its two, and a detection of nothing.
      await slider.fill('0.5');
      assert.equal(
        await scores.textContent(),
        'precision 0.67, recall 0.67, F1 0.67 (2 hits, 1 false positives, 1 missed)',
      );
      assert.deepEqual(await names(), ['b', 'a']);
      // Over 0.7 the false positive goes, and over 0.8 the hit of b.
      await slider.fill('0.75');
      assert.match((await scores.textContent()) ?? '', /2 hits, 0 false positives, 1 missed/);
      await slider.fill('0.8');
      await page.keyboard.press('ArrowRight');
      assert.match((await scores.textContent()) ?? '', /1 hits, 0 false positives, 2 missed/);
      await page.locator('.gallery select').selectOption('best');
      assert.deepEqual(await names(), ['a', 'b']);
      await page.locator('.images button').first().focus();
      await page.keyboard.press('Enter');
      assert.equal(await page.locator('dialog p').textContent(), 'a: F1 1.00, 0 missed, 0 false');
      await page.keyboard.press('Escape');
      assert.equal(await page.locator('dialog[open]').count(), 0);
      await page.close();
    }));

  test(`a row of a table opens its image, and its cell, by click and by key${executablePath ? '' : ' (needs Chromium)'}`, () =>
    withTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'page.html');
      const rows = [
        { cells: ['a'], image: 'a', cell: null },
        { cells: ['b'], image: 'b', cell: 1 },
      ];
      fs.writeFileSync(
        file,
        htmlPage('table', [await openableTable({ columns: ['image'], rows }, twoImages())], { bare: true }),
      );
      const page = await browser.newPage();
      await page.goto(pathToFileURL(file).href);
      await page.locator('tbody tr').first().click();
      assert.equal(await page.locator('dialog[open] p').textContent(), 'a: F1 1.00, 0 missed, 0 false');
      await page.getByRole('button', { name: 'close' }).click();
      assert.equal(await page.locator('dialog[open]').count(), 0);
      await page.locator('tbody tr').nth(1).focus();
      await page.keyboard.press('Enter');
      assert.equal(await page.locator('dialog[open] p').textContent(), 'b, cell 1');
      // The cell at (50, 50) to (70, 70) with 30 pixels around it, as far as the image goes: 60 of 80.
      const shape = await page
        .locator('dialog canvas')
        .evaluate((canvas) => (canvas as unknown as { width: number; height: number }).width);
      assert.equal(shape, 60 * 6);
      await page.close();
    }));
});

/** A square of a cell at (x, y), 20 pixels wide. */
const square = (x: number, y: number): CropMask => ({
  x,
  y,
  width: 20,
  height: 20,
  data: new Uint8Array(400).fill(1),
});

/** Image a: one cell, found at 0.9. Image b: two cells, one found at 0.8, and a detection of nothing at 0.7. */
function twoImages(): Shown {
  const side = 80;
  const image = (id: string, truth: CropMask[], found: CropMask[], scores: number[]) => ({
    sample: {
      id,
      width: side,
      height: side,
      image: new Uint8Array(side * side * 3).fill(200),
      labels: truth.map(() => 1),
      masks: truth,
    },
    instances: {
      height: side,
      width: side,
      boxes: new Float32Array(4 * found.length),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(found, () => 1),
      masks: found.map((mask) => encodeCropMask(mask, side, side)),
    },
  });
  const images = [
    image('a', [square(10, 10)], [square(11, 10)], [0.9]),
    image('b', [square(10, 10), square(50, 50)], [square(10, 11), square(50, 5)], [0.8, 0.7]),
  ];
  return {
    set: { samples: images.map(({ sample }) => sample) },
    predictions: images.map(({ instances }) => instances),
    dataset: { channelOrder: 'rgb' },
    about: { classes: ['cell'] },
  } as unknown as Shown;
}
