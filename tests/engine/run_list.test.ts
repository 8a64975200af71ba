import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { listRuns } from '../../src/engine/run/run_list';
import { withTemporaryFolder } from '../support';

describe('the list of runs', () => {
  it('tells complete, running, stopped and new runs apart', () =>
    withTemporaryFolder((folder) => {
      const config = { training: { steps: 3, epochs: 1 } };
      const write = (name: string, steps: number, age: number): void => {
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
        fs.utimesSync(log, now / 1000, now / 1000 - age);
      };
      const now = Date.now();
      write('a', 3, 900);
      write('b', 1, 5);
      write('c', 1, 900);
      write('d', 0, 0);
      fs.mkdirSync(path.join(folder, 'other'));
      const runs = listRuns(folder, now);
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
    }));
});
