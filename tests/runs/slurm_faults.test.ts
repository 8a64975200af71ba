import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRng } from '../../src/core/rng';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset } from '../../src/data/write_dataset';
import { checkpointDigest } from '../../src/training/checkpoint';
import { ROOT, withTemporaryFolder } from '../support';
import { type Answer, type Cluster, itOnSlurm, sleep, until, withCluster } from './cluster';
import { TINY, trainTiny } from './runs';

/** Six runs; steps as many as take longer than Slurm's shortest time limit, a minute. */
const study = (steps: number): string[] => [
  ...['experiment', 'augmentation', '--preset', 'smoke', '--seeds', '0,1'],
  ...[
    ...TINY,
    `training.steps=${steps}`,
    'training.checkpointMinutes=0.05',
    'earlyStopping.patience=null',
  ].flatMap((text) => ['--set', text]),
];

interface Job {
  readonly job: string;
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly run: string | null;
}

interface StateFile {
  readonly run: string | null;
  readonly attempts: readonly {
    readonly from: number | null;
    readonly to?: number | null;
    readonly outcome?: string;
  }[];
}

/** What the tasks of a study said of themselves. */
function stateFiles({ runs }: Cluster): StateFile[] {
  const root = path.join(runs, '.slurm', 'tasks');
  return fs
    .readdirSync(root, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.state.json'))
    .map((name) => JSON.parse(fs.readFileSync(path.join(root, name), 'utf8')) as StateFile)
    .filter(({ run }) => run !== null);
}

const runFolders = (dir: string): string[] =>
  fs
    .readdirSync(dir)
    .filter((name) => fs.existsSync(path.join(dir, name, 'config.json')))
    .sort();

/** Equal weights and optimizer state, by the checksum that a checkpoint is written with. */
function assertSameRuns(here: string, there: string): void {
  assert.deepEqual(runFolders(here), runFolders(there));
  for (const name of runFolders(here))
    assert.equal(
      checkpointDigest(path.join(here, name), 'last'),
      checkpointDigest(path.join(there, name), 'last'),
      name,
    );
}

describe('a study on a real controller', function () {
  this.timeout(3_600_000);

  itOnSlurm('[long] of six runs as an array is equal to the bit to the one made here', () =>
    withCluster(2, async (cluster) => {
      const words = study(4);
      const answer = await cluster.json<{ runs: unknown[]; jobs: Job[]; missing: string[] }>([
        ...words,
        ...['--on', 'slurm', '--out', 'there.html'],
      ]);
      assert.deepEqual([answer.runs.length, answer.missing], [6, []]);
      const here = path.join(cluster.dir, 'here');
      await cluster.json([...words, '--jobs', '1', '--out', 'here.html'], { CYTOBENCH_RUNS: here });
      const read = (name: string): string => fs.readFileSync(path.join(cluster.dir, name), 'utf8');
      assert.equal(read('there.json'), read('here.json'));
      assertSameRuns(cluster.runs, here);
    }),
  );

  itOnSlurm(
    '[long] that is preempted, killed, cut off and out of time loses nothing and does nothing twice',
    () =>
      withCluster(2, async (cluster) => {
        const steps = Number(process.env.CYTOBENCH_TEST_STEPS ?? 250);
        const words = study(steps);
        const waiting = cluster.run([
          ...words,
          '--on',
          'slurm',
          '--time',
          '1',
          '--out',
          'there.html',
          '--json',
        ]);
        const running = (): string[] =>
          cluster
            .slurm('squeue', '-h', '-t', 'R', '-o', '%i', '-p', 'low')
            .split('\n')
            .filter((id) => /_/.test(id));
        const started = (): number =>
          runFolders(fs.existsSync(cluster.runs) ? cluster.runs : cluster.dir).length;
        await until(() => started() >= 2, 120);
        const rng = createRng(7);
        // A higher partition takes the nodes, twice.
        for (let i = 0; i < 2; i++) {
          cluster.slurm('sbatch', '-p', 'high', '--wrap', 'sleep 3', '--output=/dev/null');
          await sleep(25_000);
        }
        for (let i = 0; i < 3; i++) {
          await until(() => running().length > 0, 120);
          await sleep(1000 * rng.uniform(1, 8));
          const ids = running();
          if (ids.length > 0) cluster.slurm('scancel', '--signal=KILL', rng.pick(ids));
          await sleep(10_000);
        }
        await cluster.kill('n1', 'SIGKILL');
        await sleep(8000);
        cluster.startNode(1);
        await cluster.kill('slurmctld', 'SIGKILL');
        await sleep(15_000);
        cluster.startController();
        const answer: Answer = await waiting;
        assert.equal(answer.code, 0, answer.stderr.slice(-3000));
        const { jobs, missing } = JSON.parse(answer.stdout) as { jobs: Job[]; missing: string[] };
        assert.deepEqual(missing, []);
        const states = stateFiles(cluster);
        assert.equal(states.length, 6);
        for (const { attempts } of states)
          for (const [i, { from }] of attempts.entries()) {
            const before = attempts[i - 1];
            // Each goes on where the one before had come, at its last checkpoint where it was killed.
            if (before?.to != null) assert.equal(from, before.to, JSON.stringify(attempts));
          }
        const outcomesOf = ({ attempts }: StateFile): string[] =>
          attempts.map(({ outcome }) => outcome ?? 'without a word');
        for (const state of states) process.stderr.write(`      ${outcomesOf(state).join(', ')}\n`);
        for (const state of states)
          assert.ok(!outcomesOf(state).slice(0, -1).includes('done'), outcomesOf(state).join());
        const outcomes = states.flatMap(outcomesOf);
        for (const wanted of ['time limit', 'preempted', 'cancelled', 'done'])
          assert.ok(outcomes.includes(wanted), wanted);
        const here = path.join(cluster.dir, 'here');
        await cluster.json([...words, '--jobs', '1', '--out', 'here.html'], { CYTOBENCH_RUNS: here });
        const read = (name: string): string => fs.readFileSync(path.join(cluster.dir, name), 'utf8');
        assert.equal(read('there.json'), read('here.json'));
        assertSameRuns(cluster.runs, here);
        const shown = await cluster.json<{ runs: { restarts?: number }[] }>(['runs']);
        const restarts = states.map(({ attempts }) => attempts.length - 1);
        assert.deepEqual(shown.runs.map((run) => run.restarts).sort(), restarts.sort());
        assert.ok(jobs.some((job) => job.restarts > 0));
      }),
  );
});

describe('a prediction on a real controller', function () {
  this.timeout(1_800_000);

  interface Predicted {
    readonly images: unknown[];
    readonly missing: string[];
  }

  itOnSlurm(
    '[long] over 40 images is that of one process; what was killed is told, and finished by the same command',
    () =>
      withCluster(2, async (cluster) => {
        const images = path.join(cluster.dir, 'images');
        await writeDataset(images, syntheticDataset({ images: 40, width: 64, height: 64, seed: 3 }));
        const run = path.join(cluster.dir, 'model');
        await trainTiny(run, { set: ['runtime.threads=1'] });
        const formats = [
          '--formats',
          'coco,labels,geojson,imagej,csv,overlay,viewer',
          '--score-threshold',
          '0.05',
        ];
        const words = (out: string): string[] => [
          'predict',
          run,
          images,
          '--out',
          path.join(cluster.dir, out),
          ...formats,
        ];
        const here = await cluster.json<Predicted>([...words('here'), '--threads', '1']);
        const there = [...words('there'), '--on', 'slurm', '--no-check'];
        await cluster.json([...there, '--no-wait']);
        const running = (): string[] =>
          cluster.slurm('squeue', '-h', '-t', 'R', '-o', '%i').split('\n').filter(Boolean);
        const killed = new Set<string>();
        await until(() => {
          for (const id of running().slice(0, 3 - killed.size)) {
            cluster.slurm('scancel', '--signal=KILL', id);
            killed.add(id);
          }
          return killed.size === 3;
        });
        await until(() => cluster.slurm('squeue', '-h').trim() === '', 900);
        const collected = await cluster.run([...words('there'), '--collect', '--json']);
        assert.equal(collected.code, 1, collected.stderr);
        const partial = JSON.parse(collected.stdout) as Predicted;
        assert.deepEqual([partial.images.length, partial.missing.length], [37, 3]);
        const whole = await cluster.json<Predicted>(there);
        assert.deepEqual([whole.images, whole.missing], [here.images, []]);
        const files = (dir: string): string[] =>
          fs
            .readdirSync(path.join(cluster.dir, dir), { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) =>
              path.relative(path.join(cluster.dir, dir), path.join(entry.parentPath, entry.name)),
            )
            .sort();
        assert.deepEqual(files('there'), files('here'));
        for (const name of files('here')) {
          const [a, b] = ['here', 'there'].map((dir) => fs.readFileSync(path.join(cluster.dir, dir, name)));
          assert.ok(a.equals(b), name);
        }
      }),
  );
});

describe('a run that fails of itself', function () {
  this.timeout(600_000);

  itOnSlurm('[long] is not queued again, and its last lines are shown', () =>
    withCluster(1, async (cluster) => {
      const set = [...TINY, 'optimizer.learningRate=100000000', 'training.steps=30'].flatMap((text) => [
        '--set',
        text,
      ]);
      const words = ['train', 'quickstart', '--preset', 'smoke', ...set, '--on', 'slurm', '--no-check'];
      const { code, stderr } = await cluster.run(words);
      assert.equal(code, 1);
      assert.match(stderr, /^cytobench: .*(NaN|not finite|Infinity).*\(job \d+_0, node n1\)/m);
      const { runs } = await cluster.json<{ runs: { state: string; restarts: number; log: string[] }[] }>([
        'runs',
      ]);
      assert.deepEqual([runs[0].state, runs[0].restarts], ['failed', 0]);
      assert.match(runs[0].log.join('\n'), /^cytobench: /m);
      assert.equal(stateFiles(cluster)[0].attempts.length, 1);
    }),
  );
});

describe('a node that lacks something', function () {
  this.timeout(1_200_000);

  const train = ['train', 'quickstart', '--preset', 'smoke', ...TINY.flatMap((text) => ['--set', text])];

  /** What a command says where the only node was started after a shell command, in a view of the files of its own. */
  const saidBy = (before: (cluster: Cluster) => string, more: readonly string[] = []): Promise<string> =>
    withCluster(1, async (cluster) => {
      await cluster.kill('n1');
      fs.mkdirSync(cluster.runs, { recursive: true });
      cluster.startNode(1, before(cluster));
      await until(() => cluster.slurm('sinfo', '-h', '-t', 'idle', '-o', '%D').trim() === '1');
      const { code, stderr } = await cluster.run([...train, '--on', 'slurm', ...more]);
      assert.equal(code, 1, stderr);
      const lines = stderr.split('\n');
      const at = lines.findIndex((line) => line.startsWith('cytobench: '));
      // The error and what to do about it; no stack.
      assert.ok(at >= 0 && lines.slice(at).filter((line) => line !== '').length <= 2, stderr);
      return lines.slice(at).join('\n');
    });

  itOnSlurm('[long] the native runtime', async () => {
    const said = await saidBy(() => `mount -t tmpfs none ${path.join(ROOT, '.native')}`);
    assert.match(
      said,
      /^cytobench: node n1: native runtime: .+\n {2}Run `npm run setup`, then `npx cytobench doctor`\. Or leave the node out: --slurm-option=--exclude=n1/,
    );
  });

  itOnSlurm('[long] the package', async () => {
    const said = await saidBy(() => `mount -t tmpfs none ${path.join(ROOT, 'dist')}`);
    assert.match(
      said,
      /^cytobench: the test job failed: node \S+ does not see \S+\. Put the package on the shared file system/,
    );
  });

  itOnSlurm('[long] the data', async () => {
    const said = await withData((data) =>
      saidBy(() => `mount -t tmpfs none ${data}/a`, ['--data', path.join(data, 'a', 'b')]),
    );
    assert.match(said, /^cytobench: node n1: path: .*no such file/);
  });

  itOnSlurm('[long] place in its spool', async () => {
    const said = await saidBy(
      ({ dir }) =>
        `mount -t tmpfs -o size=4k none ${dir}/spool/n1 && head -c 4096 /dev/zero > ${dir}/spool/n1/full`,
    );
    assert.match(
      said,
      /^cytobench: check of a node: its node could not start it \(a full disk where slurmd keeps its jobs\?\)/,
    );
  });

  itOnSlurm('[long] a shared folder that can be written', async () => {
    const said = await saidBy(
      ({ runs }) => `mount --bind ${runs} ${runs} && mount -o remount,ro,bind ${runs}`,
    );
    assert.match(
      said,
      /^cytobench: the test job failed: n1 cannot write \S+: is the shared folder there, and not read-only\?/,
    );
  });
});

/** A folder with a data set at `a/b`. */
async function withData(work: (folder: string) => Promise<string>): Promise<string> {
  return await withTemporaryFolder(async (folder) => {
    await writeDataset(
      path.join(folder, 'a', 'b'),
      syntheticDataset({ images: 4, width: 64, height: 64, seed: 1 }),
    );
    return await work(folder);
  });
}
