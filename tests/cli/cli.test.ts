import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { ROOT, withTemporaryFolder } from '../support';

const cytobench = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(ROOT, 'dist', 'src', 'cli', 'main.js'), ...args], {
    encoding: 'utf8',
  });

describe('the command line', () => {
  it('shows help without loading TensorFlow', () => {
    const probe =
      "process.on('exit', () => console.error(Object.keys(require.cache).filter((f) => f.includes('@tensorflow')).length))";
    const result = spawnSync(
      process.execPath,
      [
        '-e',
        `${probe}; process.argv = ['node', 'x', '--help']; require('${path.join(ROOT, 'dist/src/cli/main.js')}').main(['--help'])`,
      ],
      { encoding: 'utf8' },
    );
    assert.match(result.stdout, /Usage: cytobench/);
    assert.equal(result.stderr.trim(), '0');
  });

  it('names the nearest command, experiment and setting, and exits 2 or 1 without a stack trace', () => {
    const command = cytobench('tran');
    assert.equal(command.status, 2);
    assert.match(command.stderr, /Did you mean train/);
    const experiment = cytobench('train', 'quickstrt', '--preset', 'smoke');
    assert.equal(experiment.status, 2);
    assert.match(experiment.stderr, /did you mean "quickstart"/);
    const setting = cytobench('train', 'quickstart', '--preset', 'smoke', '--set', 'training.step=3');
    assert.equal(setting.status, 1);
    assert.match(setting.stderr, /training\.steps/);
    for (const { stderr } of [command, experiment, setting]) assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('trains and evaluates with one JSON document on standard output', function () {
    this.timeout(300_000);
    return withTemporaryFolder((folder) => {
      const run = path.join(folder, 'run');
      const small = [
        '--set',
        'data.synthetic.width=96',
        '--set',
        'data.synthetic.height=96',
        '--set',
        'validation.images=1',
      ];
      const trained = cytobench(
        'train',
        'quickstart',
        '--preset',
        'smoke',
        '--max-steps',
        '2',
        // One worker, ended in the middle of an epoch: the process must outlive it and answer.
        '--set',
        'training.workers=1',
        ...small,
        '--out',
        run,
        '--json',
      );
      assert.equal(trained.status, 0, trained.stderr);
      const result = JSON.parse(trained.stdout);
      assert.deepEqual([result.run, result.steps, result.stopped], [run, 2, 'complete']);
      const evaluated = cytobench(
        'evaluate',
        run,
        '--json',
        '--score-threshold',
        'lymphocyte=0.3,epithelial=0.4',
      );
      assert.equal(evaluated.status, 0, evaluated.stderr);
      const report = JSON.parse(evaluated.stdout);
      for (const key of ['images', 'segm', 'bbox', 'pq', 'aji', 'f1', 'perClass'])
        assert.ok(key in report, key);
      const wrong = cytobench('evaluate', run, '--score-threshold', 'limphocyte=0.3');
      assert.match(wrong.stderr, /did you mean "lymphocyte"/);
    });
  });
});
