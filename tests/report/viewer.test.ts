import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { createRng } from '../../src/core/rng';
import type { CropMask } from '../../src/geometry/masks';
import { encodeCropMask, rleToCropMask } from '../../src/geometry/rle';
import { packViewer, type ViewedImage } from '../../src/report/viewer/pack';
import { viewerFrame, viewerHtml } from '../../src/report/viewer/viewer_page';
import { drawn } from '../inference/postprocess/helpers';
import { browserPath, withTemporaryFolder } from '../support';

const disc = (x: number, y: number, radius: number): CropMask => {
  const side = 2 * radius;
  const data = Uint8Array.from({ length: side * side }, (_, i) =>
    Math.hypot((i % side) + 0.5 - radius, Math.floor(i / side) + 0.5 - radius) < radius ? 1 : 0,
  );
  return { x: x - radius, y: y - radius, width: side, height: side, data };
};

/** Discs as cells: two of class 1 (0.9, 0.6), one of class 2 (0.7). The ground truth has the first and one that is missed. */
function threeCells(): ViewedImage {
  const [height, width] = [300, 400];
  const masks = [disc(100, 100, 30), disc(300, 100, 30), disc(200, 220, 30)];
  return {
    title: 'three <cells>',
    height,
    width,
    image: new Uint8Array(height * width * 3).fill(215),
    channelOrder: 'rgb',
    pixelSize: 0.5,
    classes: ['round', 'long'],
    instances: {
      height,
      width,
      boxes: new Float32Array(12),
      scores: Float32Array.of(0.9, 0.6, 0.7),
      labels: Int32Array.of(1, 1, 2),
      masks: masks.map((mask) => encodeCropMask(mask, height, width)),
    },
    groundTruth: { labels: [1, 2], masks: [disc(103, 100, 30), disc(60, 240, 25)] },
  };
}

describe('what a viewer page is told', () => {
  it('holds outlines from which every pixel comes back', () => {
    const cells = drawn(['###... #.#... ###... ...... ....#. .....#'], [0.75]);
    const image = { ...threeCells(), height: 6, width: 6, image: new Uint8Array(108), instances: cells };
    const [{ rings }] = packViewer({ ...image, groundTruth: undefined }).cells;
    const inside = (x: number, y: number): boolean => {
      let crossed = 0;
      for (const [startX, startY, ...steps] of rings) {
        let [u, v] = [startX, startY];
        const corners = [[u, v]];
        for (const [i, step] of steps.entries()) {
          if (i % 2 === 0) v += step;
          else u += step;
          corners.push([u, v]);
        }
        corners.forEach(([x1, y1], i) => {
          const [, y2] = corners[(i + 1) % corners.length];
          if (y1 > y !== y2 > y && x1 > x) crossed++;
        });
      }
      return crossed % 2 === 1;
    };
    const crop = rleToCropMask(cells.masks[0]);
    for (let y = 0; y < 6; y++)
      for (let x = 0; x < 6; x++)
        assert.equal(inside(x + 0.5, y + 0.5), crop.data[y * 6 + x] === 1, `pixel ${x}, ${y}`);
  });

  it('says which true cell each one covers, and measures in micrometres', () => {
    const data = packViewer(threeCells());
    assert.deepEqual(
      data.cells.map(({ score, match }) => [score, match]),
      [
        [0.9, 0],
        [0.7, -1],
        [0.6, -1],
      ],
    );
    const area = threeCells().instances.masks[0].counts.reduce((sum, n, i) => sum + (i % 2 ? n : 0), 0);
    assert.equal(data.cells[0].values[0], Math.round(area * 0.25 * 10) / 10);
  });

  it('fits 8 MB with 1,000 cells on 2500 x 2500', async () => {
    const rng = createRng('large page');
    const [height, width] = [2500, 2500];
    // Noise on waves: harder on the coder of images than tissue is.
    const image = new Uint8Array(height * width * 3).map(
      (_, i) => 150 + 60 * Math.sin(i / 300) + 40 * rng.next(),
    );
    const masks = Array.from({ length: 1000 }, () =>
      disc(rng.integer(40, 2460), rng.integer(40, 2460), rng.integer(10, 30)),
    );
    const html = await viewerHtml({
      ...threeCells(),
      height,
      width,
      image,
      instances: {
        height,
        width,
        boxes: new Float32Array(4000),
        scores: new Float32Array(1000).fill(0.9),
        labels: new Int32Array(1000).fill(1),
        masks: masks.map((mask) => encodeCropMask(mask, height, width)),
      },
      groundTruth: { labels: masks.map(() => 1), masks },
    });
    assert.ok(html.length < 8e6, `${html.length} bytes`);
    assert.ok(html.length > 2e6, 'the image is in it');
  }).timeout(60_000);
});

describe('the viewer page in a browser', function () {
  this.timeout(120_000);
  const executablePath = browserPath();
  const test = executablePath ? it : it.skip;
  const note = executablePath ? '' : ' (needs Chromium)';

  /** Opens the page from a file, without a network, and tells what it asked for beside itself. */
  async function open(
    folder: string,
    browser: Browser,
    colorScheme: 'light' | 'dark',
  ): Promise<{ page: Page; asked: string[]; faults: string[] }> {
    const file = path.join(folder, 'view.html');
    fs.writeFileSync(file, await viewerHtml(threeCells()));
    const context = await browser.newContext({
      viewport: { width: 1100, height: 800 },
      colorScheme,
      offline: true,
    });
    const page = await context.newPage();
    const [asked, faults]: [string[], string[]] = [[], []];
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) asked.push(request.url());
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => faults.push(message.text()));
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector('html[data-ready]');
    return { page, asked, faults };
  }

  const onBrowser = (work: (browser: Browser, folder: string) => Promise<void>): Promise<void> =>
    withTemporaryFolder(async (folder) => {
      const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
      try {
        await work(browser, folder);
      } finally {
        await browser.close();
      }
    });

  /** What the canvas shows, after it has been drawn. */
  const seen = (page: Page): Promise<string> =>
    page.evaluate(
      `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.getElementById('stage').toDataURL()))))`,
    );

  /** Where a point of the image is on the screen: the image is fitted into the canvas. */
  const onScreen = async (page: Page, x: number, y: number): Promise<[number, number]> => {
    const box = await page.locator('#stage').boundingBox();
    assert.ok(box);
    const scale = Math.min(box.width / 400, box.height / 300) * 0.96;
    return [
      box.x + (box.width - 400 * scale) / 2 + x * scale,
      box.y + (box.height - 300 * scale) / 2 + y * scale,
    ];
  };

  test(`classes, threshold, ground truth and pointer change what is seen${note}`, () =>
    onBrowser(async (browser, folder) => {
      const { page, asked, faults } = await open(folder, browser, 'light');
      const summary = page.locator('#summary');
      assert.equal(await summary.textContent(), '3 of 3 cells shown');
      const all = await seen(page);

      await page.getByLabel('long').uncheck();
      assert.equal(await summary.textContent(), '2 of 3 cells shown');
      const without = await seen(page);
      assert.notEqual(without, all);
      await page.getByLabel('long').check();
      assert.equal(await seen(page), all);

      await page.locator('#threshold').fill('0.65');
      assert.equal(await summary.textContent(), '2 of 3 cells shown');
      assert.notEqual(await seen(page), all);
      await page.locator('#threshold').fill('0.5');

      await page.mouse.move(...(await onScreen(page, 200, 220)));
      assert.equal(await page.locator('#tip').textContent(), 'long · 0.70');
      assert.match(
        (await page.locator('#row').textContent()) ?? '',
        /classlongscore0\.700area\d+(\.\d)? µm²/,
      );
      assert.notEqual(await seen(page), all);
      await page.mouse.move(...(await onScreen(page, 20, 20)));
      assert.equal(await page.locator('#tip').isHidden(), true);

      await page.getByLabel('true cells').check();
      assert.notEqual(await seen(page), all);
      assert.match(
        (await page.locator('.legend').textContent()) ?? '',
        /1 hits.*2 false positives.*1 missed/,
      );
      assert.deepEqual(asked, [page.url()], 'nothing but the file itself was asked for');
      assert.deepEqual(faults, []);
    }));

  test(`every key does what the page says${note}`, () =>
    onBrowser(async (browser, folder) => {
      const { page } = await open(folder, browser, 'light');
      const before = await seen(page);
      const changes = async (key: string): Promise<void> => {
        const old = await seen(page);
        await page.keyboard.press(key);
        assert.notEqual(await seen(page), old, `key ${key}`);
      };
      for (const key of [
        'ArrowLeft',
        'ArrowUp',
        '+',
        '-',
        '0',
        'n',
        'n',
        'p',
        'Escape',
        '1',
        '1',
        'c',
        'c',
        't',
        'o',
        '0',
      ])
        await changes(key);
      await page.keyboard.press('n');
      assert.match((await page.locator('#chosen').textContent()) ?? '', /class round score 0\.900/);
      await page.keyboard.press(']');
      await page.keyboard.press(']');
      await page.keyboard.press(']');
      assert.equal(await page.locator('#threshold-value').textContent(), '0.65');
      for (const key of ['[', '[', '[', 'Escape', 't', 'o', '0']) await page.keyboard.press(key);
      assert.equal(await seen(page), before, 'and back');
      const listed = await page.locator('#keys kbd').allTextContents();
      assert.equal(listed.length, 10);
    }));

  for (const scheme of ['light', 'dark'] as const)
    test(`is accessible in ${scheme}${note}`, () =>
      onBrowser(async (browser, folder) => {
        const { page } = await open(folder, browser, scheme);
        await page.keyboard.press('t');
        await page.keyboard.press('n');
        await page.addScriptTag({ path: require.resolve('axe-core/axe.min.js') });
        const violations = (await page.evaluate(
          `axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target).join(' ')))`,
        )) as string[];
        assert.deepEqual(violations, []);
        const screenshot = await page.screenshot();
        if (process.env.CYTOBENCH_SCREENSHOTS)
          fs.writeFileSync(path.join(process.env.CYTOBENCH_SCREENSHOTS, `viewer_${scheme}.png`), screenshot);
      }));

  test(`is in another page${note}`, () =>
    onBrowser(async (browser, folder) => {
      const file = path.join(folder, 'report.html');
      fs.writeFileSync(
        file,
        `<!doctype html><title>report</title>${viewerFrame(await viewerHtml(threeCells()), 'cells')}`,
      );
      const page = await browser.newPage();
      await page.goto(pathToFileURL(file).href);
      const frame = page.frameLocator('iframe');
      await frame.locator('html[data-ready]').waitFor();
      assert.equal(await frame.locator('#summary').textContent(), '3 of 3 cells shown');
    }));
});
