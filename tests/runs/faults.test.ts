// The module object itself, which the code under test reads its functions from.

import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { lockOwner } from '../../src/core/lock';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset } from '../../src/data/write_dataset';
import { attachRun } from '../../src/runs/executors/child_process';
import { startRun } from '../../src/runs/executors/executors';
import { resumeRun } from '../../src/runs/executors/in_process';
import { withTemporaryFolder } from '../support';
import { checkpoint, hashOf, MAIN, TINY, trainTiny } from './runs';

const files = require('node:fs') as Record<string, unknown>;
const threads = require('node:worker_threads') as Record<string, unknown>;

/** Replaces functions of a module while `work` runs. */
async function replaced<T>(
  module: Record<string, unknown>,
  functions: Record<string, unknown>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.fromEntries(Object.keys(functions).map((name) => [name, module[name]]));
  Object.assign(module, functions);
  try {
    return await work();
  } finally {
    Object.assign(module, before);
  }
}

const UNVALIDATED = ['validation.every=0', 'earlyStopping.patience=null', 'schedule.kind=constant'];
const LONG = [...UNVALIDATED, 'training.steps=400'];

const endAfter = (count: number): (() => 'SIGTERM' | null) => {
  let requested = 0;
  return () => (++requested === count ? 'SIGTERM' : null);
};

const oneLine = (pattern: RegExp) => (error: Error) => {
  assert.match(error.message, pattern);
  assert.ok(!error.message.includes('\n'));
  return true;
};

describe('a fault loses nothing that was saved', function () {
  this.timeout(600_000);

  for (const [code, words] of [
    ['ENOSPC', /no space left on the disk/],
    ['EROFS', /the file system is read-only/],
    ['EACCES', /permission denied/],
    ['EIO', /the disk reported an error/],
  ] as const)
    it(`${code} where files are written`, () =>
      withTemporaryFolder(async (folder) => {
        const dir = path.join(folder, 'run');
        await trainTiny(dir, { interrupted: endAfter(2) });
        const saved = hashOf(checkpoint(dir));
        const fail = (): never => {
          throw Object.assign(new Error(code), { code });
        };
        // Bytes of a checkpoint, or of a line of the log, whichever comes first.
        for (const name of ['writeSync', 'appendFileSync']) {
          await replaced(files, { [name]: fail }, () => assert.rejects(resumeRun(dir, {}), oneLine(words)));
          assert.equal(hashOf(checkpoint(dir)), saved);
        }
        assert.equal((await resumeRun(dir, {})).stopped, 'complete');
      }));

  it('a clock that is set back', () =>
    withTemporaryFolder(async (folder) => {
      const [plain, odd] = ['a', 'b'].map((name) => path.join(folder, name));
      await trainTiny(plain);
      const now = Date.now;
      let requested = 0;
      try {
        Date.now = () => now() - 3_600_000 * ++requested;
        assert.equal((await trainTiny(odd, { maxMinutes: 5 })).stopped, 'complete');
      } finally {
        Date.now = now;
      }
      assert.equal(hashOf(checkpoint(odd)), hashOf(checkpoint(plain)));
    }));

  const disk = fs.existsSync('/dev/shm') && process.getuid?.() === 0 ? it : it.skip;
  disk(`a disk that is full${disk === it ? '' : ' (needs the right to mount one)'}`, function () {
    return withTemporaryFolder(async (folder) => {
      const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', folder]);
      if (mount.status !== 0) return this.skip();
      try {
        const dir = path.join(folder, 'run');
        await trainTiny(dir, { interrupted: endAfter(2) });
        const saved = hashOf(checkpoint(dir));
        const filler = path.join(folder, 'filler');
        const { bavail, bsize } = fs.statfsSync(folder);
        fs.writeFileSync(filler, Buffer.alloc(bavail * bsize - 1_000_000));
        await assert.rejects(resumeRun(dir, {}), oneLine(/no space left on the disk/));
        assert.equal(hashOf(checkpoint(dir)), saved);
        fs.rmSync(filler);
        assert.equal((await resumeRun(dir, {})).stopped, 'complete');
      } finally {
        spawnSync('umount', [folder]);
      }
    });
  });

  it('a data file that goes while it trains', () =>
    withTemporaryFolder(async (folder) => {
      const data = path.join(folder, 'data');
      await writeDataset(data, syntheticDataset({ images: 8, width: 64, height: 64, seed: 1 }));
      const dir = path.join(folder, 'run');
      const set = [
        'training.batchSize=1',
        'validation.every=0',
        'earlyStopping.patience=null',
        'schedule.kind=constant',
      ];
      let gone = '';
      const interrupted = () => {
        const { train } = JSON.parse(fs.readFileSync(path.join(dir, 'config.json'), 'utf8')).split;
        // Not read yet: samples are kept once they are.
        for (const id of gone ? [] : train.slice(0, 6)) fs.rmSync(path.join(data, id, 'image.tif'));
        gone ||= train[0];
        return null;
      };
      await assert.rejects(
        trainTiny(dir, { data, set, interrupted }),
        oneLine(/image "synth_\d+": holds no image|no such file|no image/),
      );
      assert.ok(fs.existsSync(checkpoint(dir)), 'what was learned is kept');
    }));

  it('a data worker that is killed', () =>
    withTemporaryFolder(async (folder) => {
      const [plain, hurt] = ['a', 'b'].map((name) => path.join(folder, name));
      await trainTiny(plain);
      const Worker = threads.Worker as new (...args: unknown[]) => { terminate(): void };
      const alive: { terminate(): void }[] = [];
      class Watched extends Worker {
        constructor(...args: unknown[]) {
          super(...args);
          alive.push(this);
        }
      }
      const said: string[] = [];
      let killed = false;
      const interrupted = () => {
        if (!killed) alive[0].terminate();
        killed = true;
        return null;
      };
      await replaced(threads, { Worker: Watched }, () =>
        trainTiny(hurt, { set: ['training.workers=1'], interrupted, say: (line) => said.push(line) }),
      );
      assert.ok(alive.length >= 2, 'it was replaced');
      assert.equal(said.filter((line) => /a data worker/.test(line)).length, 1);
      assert.equal(hashOf(checkpoint(hurt)), hashOf(checkpoint(plain)));
    }));

  it('a loss that is not a number names its term and keeps the batch', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      const set = ['optimizer.learningRate=1e30', 'training.steps=20', 'training.batchSize=1'];
      await assert.rejects(trainTiny(dir, { set }), oneLine(/(loss_\w+|the gradient) is (NaN|-?Infinity)/));
      const file = path.join(dir, 'failed_batch.safetensors');
      const shown = spawnSync(process.execPath, [MAIN, 'doctor', '--batch', file, '--json']);
      const batch = JSON.parse(shown.stdout.toString());
      assert.match(batch.term, /loss_|the gradient/);
      assert.equal(batch.images.length, 1);
      assert.ok(fs.statSync(batch.images[0].picture).size > 1000);
    }));

  it('a child that is killed, as by the kernel for want of memory, says so and can be continued', () =>
    withTemporaryFolder(async (folder) => {
      const out = path.join(folder, 'run');
      const set = [...TINY, ...LONG];
      const run = await startRun({ experiment: 'quickstart', preset: 'smoke', set, out });
      while (run.metrics().length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
      const owner = lockOwner(path.join(out, 'lock.json'));
      process.kill(owner?.pid as number, 'SIGKILL');
      await assert.rejects(run.finished(), oneLine(/its process was killed \(out of memory\?\)/));
      assert.equal(run.state().state, 'stopped');
    }));
});

describe('a run in a process of its own', function () {
  this.timeout(600_000);

  it('is started, seen, attached to and stopped; a wrong setting is told at once', () =>
    withTemporaryFolder(async (folder) => {
      const out = path.join(folder, 'run');
      const set = [...TINY, ...LONG];
      const run = await startRun({ experiment: 'quickstart', preset: 'smoke', set, out });
      while (run.metrics().length < 1) await new Promise((resolve) => setTimeout(resolve, 50));
      const again = attachRun(out);
      assert.equal(again.state().state, 'running');
      const state = await again.stop();
      assert.equal(state.state, 'stopped');
      assert.ok(state.steps >= 1);
      assert.equal((await run.finished()).state, 'stopped');
      const wrong = startRun({ experiment: 'quickstart', preset: 'smoke', set: ['training.step=3'] });
      await assert.rejects(wrong, /unknown setting "training.step"/);
    }));

  it('[long] ten of them leave no process and no memory', () =>
    withTemporaryFolder(async (folder) => {
      const set = [...TINY, ...LONG];
      const sizes: number[] = [];
      for (let i = 0; i < 10; i++) {
        const out = path.join(folder, String(i));
        const run = await startRun({ experiment: 'quickstart', preset: 'smoke', set, out });
        const pid = lockOwner(path.join(out, 'lock.json'))?.pid;
        await run.stop();
        assert.ok(pid === undefined || !fs.existsSync(`/proc/${pid}/fd/0`), `process ${pid} is left`);
        sizes.push(process.memoryUsage().rss / 1e6);
      }
      assert.ok(sizes[9] < sizes[1] * 1.05, sizes.map(Math.round).join(' '));
    }));
});
