import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { takeLock } from '../../src/core/lock';
import { writeSafetensors } from '../../src/models/weights/formats/safetensors';
import { stopRun } from '../../src/runs/executors/child_process';
import { listRuns } from '../../src/runs/run_list';
import { withTemporaryFolder } from '../support';

describe('the list of runs', () => {
  it('tells complete, running, stopped and new runs apart', () =>
    withTemporaryFolder(async (folder) => {
      const config = { training: { steps: 3, epochs: 1 } };
      const write = (name: string, steps: number, ended: 'complete' | null = null): void => {
        const dir = path.join(folder, name);
        fs.mkdirSync(dir);
        fs.writeFileSync(
          path.join(dir, 'config.json'),
          JSON.stringify({ experiment: 'x', variant: 'base', config }),
        );
        const lines = Array.from({ length: steps }, (_, step) => ({
          type: 'step',
          step,
          epoch: step,
          seconds: 2,
        }));
        const log = path.join(dir, 'metrics.jsonl');
        if (steps === 0) return;
        const epoch = { type: 'epoch', step: 1, epoch: 0, seconds: 2, validation: { AP50: 0.25 } };
        fs.writeFileSync(log, [...lines, epoch].map((line) => `${JSON.stringify(line)}\n`).join(''));
        const tensor = { name: 'x', dtype: 'uint8' as const, shape: [1], data: Uint8Array.of(1) };
        writeSafetensors(path.join(dir, 'checkpoints', 'last.safetensors'), [tensor], {
          state: JSON.stringify({ step: steps, ended }),
        });
      };
      write('a', 3, 'complete');
      write('b', 1);
      const lock = await takeLock(path.join(folder, 'b', 'lock.json'));
      write('c', 1);
      // A process that is gone: the number of this one, started at another time.
      const stale = { pid: process.pid, host: os.hostname(), processStart: 'earlier' };
      fs.writeFileSync(path.join(folder, 'c', 'lock.json'), JSON.stringify(stale));
      write('d', 0);
      fs.mkdirSync(path.join(folder, 'other'));
      const runs = listRuns(folder);
      lock.release();
      assert.deepEqual(
        runs.map(({ run, state }) => [path.basename(run), state]),
        [
          ['a', 'complete'],
          ['b', 'running'],
          ['c', 'stopped'],
          ['d', 'new'],
        ],
      );
      assert.deepEqual([runs[1].steps, runs[1].secondsLeft, runs[1].best], [1, 4, { epoch: 0, AP50: 0.25 }]);
      assert.throws(() => listRuns(path.join(folder, 'none')), /no such folder of runs/);
      // A number of another machine is somebody else's process here.
      fs.writeFileSync(path.join(folder, 'd', 'lock.json'), JSON.stringify({ ...stale, host: 'elsewhere' }));
      await assert.rejects(stopRun(path.join(folder, 'd')), /trained by process \d+ of elsewhere/);
      // One damaged run hides none of the others, and linked folders are runs too.
      fs.mkdirSync(path.join(folder, 'broken'));
      fs.writeFileSync(path.join(folder, 'broken', 'config.json'), '{"experiment": "x"');
      fs.symlinkSync(path.join(folder, 'a'), path.join(folder, 'link'));
      const all = listRuns(folder).map(({ run, state }) => [path.basename(run), state]);
      assert.deepEqual(
        all.filter(([name]) => ['a', 'broken', 'link'].includes(name)),
        [
          ['a', 'complete'],
          ['broken', 'damaged'],
          ['link', 'complete'],
        ],
      );
    }));

  it('believes no lock that no run wrote, and signals nobody for it', () =>
    withTemporaryFolder(async (folder) => {
      const dir = path.join(folder, 'run');
      fs.mkdirSync(dir);
      const config = { training: { steps: 3, epochs: 1 }, validation: { images: null } };
      fs.writeFileSync(
        path.join(dir, 'config.json'),
        JSON.stringify({ experiment: 'x', variant: 'base', config, split: { train: [], val: [], note: '' } }),
      );
      const { kill } = process;
      const signalled: [number, unknown][] = [];
      process.kill = ((pid: number, signal?: string | number) => {
        if (signal !== 0) signalled.push([pid, signal]);
        return kill.call(process, pid, 0);
      }) as typeof process.kill;
      try {
        for (const lock of [
          '[]',
          '5',
          '',
          `{"pid":-${process.pid},"host":"${os.hostname()}"}`,
          '{"pid":0}',
        ]) {
          fs.writeFileSync(path.join(dir, 'lock.json'), lock);
          assert.equal((await stopRun(dir)).state, 'new', lock);
        }
      } finally {
        process.kill = kill;
      }
      assert.deepEqual(signalled, []);
    }));
});
