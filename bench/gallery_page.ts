// How large a page of 200 images is, and how long a browser takes until they stand in their order.
//   node dist/bench/gallery_page.js [IMAGES]      needs Chromium
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { recordToSample } from '../src/data/record';
import { syntheticDataset } from '../src/data/synthetic/synthesize';
import { encodeCropMask } from '../src/geometry/rle';
import { gallerySection, type Shown } from '../src/report/gallery';
import { htmlPage } from '../src/report/html';
import { browserPath } from '../tests/support';

async function main(images: number): Promise<void> {
  const dataset = syntheticDataset({ images, width: 512, height: 512, seed: 1 });
  const samples = await Promise.all(dataset.ids.map(async (id) => recordToSample(await dataset.load(id))));
  // Every cell found a little aside, so that there is something to draw for each.
  const predictions = samples.map(({ height, width, masks, labels }) => ({
    height,
    width,
    boxes: new Float32Array(4 * masks.length),
    scores: Float32Array.from(masks, (_, i) => 1 - i / (masks.length + 1)),
    labels,
    masks: masks.map((mask) => encodeCropMask(mask, height, width)),
  }));
  const evaluation = { set: { samples }, predictions, dataset, about: { classes: dataset.classes } };
  const html = htmlPage('images', [
    '<h2>Every image</h2>',
    await gallerySection(evaluation as unknown as Shown),
  ]);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'page-'));
  const file = path.join(folder, 'page.html');
  fs.writeFileSync(file, html);
  const browser = await chromium.launch({
    executablePath: browserPath(),
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const page = await browser.newPage();
    const started = performance.now();
    await page.goto(pathToFileURL(file).href);
    await page.waitForFunction("document.querySelector('.images canvas').width > 0");
    times.push(performance.now() - started);
    await page.close();
  }
  await browser.close();
  fs.rmSync(folder, { recursive: true });
  const cells = samples.reduce((sum, { labels }) => sum + labels.length, 0);
  times.sort((a, b) => a - b);
  console.log(
    `${images} images, ${cells} cells: ${(html.length / 1e6).toFixed(1)} MB, open in ${(times[2] / 1000).toFixed(2)} s (median of 5)`,
  );
}

void main(Number(process.argv[2] ?? 200));
