import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../src/config/experiments';
import { resolveConfig } from '../../src/config/resolve';
import type { DatasetRecord } from '../../src/data/record';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset, writeRecord } from '../../src/data/write_dataset';
import { analyse } from '../../src/evaluation/analyse';
import { evaluateRun } from '../../src/evaluation/evaluate';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import type { AppliedSettings } from '../../src/runs/applied';
import { RunFolder } from '../../src/runs/run_folder';
import { device } from '../../src/runtime/tf';
import { prepareData, trainingLoader } from '../../src/training/data';
import { memoryAdvice } from '../../src/training/preflight';
import { itGivesTheSameBits } from '../same_bits';
import { withTemporaryFolder } from '../support';
import { checkpoint, hashOf, MAIN, TINY, trainTiny } from './runs';

const synthetic = syntheticDataset({ images: 8, width: 64, height: 64, seed: 1 });
const config = (...set: string[]) =>
  resolveConfig(findExperiment('quickstart'), { preset: 'smoke', set: [...TINY, ...set] });
const appliedOf = (dir: string): AppliedSettings =>
  JSON.parse(fs.readFileSync(path.join(dir, 'applied.json'), 'utf8')) as AppliedSettings;

describe('settings whose effect is not in the numbers of a run', function () {
  this.timeout(300_000);

  it('data.dir: trains on the folder it is given', () =>
    withTemporaryFolder(async (folder) => {
      const [data, dir] = ['data', 'run'].map((name) => path.join(folder, name));
      await writeDataset(data, syntheticDataset({ images: 4, width: 64, height: 64, seed: 9 }));
      await trainTiny(dir, { data, set: ['training.steps=1', 'data.groupBy=none'] });
      const provenance = JSON.parse(fs.readFileSync(path.join(dir, 'provenance.json'), 'utf8'));
      assert.equal(provenance.data.dir, data);
      assert.match(provenance.data.files['synth_0000/image.tif'], /^[0-9a-f]{64}$/);
    }));

  it('data.emptyImages: keeps, skips, or gives a false box to an image without cells', () =>
    withTemporaryFolder(async (folder) => {
      const data = path.join(folder, 'data');
      await writeDataset(data, synthetic);
      const record = await synthetic.load(synthetic.ids[0]);
      const blank: DatasetRecord = { ...record, id: 'empty', labelMaps: record.labelMaps.map(() => null) };
      fs.mkdirSync(path.join(data, 'empty'));
      writeRecord(data, blank);
      fs.rmSync(path.join(data, 'dataset.json'));
      const seen = async (emptyImages: string): Promise<AppliedSettings['probe']['images']> => {
        const dir = path.join(folder, emptyImages);
        const split = path.join(folder, 'split.json');
        fs.writeFileSync(split, JSON.stringify({ train: ['empty', 'synth_0001'], val: ['synth_0002'] }));
        const set = [`data.emptyImages=${emptyImages}`, 'training.batchSize=1', 'training.steps=1'];
        await trainTiny(dir, { data, split, set });
        return appliedOf(dir).probe.images;
      };
      const cells = (images: AppliedSettings['probe']['images']) =>
        images.find(({ id }) => id === 'empty')?.cells;
      assert.equal(cells(await seen('keep')), 0);
      assert.equal(cells(await seen('falseBox')), 1);
      assert.equal(cells(await seen('skip')), undefined);
    }));

  it('data.onCorrupt: stops before it starts at a corrupt file, or leaves it out and says so', () =>
    withTemporaryFolder(async (folder) => {
      const data = path.join(folder, 'data');
      await writeDataset(data, synthetic);
      const file = path.join(data, 'synth_0003', 'image.tif');
      fs.truncateSync(file, 200);
      const dir = path.join(folder, 'run');
      await assert.rejects(trainTiny(dir, { data, set: ['data.groupBy=none'] }), (error: Error) =>
        error.message.includes(file),
      );
      assert.ok(!fs.existsSync(dir));
      const said: string[] = [];
      const set = ['data.onCorrupt=skip', 'data.groupBy=none', 'training.steps=1'];
      await trainTiny(dir, { data, set, say: (line) => said.push(line) });
      assert.ok(said.some((line) => line.startsWith('left out: ') && line.includes('synth_0003')));
      const { split } = new RunFolder(dir).describe();
      assert.ok(![...split.train, ...split.val].includes('synth_0003'));
    }));

  it('validation.maxDets: cuts what AP50 counts, and a limit under what an image holds is warned of', async () => {
    const { notes } = await prepareData(config('validation.maxDets=2', 'model.box.detectionsPerImage=100'));
    assert.match(notes.join('\n'), /holds \d+ cells, over validation.maxDets of 2/);
    const low = await prepareData(config('model.box.detectionsPerImage=3'));
    assert.match(low.notes.join('\n'), /over the model's limit \(model.box.detectionsPerImage\) of 3/);
    const enough = await prepareData(config('model.box.detectionsPerImage=300'));
    assert.doesNotMatch(enough.notes.join('\n'), /warning/);
  });

  it('prediction.scoreThresholds: decides what counts as a cell in evaluation', () =>
    withTemporaryFolder(async (folder) => {
      const counted = async (value: string): Promise<number> => {
        const dir = path.join(folder, value.length.toString());
        const set = [`prediction.scoreThresholds=${value}`, 'model.box.scoreThreshold=0', 'training.steps=1'];
        await trainTiny(dir, { set });
        const evaluation = await evaluateRun(dir);
        const { about } = evaluation;
        assert.deepEqual(
          about.thresholds,
          JSON.parse(value.startsWith('[') ? value : `[${Array(4).fill(value)}]`),
        );
        return analyse(evaluation).counts.reduce((sum, { counted }) => sum + counted, 0);
      };
      assert.ok((await counted('0')) > (await counted('[1,1,1,1]')));
      const wrong = trainTiny(path.join(folder, 'x'), { set: ['prediction.scoreThresholds=[0.5,0.5]'] });
      await assert.rejects(wrong, /one for each of the 4 classes/);
    }));

  it('data.cacheMb: keeps so many megabytes of decoded images, and decodes the others again', async () => {
    // An image of 400 x 400 takes 0.48 MB, its label maps more: one fits into 1 MB, three do not.
    const made = syntheticDataset({ images: 3, width: 400, height: 400, seed: 1 });
    const split = { train: made.ids, val: [], note: '' };
    const decoded = async (cacheMb: number): Promise<number> => {
      let loads = 0;
      const dataset = {
        ...made,
        source: undefined,
        load: (id: string) => {
          loads++;
          return made.load(id);
        },
      };
      const set = [`data.cacheMb=${cacheMb}`, 'training.workers=0', 'augmentation.level=none'];
      const loader = trainingLoader({ dataset, split }, config(...set));
      for (const epoch of [0, 1]) for await (const _ of loader.epoch(epoch));
      await loader.close();
      return loads;
    };
    assert.equal(await decoded(256), 3);
    assert.ok((await decoded(1)) > 3);
  });

  it('runtime.capture: hands the ops of a step over together, or one by one', () =>
    withTemporaryFolder(async (folder) => {
      const hashes: string[] = [];
      for (const capture of ['on', 'off']) {
        const dir = path.join(folder, capture);
        await trainTiny(dir, { set: [`runtime.capture=${capture}`, 'runtime.precision=float32'] });
        const { probe, settings } = appliedOf(dir);
        assert.equal((probe.functionCalls ?? 0) > 0, capture === 'on');
        assert.equal(settings.find(({ key }) => key === 'runtime.capture')?.applied, capture);
        hashes.push(hashOf(checkpoint(dir)));
      }
      if (device === 'cpu') assert.equal(hashes[0], hashes[1]);
      // A run is the same run: the setting is no part of what identifies it.
      assert.equal(
        RunFolder.open(path.join(folder, 'on')).describe().hash,
        RunFolder.open(path.join(folder, 'off')).describe().hash,
      );
      const dead = { key: 'runtime.capture', value: 'off' };
      const other = trainTiny(path.join(folder, 'dead'), { set: ['runtime.capture=on'], deadWire: dead });
      await assert.rejects(other, /runtime.capture: "on" was requested, "off" is applied/);
    }));

  it('runtime.threads: gives the native runtime so many threads, and a resume takes them over', () =>
    withTemporaryFolder((folder) => {
      const dir = path.join(folder, 'run');
      const settings = [...TINY, 'runtime.threads=1', 'training.steps=2'].flatMap((text) => ['--set', text]);
      const cytobench = (...args: string[]) =>
        spawnSync(process.execPath, [MAIN, 'train', ...args, '--json'], { encoding: 'utf8' });
      const first = cytobench('quickstart', '--preset', 'smoke', '--out', dir, ...settings);
      assert.equal(first.status, 0, first.stderr);
      const environment = JSON.parse(fs.readFileSync(path.join(dir, 'environment.json'), 'utf8'));
      assert.equal(environment.threads, 1);
      const again = cytobench('--resume', dir, '--threads', '2');
      assert.match(again.stderr, /the run's own number of threads is used: 1, not 2/);
    }));
});

describe('the two sets share nothing', function () {
  this.timeout(300_000);

  it('training images differ between epochs, validation images never do: as the model received them', () =>
    withTemporaryFolder(async (folder) => {
      const { losses, detect } = MaskRcnn.prototype;
      const trained = new Map<string, Set<string>>();
      const validated = new Map<string, Set<string>>();
      const note = (
        seen: Map<string, Set<string>>,
        images: readonly { image: ArrayLike<number> }[],
      ): void => {
        for (const sample of images as readonly { id?: string; image: Uint8Array }[]) {
          const hash = createHash('sha256').update(sample.image).digest('hex');
          seen.set(sample.id ?? '', (seen.get(sample.id ?? '') ?? new Set()).add(hash));
        }
      };
      MaskRcnn.prototype.losses = function (images, options) {
        note((options.phase ?? 'training') === 'training' ? trained : validated, images);
        return losses.call(this, images, options);
      };
      MaskRcnn.prototype.detect = function (images, options) {
        note(validated, images);
        return detect.call(this, images, options);
      };
      try {
        const set = [
          'training.steps=null',
          'training.epochs=4',
          'augmentation.level=full',
          'validation.images=null',
        ];
        await trainTiny(path.join(folder, 'run'), { set });
      } finally {
        Object.assign(MaskRcnn.prototype, { losses, detect });
      }
      assert.equal(trained.size, 4);
      for (const [id, views] of trained) assert.ok(views.size >= 3, `${id}: ${views.size} views in 4 epochs`);
      assert.equal(validated.size, 4);
      for (const [id, views] of validated) assert.equal(views.size, 1, id);
      assert.deepEqual(
        [...trained.keys()].filter((id) => validated.has(id)),
        [],
      );
    }));
});

describe("the traps of the report's code and of others", () => {
  it('anchors set after construction do not act silently: the configuration of a model is frozen', () => {
    const model = new MaskRcnn(config().model, null);
    try {
      assert.throws(() => Object.assign(model.config.anchors, { sizes: [[8]] }), TypeError);
      assert.throws(() => Object.assign(model.config.rpn, { preNmsTopNTrain: 1 }), TypeError);
    } finally {
      model.dispose();
    }
  });

  it("the model's own resize is not let to undo the experiment's scaling", () => {
    assert.throws(() => config('model.image.resize=always', 'augmentation.scale=1.5'), /would undo/);
    assert.throws(() => config('model.image.resize=testing', 'validation.scale=1.5'), /would undo/);
  });

  it('memory that will not be there is told with what to do', () => {
    assert.deepEqual(memoryAdvice(3000, config(), 8000), []);
    assert.match(memoryAdvice(7800, config(), 8000)[0], /augmentation\.crop=256/);
    assert.match(
      memoryAdvice(7800, config('training.batchSize=4'), 8000)[0],
      /training\.batchSize=2.*accumulate=2/,
    );
  });

  itGivesTheSameBits('weights of two runs of one seed are the same, of two seeds are not', () =>
    withTemporaryFolder(async (folder) => {
      const hash = async (name: string, seed: number): Promise<string> => {
        await trainTiny(path.join(folder, name), { seed, set: ['training.steps=1'] });
        return hashOf(checkpoint(path.join(folder, name)));
      };
      const first = await hash('a', 1);
      assert.equal(await hash('b', 1), first);
      assert.notEqual(await hash('c', 2), first);
    }),
  ).timeout(300_000);
});
