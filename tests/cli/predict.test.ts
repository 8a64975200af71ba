import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { networkOf } from '../../src/config/schema';
import { writeTiff } from '../../src/data/formats/tiff/write_tiff';
import { MaskRcnn } from '../../src/models/mask_rcnn';
import { writePortableModel } from '../../src/models/weights/portable';
import { ROOT, withTemporaryFolder } from '../support';

const cytobench = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(ROOT, 'dist', 'src', 'cli', 'main.js'), ...args], {
    encoding: 'utf8',
  });

/** An untrained model: it finds something everywhere. */
function writeModel(file: string, classes = ['round', 'long']): void {
  const base = networkOf('efficientnet_lite0_fpn');
  const config = {
    ...base,
    numClasses: classes.length + 1,
    box: { ...base.box, scoreThreshold: 0.01, detectionsPerImage: 20 },
  };
  const model = new MaskRcnn(config, 1);
  writePortableModel(file, model, {
    architecture: 'efficientnet_lite0_fpn',
    config,
    classes,
    pixelSize: 0.25,
    channelOrder: 'rgb',
    scale: 1,
    thresholds: classes.map(() => 0.5),
  });
  model.dispose();
}

function writeImages(dir: string, names: readonly string[]): void {
  for (const [n, name] of names.entries()) {
    const data = Uint8Array.from({ length: 96 * 80 * 3 }, (_, i) => (i * (n + 3) * 31) % 253);
    writeTiff(path.join(dir, name), data, { width: 96, height: 80, channels: 3 });
  }
}

describe('predict and submit on the command line', function () {
  this.timeout(120_000);

  it('write what they say, and nothing where the input is wrong', () =>
    withTemporaryFolder((folder) => {
      const at = (...parts: string[]): string => path.join(folder, ...parts);
      writeModel(at('model.safetensors'));
      writeImages(at('images'), ['b.tif', 'a.tif']);

      const predicted = cytobench(
        'predict',
        at('model.safetensors'),
        at('images'),
        ...['--out', at('out'), '--score-threshold', '0', '--tile', '64', '--overlap', '16', '--json'],
      );
      assert.equal(predicted.status, 0, predicted.stderr);
      const { images } = JSON.parse(predicted.stdout);
      assert.deepEqual(
        images.map(({ file }: { file: string }) => path.basename(file)),
        ['a.tif', 'b.tif'],
      );
      const results = JSON.parse(fs.readFileSync(at('out', 'results.json'), 'utf8'));
      assert.ok(results.length > 0);
      for (const [i, { id, instances, counts }] of images.entries()) {
        const own = results.filter(({ image_id }: { image_id: number }) => image_id === i + 1);
        assert.equal(own.length, instances);
        assert.equal(counts.round + counts.long, instances);
        for (const file of [
          ['geojson', `${id}.geojson`],
          ['overlays', `${id}.png`],
          ['labels', id, 'image.tif'],
        ])
          assert.ok(fs.existsSync(at('out', ...file)), file.join('/'));
      }

      const ids = ['a.tif', 'b.tif'].map((file_name, i) => ({ file_name, id: i + 7, height: 80, width: 96 }));
      fs.writeFileSync(at('ids.json'), JSON.stringify(ids));
      const submit = (...more: string[]) =>
        cytobench('submit', at('model.safetensors'), '--images', at('images'), '--json', ...more);
      const submitted = submit('--ids', at('ids.json'), '--out', at('s.zip'));
      assert.equal(submitted.status, 0, submitted.stderr);
      const { images: count, instances } = JSON.parse(submitted.stdout);
      assert.deepEqual([count, instances > 0, fs.existsSync(at('s.zip'))], [2, true, true]);

      fs.writeFileSync(at('wrong.json'), JSON.stringify([{ ...ids[0], width: 80, height: 96 }]));
      const wrong = submit('--ids', at('wrong.json'), '--out', at('wrong.zip'));
      assert.equal(wrong.status, 1);
      assert.match(wrong.stderr, /a.tif is 96 x 80 pixels, the id list says 80 x 96/);
      assert.equal(fs.existsSync(at('wrong.zip')), false);

      // 20 detections an image are all that this model gives, and every one is over 0.05.
      const limited = cytobench(
        'predict',
        at('model.safetensors'),
        at('images', 'a.tif'),
        ...['--out', at('limited'), '--score-threshold', '0.05', '--formats', 'coco', '--json'],
      );
      assert.equal(JSON.parse(limited.stdout).images[0].instances, 20);
      assert.match(limited.stderr, /own limit of detections was reached in 1 of 1 views/);

      const format = cytobench(
        'predict',
        at('model.safetensors'),
        at('images'),
        '--out',
        at('x'),
        '--formats',
        'cocoo',
      );
      assert.equal(format.status, 2);
      assert.match(format.stderr, /did you mean "coco"/);
      assert.equal(cytobench('predict', at('model.safetensors'), '--out', at('x')).status, 2);
      assert.equal(fs.existsSync(at('x')), false);
    }));

  it('tell what each step after the model does, and look in several ways', () =>
    withTemporaryFolder((folder) => {
      const at = (...parts: string[]): string => path.join(folder, ...parts);
      const made = cytobench('data', 'synth', at('data'), '--images', '2', '--size', '96x80', '--json');
      assert.equal(made.status, 0, made.stderr);
      const info = JSON.parse(fs.readFileSync(at('data', 'dataset.json'), 'utf8'));
      const classes: string[] = info.classes;
      writeModel(at('model.safetensors'), classes);
      const evaluate = (...more: string[]) =>
        cytobench('evaluate', at('model.safetensors'), '--data', at('data'), '--ablate', ...more);
      const { status, stdout, stderr } = evaluate('--tta', '--json');
      assert.equal(status, 0, stderr);
      const { ablation } = JSON.parse(stdout);
      const steps = ablation.map(({ step }: { step: string }) => step);
      assert.equal(new Set(steps).size, steps.length);
      for (const step of [
        'sub-pixel masks',
        'class thresholds',
        'size-aware score',
        'test-time augmentation',
      ])
        assert.ok(steps.includes(step), step);
      for (const row of ablation)
        for (const metric of ['AP50', 'AP', 'pq', 'f1'])
          for (const key of ['without', 'with', 'difference', 'low', 'high', 'groups'])
            assert.ok(key in row[metric], `${row.step} ${metric} ${key}`);
      assert.match(evaluate().stdout, /\n {2,}AP50 .*\nsub-pixel masks \(on\) /);
    }));
});
