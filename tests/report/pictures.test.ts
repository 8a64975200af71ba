import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import sharp from 'sharp';
import { networkOf } from '../../src/config/schema';
import { createRng } from '../../src/core/rng';
import { recordToSample, type Sample } from '../../src/data/record';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { score } from '../../src/evaluation/evaluate';
import { type Instances, selectInstances } from '../../src/geometry/instances';
import { encodeCropMask, rleToCropMask } from '../../src/geometry/rle';
import { predict } from '../../src/inference/predict_image';
import { groundTruthImage } from '../../src/metrics/evaluation_image';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import type { PortableModel } from '../../src/models/weights/portable';
import { cellTable } from '../../src/notebook/tables';
import { contourColour, rgb } from '../../src/plots/canvas';
import { drawEvaluated, drawOverlay, gallery, outcomesOf, worstAndBest } from '../../src/report/images';
import { drawn } from '../inference/postprocess/helpers';
import { withTemporaryFolder } from '../support';

/** The ground truth as predictions, less some of it. */
function almost({ height, width, masks, labels, boxes }: Sample, share: number): Instances {
  const rng = createRng(`almost ${share}`);
  const all: Instances = {
    height,
    width,
    boxes,
    labels,
    scores: Float32Array.from(labels, () => 0.5 + rng.next() / 2),
    masks: masks.map((mask) => encodeCropMask(mask, height, width)),
  };
  return selectInstances(
    all,
    [...labels.keys()].filter(() => rng.chance(share)),
  );
}

async function evaluated(): Promise<Parameters<typeof gallery>[0]> {
  const dataset = syntheticDataset({ images: 4, width: 160, height: 120, seed: 5 });
  const samples = await Promise.all(dataset.ids.map(async (id) => recordToSample(await dataset.load(id), 1)));
  const about = {
    classes: dataset.classes,
    thresholds: dataset.classes.map(() => 0.5),
    config: networkOf('efficientnet_lite0_fpn'),
  } as unknown as PortableModel;
  const set = {
    samples,
    groundTruth: samples.map((sample) => groundTruthImage(sample, dataset.classes.length)),
  };
  const predictions = samples.map((sample, i) => almost(sample, 0.3 + 0.2 * i));
  const { perImage } = score(about, set, predictions, {});
  return { set, predictions, dataset, about, perImage };
}

/** A screenshot to look at, where a folder for them is named. */
function keep(name: string, png: Buffer): void {
  const folder = process.env.CYTOBENCH_SCREENSHOTS;
  if (folder) fs.writeFileSync(path.join(folder, `${name}.png`), png);
}

describe('images of predictions', () => {
  it('tell hits, misses and false positives apart', () => {
    const found = drawn(
      ['##.... ......', '##.... ......', '...... ....##', '..##.. ......'],
      [0.9, 0.8, 0.7, 0.6],
      [1, 1, 1, 2],
    );
    const groundTruth = {
      labels: [1, 1, 1],
      masks: [drawn(['##.... ......']), drawn(['..##.. ......']), drawn(['...... ##....'])].map(({ masks }) =>
        rleToCropMask(masks[0]),
      ),
    };
    const { missed, falsePositives } = outcomesOf(found, groundTruth);
    // The second is on a cell that is taken, the third on nothing, the fourth of another class than the cell it covers.
    assert.deepEqual([...falsePositives].sort(), [1, 2, 3]);
    assert.deepEqual([...missed].sort(), [1, 2]);
  });

  it('show a cell in its class’s colour, its score on demand, and fill what was missed', async () => {
    const instances = drawn(
      ['........ .######. .######. .######. .######. .######. .######. ........'],
      [0.87],
    );
    const found = {
      id: 'one',
      height: 8,
      width: 8,
      image: new Uint8Array(192).fill(100),
      channelOrder: 'rgb' as const,
      classes: ['round'],
      instances,
    };
    const plain = await drawOverlay(found);
    const { data, info } = await sharp(plain).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number): number[] => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    // Four pixels of the drawing for one of the image, below a heading of 30.
    assert.deepEqual(at(4 * 4, 30 + 4), rgb(contourColour(1)), 'the upper edge');
    assert.deepEqual(at(4 * 4, 30 + 4 * 4), [100, 100, 100], 'the inside');
    assert.notDeepEqual(await drawOverlay(found, { scores: true }), plain);
    const evaluation = await evaluated();
    const png = await drawEvaluated(evaluation, 0, { scores: true });
    keep('compared', png);
    const [width, height] = [160, 120].map((side) => side * 4);
    const { width: w, height: h } = await sharp(png).metadata();
    assert.deepEqual([w, h], [2 * width + 12, height + 30 + 34]);
    const seen = await sharp(png).removeAlpha().raw().toBuffer();
    const sample = evaluation.set.samples[0];
    const { missed } = outcomesOf(evaluation.predictions[0], sample);
    const row = [...missed].find((i) => sample.masks[i].width > 8 && sample.masks[i].height > 8) as number;
    const mask = sample.masks[row];
    const inner = [Math.floor(mask.x + mask.width / 2), Math.floor(mask.y + mask.height / 2)];
    const from = (inner[1] * sample.width + inner[0]) * 3;
    const to = ((30 + inner[1] * 4 + 1) * (w as number) + inner[0] * 4 + 1) * 3;
    const paint = rgb(contourColour(sample.labels[row]));
    for (let c = 0; c < 3; c++)
      assert.ok(Math.abs(seen[to + c] - (sample.image[from + c] + paint[c]) / 2) <= 1, 'half its colour');
  });

  it('gather the worst and the best', async () => {
    const evaluation = await evaluated();
    const { worst, best } = worstAndBest(evaluation);
    assert.ok(evaluation.perImage[worst] < evaluation.perImage[best]);
    const png = await gallery(evaluation, { count: 1 });
    keep('gallery', png);
    const { width, height } = await sharp(png).metadata();
    // Two columns of 160 and two rows of 120, twice as large, with titles, gaps and two rows of legend.
    assert.deepEqual([width, height], [2 * (320 + 10), 2 * (24 + 10 + 240) + 14 + 40]);
  });
});

describe('the library, as a notebook uses it', function () {
  this.timeout(60_000);

  it('predicts a file or pixels, draws them, and makes a table', () =>
    withTemporaryFolder(async (folder) => {
      const base = networkOf('efficientnet_lite0_fpn');
      const config = {
        ...base,
        numClasses: 3,
        box: { ...base.box, scoreThreshold: 0.01, detectionsPerImage: 20 },
      };
      const model = new MaskRcnn(config, 1);
      const about: PortableModel = {
        architecture: 'efficientnet_lite0_fpn',
        config,
        classes: ['round', 'long'],
        pixelSize: 0.25,
        channelOrder: 'rgb',
        scale: 1,
        thresholds: [0, 0],
      };
      const loaded = { model, about, source: 'made here', digest: null };
      const image = Uint8Array.from({ length: 96 * 80 * 3 }, (_, i) => (i * 31) % 253);
      const file = path.join(folder, 'tile.png');
      await sharp(image, { raw: { width: 96, height: 80, channels: 3 } })
        .png()
        .toFile(file);
      const fromFile = await predict(loaded, file);
      const fromPixels = await predict(loaded, { image, height: 80, width: 96 });
      assert.ok(fromFile.instances.labels.length > 0, 'an untrained model finds something everywhere');
      assert.deepEqual(fromFile.instances, fromPixels.instances);
      assert.equal(fromFile.id, 'tile');
      const turned = await predict(loaded, file, { tta: true });
      assert.notDeepEqual(turned.instances.scores, fromFile.instances.scores);
      const strict = await predict(loaded, file, { threshold: 1 });
      assert.equal(strict.instances.labels.length, 0);
      const table = cellTable({ ...fromFile, pixelSize: 0.5 });
      assert.deepEqual(table.shape, [fromFile.instances.labels.length, 20]);
      assert.deepEqual(table.columns.slice(0, 4), ['image', 'cell', 'class', 'score']);
      const [area, micrometres] = [table.at(0, 'area'), table.at(0, 'area_um2')] as number[];
      assert.equal(micrometres, area / 4);
      assert.ok((await drawOverlay(fromFile)).length > 1000);
      model.dispose();
    }));
});
