import * as assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { unzipSync } from 'fflate';
import { createRng } from '../../src/core/rng';
import { openWeights } from '../../src/models/weights/open';
import { ROOT, withTemporaryFolder } from '../support';

const built = (...parts: string[]): string => JSON.stringify(path.join(ROOT, 'dist', 'src', ...parts));

/** Runs a script that says `begun` and `done`, and kills it at a moment between. Resolves with whether it was killed. */
async function killedAt(script: string, args: readonly string[], milliseconds: number): Promise<boolean> {
  const child = spawn(process.execPath, ['-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let killed = false;
  child.stdout.on('data', (piece) => {
    if (!String(piece).includes('begun')) return;
    setTimeout(() => {
      if (child.exitCode === null) killed = child.kill('SIGKILL');
    }, milliseconds);
  });
  await new Promise((resolve) => child.on('exit', resolve));
  return killed && child.signalCode === 'SIGKILL';
}

/** Kills the script at 20 moments of the time that it takes, and looks at what is there. */
async function atTwentyMoments(
  script: string,
  look: (out: string, killed: boolean) => void,
  args: readonly string[] = [],
): Promise<void> {
  await withTemporaryFolder(async (folder) => {
    const started = performance.now();
    assert.equal(await killedAt(script, [path.join(folder, 'whole'), ...args], 1e6), false);
    const took = performance.now() - started;
    look(path.join(folder, 'whole'), false);
    const rng = createRng('kills');
    let killed = 0;
    for (let moment = 0; moment < 20; moment++) {
      const out = path.join(folder, `out${moment}`);
      const was = await killedAt(script, [out, ...args], ((moment + rng.next()) / 20) * took * 0.8);
      killed += Number(was);
      look(out, was);
    }
    assert.ok(killed >= 5, `only ${killed} were killed in time`);
  });
}

describe('a command that is killed', function () {
  this.timeout(600_000);

  it('[long] predict: its folder says that it is not whole, or is', () =>
    atTwentyMoments(
      `const { PredictionWriter } = require(${built('report', 'prediction_files.js')});
      const { encodeCropMask } = require(${built('geometry', 'rle.js')});
      const side = 200;
      const mask = (x) => encodeCropMask({ x, y: 20, width: 20, height: 20, data: new Uint8Array(400).fill(1) }, side, side);
      const masks = [10, 60, 110].map(mask);
      const instances = { height: side, width: side, boxes: new Float32Array(12), scores: Float32Array.of(0.9, 0.8, 0.7), labels: Int32Array.of(1, 1, 1), masks };
      const image = new Uint8Array(side * side * 3).fill(200);
      (async () => {
        console.log('begun');
        const writer = new PredictionWriter(process.argv[1], ['coco', 'labels', 'geojson', 'imagej', 'csv', 'overlay', 'viewer'], ['cell']);
        for (let i = 0; i < 12; i++)
          await writer.add({ id: 'i' + i, fileName: 'i' + i + '.tif', height: side, width: side, image, channelOrder: 'rgb', instances });
        writer.finish();
        console.log('done');
      })();`,
      (out, killed) => {
        if (!fs.existsSync(out)) return;
        const files = fs.readdirSync(out);
        // Killed before the note was written, nothing else is there either.
        if (files.includes('UNFINISHED.txt') || files.length <= 1) return assert.ok(killed);
        assert.equal(JSON.parse(fs.readFileSync(path.join(out, 'results.json'), 'utf8')).length, 36);
        assert.equal(fs.readFileSync(path.join(out, 'cells.csv'), 'utf8').trim().split('\n').length, 37);
        for (const [folder, count] of [
          ['labels', 13],
          ['geojson', 12],
          ['imagej', 12],
          ['overlays', 12],
          ['viewers', 12],
        ] as const)
          assert.equal(fs.readdirSync(path.join(out, folder)).length, count, folder);
      },
    ));

  it('[long] submit: the zip is whole or is not there', () =>
    atTwentyMoments(
      `const { zipResults } = require(${built('evaluation', 'submit.js')});
      const { writeFileAtomic } = require(${built('core', 'files.js')});
      const { cocoResults } = require(${built('data', 'exporters', 'coco.js')});
      const { encodeCropMask } = require(${built('geometry', 'rle.js')});
      const side = 200;
      const masks = Array.from({ length: 300 }, (_, i) => encodeCropMask({ x: (i * 7) % 180, y: (i * 13) % 180, width: 20, height: 20, data: new Uint8Array(400).fill(1) }, side, side));
      const instances = { height: side, width: side, boxes: new Float32Array(1200), scores: new Float32Array(300).fill(0.5), labels: new Int32Array(300).fill(1), masks };
      console.log('begun');
      const results = Array.from({ length: 40 }, (_, i) => cocoResults(i + 1, instances)).flat();
      writeFileAtomic(process.argv[1], zipResults(results));
      console.log('done');`,
      (out, killed) => {
        if (!fs.existsSync(out)) return assert.ok(killed);
        const results = Buffer.from(unzipSync(fs.readFileSync(out))['test-results.json']).toString('utf8');
        assert.equal(JSON.parse(results).length, 12_000);
      },
    ));

  it('[long] export: the model file is whole or is not there', () =>
    atTwentyMoments(
      `const { writeSafetensors } = require(${built('models', 'weights', 'formats', 'safetensors.js')});
      const tensors = Array.from({ length: 60 }, (_, i) => ({ name: 't' + i, dtype: 'float32', shape: [500000], data: () => new Float32Array(500000).fill(i) }));
      console.log('begun');
      writeSafetensors(process.argv[1], tensors, { format: 'cytobench-model-1' });
      console.log('done');`,
      (out, killed) => {
        if (!fs.existsSync(out)) return assert.ok(killed);
        const file = openWeights(out);
        assert.equal(file.tensors.length, 60);
        assert.equal(file.readFloat32('t59')[499_999], 59);
      },
    ));
});
