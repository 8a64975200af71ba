// One scale for an image wherever it is seen: read from the live transform, the batches that reach the network.
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../src/config/experiments';
import { networkOf } from '../../src/config/schema';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset } from '../../src/data/write_dataset';
import { evaluateRun } from '../../src/evaluation/evaluate';
import { submit } from '../../src/evaluation/submit';
import { predict } from '../../src/inference/predict_image';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { imageScale } from '../../src/models/scale';
import { resumeRun, trainRun } from '../../src/runs/executors/in_process';
import { loadModel } from '../../src/runs/load_model';
import { withTemporaryFolder } from '../support';

/** Scales at which images reached the network while `work` ran: what the batch holds over what was given. */
async function scalesSeen(work: () => Promise<unknown>): Promise<number[]> {
  const scales: number[] = [];
  const original = MaskRcnn.prototype.batch;
  MaskRcnn.prototype.batch = function (images, ...rest) {
    const batch = original.call(this, images, ...rest);
    images.forEach(({ height }, n) => {
      // The probe's black and white squares are no images of the data.
      if (height !== 32) scales.push(batch.sizes[n][0] / height);
    });
    return batch;
  };
  try {
    await work();
  } finally {
    MaskRcnn.prototype.batch = original;
  }
  return scales;
}

const NARROW = [
  'model.fpnChannels=16',
  'model.box.representationSize=32',
  'model.box.batchSizePerImage=16',
  'model.box.detectionsPerImage=20',
  'model.rpn.postNmsTopNTest=50',
  'model.rpn.preNmsTopNTest=50',
  'model.box.scoreThreshold=0',
  'training.steps=1',
  'training.batchSize=1',
  'validation.images=null',
  'validation.every=1',
  'earlyStopping.patience=null',
  'schedule.kind=constant',
  'augmentation.transforms=[]',
  'augmentation.crop=null',
];

/** One run on two images of a size, and everything that is done with it; the scales seen by each. */
async function scalesOf(
  folder: string,
  size: number,
  set: readonly string[],
): Promise<Record<string, number[]>> {
  const data = path.join(folder, 'data');
  await writeDataset(data, syntheticDataset({ images: 2, width: size, height: size, seed: 1 }));
  const split = path.join(folder, 'split.json');
  fs.writeFileSync(split, JSON.stringify({ train: ['synth_0000'], val: ['synth_0001'] }));
  const run = path.join(folder, 'run');
  const experiment = findExperiment('quickstart');
  const seen: Record<string, number[]> = {};
  seen.train = await scalesSeen(() =>
    trainRun({ experiment, preset: 'smoke', set: [...NARROW, ...set], data, split, out: run }),
  );
  seen.evaluate = await scalesSeen(() => evaluateRun(run));
  const image = path.join(data, 'synth_0001', 'image.tif');
  seen.predict = await scalesSeen(async () => {
    const loaded = loadModel(run);
    await predict(loaded, image, { threshold: 1 });
    loaded.model.dispose();
  });
  const images = path.join(folder, 'images');
  fs.mkdirSync(images);
  fs.copyFileSync(image, path.join(images, 'a.tif'));
  const ids = path.join(folder, 'ids.json');
  fs.writeFileSync(ids, JSON.stringify([{ file_name: 'a.tif', id: 1, height: size, width: size }]));
  seen.submit = await scalesSeen(() => submit(run, { images, ids, out: path.join(folder, 'a.zip') }));
  await resumeRun(run, {});
  return seen;
}

/** All scales equal to the wanted one, to 1 %. */
function assertScale(seen: Record<string, number[]>, wanted: number): void {
  for (const [command, scales] of Object.entries(seen)) {
    assert.ok(scales.length > 0, `${command} showed the network nothing`);
    for (const scale of scales)
      assert.ok(
        Math.abs(scale / wanted - 1) < 0.01 + 0.5 / (33 * wanted),
        `${command}: ${scale}, not ${wanted}`,
      );
  }
}

describe('the scale of an image', function () {
  this.timeout(900_000);

  it("is torchvision's where the model resizes, what the settings say elsewhere", () => {
    const { image } = networkOf('resnet50_fpn_v2');
    const always = { ...image, resize: 'always' as const };
    // min(800 / shorter, 1333 / longer), by hand.
    for (const [height, width, scale] of [
      [2500, 2500, 0.32],
      [33, 33, 800 / 33],
      [500, 1400, 1333 / 1400],
      [1400, 500, 1333 / 1400],
    ]) {
      assert.ok(Math.abs(imageScale({ height, width }, always, 'training') / scale - 1) < 1e-12);
      assert.ok(
        Math.abs(imageScale({ height, width }, always, 'testing', 1.25) / (1.25 * scale) - 1) < 1e-12,
      );
      assert.equal(imageScale({ height, width }, { ...image, resize: 'never' }, 'testing', 1.5), 1.5);
      assert.equal(imageScale({ height, width }, { ...image, resize: 'testing' }, 'training', 1), 1);
    }
  });

  for (const [size, long] of [
    [33, false],
    [500, false],
    [1400, true],
    [2500, true],
  ] as const)
    for (const [how, set, wanted] of [
      ['as it is', ['model.image.resize=never', 'validation.scale=1', 'augmentation.scale=1'], 1],
      ['at 1.5', ['model.image.resize=never', 'validation.scale=1.5', 'augmentation.scale=1.5'], 1.5],
      [
        'at 160 px, by the model',
        ['model.image.resize=always', 'model.image.minSize=160', 'model.image.maxSize=266'],
        160 / size,
      ],
    ] as const)
      it(`${long ? '[long] ' : ''}is one in train, evaluate, predict and submit: ${size} px ${how}`, () =>
        withTemporaryFolder(async (folder) => {
          const seen = await scalesOf(folder, size, set);
          // Training samples reach the network already scaled by augmentation.
          const own = how === 'at 1.5' ? seen.train.filter((scale) => scale !== 1) : seen.train;
          assertScale({ ...seen, train: own }, wanted);
        }));
});
