import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { TINY } from '../runs/runs';
import { ROOT, withTemporaryFolder } from '../support';

const cytobench = (args: readonly string[], runs?: string) =>
  spawnSync(process.execPath, [path.join(ROOT, 'dist', 'src', 'cli', 'main.js'), 'experiment', ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...(runs ? { CYTOBENCH_RUNS: runs } : {}) },
  });

describe('experiment on the command line', function () {
  this.timeout(300_000);

  it('refuses what it cannot do in one or two lines', () => {
    for (const [args, status, message] of [
      [['anchors', '--recorded', 'nothing'], 1, /no study "nothing" is recorded/],
      [
        ['anchors', '--preset', 'smoke', '--until-decided', '--budget', 'soon'],
        2,
        /--budget soon: expected a time/,
      ],
      [
        ['anchors', '--preset', 'smoke', '--folds', '5', '--split', 'split.json'],
        2,
        /--folds makes its own splits/,
      ],
      [['anchors', '--preset', 'smoke', '--folds', '2.5'], 2, /Expected a whole number over 0/],
      [['overfit', '--preset', 'smoke', '--folds', '2'], 2, /keeps no image back/],
    ] as const) {
      const found = cytobench(args);
      assert.equal(found.status, status, `${args.join(' ')}: ${found.stderr}`);
      assert.match(found.stderr, message);
      assert.doesNotMatch(found.stderr, /\n\s+at /);
    }
  });

  it('plans from its runs, and says what no plan would change', () =>
    withTemporaryFolder((folder) => {
      const set = TINY.filter((text) => !text.startsWith('data.synthetic')).flatMap((text) => [
        '--set',
        text,
      ]);
      const data = ['--set', 'data.synthetic={"images":20,"width":64,"height":64,"seed":1}'];
      const args = [
        'augmentation',
        '--preset',
        'smoke',
        '--variants',
        'none,basic',
        '--folds',
        '2',
        '--plan',
        '--json',
      ];
      const found = cytobench([...args, ...set, ...data], path.join(folder, 'runs'));
      assert.equal(found.status, 0, found.stderr);
      const { plan, comparison, cost, folds, seeds, data: made } = JSON.parse(found.stdout);
      assert.deepEqual([folds, seeds, made.groups, made.allGroups], [2, [0], 5, 5]);
      assert.equal(cost.runs, 4);
      // Two variants with 1 to 5 seeds in the study's own folds, then in five.
      assert.deepEqual(
        plan.designs.map((one: { folds: number; seeds: number; runs: number; newRuns: number }) => [
          one.folds,
          one.seeds,
          one.runs,
          one.newRuns,
        ]),
        [2, 5].flatMap((k) =>
          [1, 2, 3, 4, 5].map((n) => [k, n, 2 * k * n, k === 2 ? 2 * k * (n - 1) : 2 * k * n]),
        ),
      );
      for (const { seconds, newRuns } of plan.designs)
        assert.ok(Math.abs(seconds - newRuns * cost.secondsPerRun) < 1e-9);
      assert.match(plan.notes[0], /whatever the folds and seeds: synthetic tissue/);
      assert.equal(comparison.claims[0].verdict, 'too small to tell');
      assert.equal(comparison.noise.source, 'folds');
    }));
});
