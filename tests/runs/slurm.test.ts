import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  parseIndices,
  parseQueue,
  parseShow,
  type QueuedTask,
} from '../../src/runs/executors/slurm/commands';
import { describeResources, timeText, withResources } from '../../src/runs/executors/slurm/resources';
import { batchScript, leadOf } from '../../src/runs/executors/slurm/script';
import { secondsOfTime, siteOptions } from '../../src/runs/executors/slurm/site';
import { inArrays, isLost, previewScripts } from '../../src/runs/executors/slurm/submit';
import {
  markStopped,
  type TaskState,
  taskKey,
  viewTask,
  writeJobId,
  writeState,
  writeSubmission,
  writeTicket,
} from '../../src/runs/executors/slurm/tasks';
import { checkpointDigest } from '../../src/training/checkpoint';
import { withTemporaryFolder } from '../support';
import { Cluster, hasSlurm, itOnSlurm, until } from './cluster';
import { MAIN, TINY, trainTiny } from './runs';

/** As Slurm 22.05.8 answers: an array of three of which one runs, one has ended, one waits; and somebody else's job. */
const OLD = {
  jobs: [
    {
      job_id: 2,
      array_job_id: 1,
      array_task_id: 0,
      array_task_string: '',
      name: 'cytobench-x-ab',
      job_state: 'RUNNING',
      state_reason: 'None',
      partition: 'low',
      nodes: 'n1',
      restart_cnt: 2,
    },
    {
      job_id: 3,
      array_job_id: 1,
      array_task_id: 1,
      array_task_string: '',
      name: 'cytobench-x-ab',
      job_state: 'CANCELLED',
      state_reason: 'None',
      partition: 'low',
      nodes: '',
      restart_cnt: 0,
    },
    {
      job_id: 1,
      array_job_id: 1,
      array_task_id: null,
      array_task_string: '2-3%1',
      name: 'cytobench-x-ab',
      job_state: 'PENDING',
      state_reason: 'Resources',
      partition: 'low',
      nodes: '',
      restart_cnt: 0,
    },
    {
      job_id: 9,
      array_job_id: 0,
      array_task_id: null,
      array_task_string: '',
      name: 'other',
      job_state: 'RUNNING',
      state_reason: 'None',
      partition: 'low',
      nodes: 'n2',
      restart_cnt: 0,
    },
  ],
};

/** The same as later versions answer (data_parser v0.0.40): numbers as objects, states as lists. */
const number = (value: number | null) => ({ set: value !== null, infinite: false, number: value ?? 0 });
const NEW = {
  jobs: OLD.jobs.map((job) => ({
    ...job,
    array_job_id: number(job.array_job_id),
    array_task_id: number(job.array_task_id),
    job_state: [job.job_state],
  })),
};

/** Runs `work` with a folder of runs of its own. */
async function withRuns(work: (folder: string) => void | Promise<void>): Promise<void> {
  const before = process.env.CYTOBENCH_RUNS;
  await withTemporaryFolder(async (folder) => {
    process.env.CYTOBENCH_RUNS = folder;
    try {
      await work(folder);
    } finally {
      if (before === undefined) delete process.env.CYTOBENCH_RUNS;
      else process.env.CYTOBENCH_RUNS = before;
    }
  });
}

describe('Slurm', () => {
  it('is read alike in the forms of 22.05 and of later versions', () => {
    const read = (answer: unknown): unknown[] =>
      parseQueue(JSON.stringify(answer)).map(({ id, state, node, restarts, reason }) => [
        id,
        state,
        node,
        restarts,
        reason,
      ]);
    const expected = [
      ['1_0', 'RUNNING', 'n1', 2, 'None'],
      ['1_2', 'PENDING', '', 0, 'Resources'],
      ['1_3', 'PENDING', '', 0, 'Resources'],
    ];
    assert.deepEqual(read(OLD), expected);
    assert.deepEqual(read(NEW), expected);
    assert.throws(() => parseQueue('slurm_load_jobs error'), /something else than JSON/);
    assert.deepEqual(parseIndices('0-2,7,10-20:5%3'), [0, 1, 2, 7, 10, 15, 20]);
    const job = parseShow(
      'JobId=7 JobName=a b\n   JobState=RUNNING Reason=None\nMaxArraySize            = 1001\n',
    );
    assert.deepEqual([job.JobState, job.MaxArraySize], ['RUNNING', '1001']);
  });

  it('takes times as sbatch does', () => {
    // man sbatch, --time: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, ….
    const times = ['90', '1:30', '2:00:00', '1-12', '1-12:30', '1-00:00:10', 'UNLIMITED'];
    assert.deepEqual(times.map(secondsOfTime), [5400, 90, 7200, 129_600, 131_400, 86_410, null]);
    assert.deepEqual([timeText(61), timeText(1501)], ['01:01:00', '1-01:01:00']);
    // A quarter of a minute; two minutes of an hour, and where the limit is not known.
    assert.deepEqual(['1', '60', undefined].map(leadOf), [15, 120, 120]);
  });

  it('asks for what was estimated, with a margin, within what the site gives, unless told otherwise', () => {
    const estimate = { seconds: 3600, memoryMb: 2000 };
    // 1.3 x 2000 + 500 MB; 1.5 x 3600 + 600 s.
    const asked = withResources({}, estimate, { memoryMb: 64_000, seconds: null });
    assert.deepEqual([asked.mem, asked.time], ['3100M', '01:40:00']);
    const own = withResources({ mem: '8G', time: '5' }, estimate, { memoryMb: null, seconds: null });
    assert.deepEqual([own.mem, own.time], ['8G', '5']);
    // A partition of half an hour; nodes that do not say what memory they have.
    const little = withResources({}, estimate, { memoryMb: null, seconds: 1800 });
    assert.deepEqual([little.mem, little.time], [undefined, '00:30:00']);
    const words = describeResources(asked, { tasks: 6, cores: 2, noun: 'run' }, estimate);
    assert.match(words, /^6 runs in the default partition; each asks for 2 cores, 3100M, at most 01:40:00/);
    assert.match(words, /12\.0 core hours together$/);
  });

  it('has its options from the home, the project over them, the command over both', () =>
    withTemporaryFolder((folder) => {
      const before = process.cwd();
      const [home, project] = ['home', 'project'].map((name) => path.join(folder, name));
      const write = (dir: string, slurm: object): void => {
        fs.mkdirSync(dir, { recursive: true });
        fs.writeFileSync(path.join(dir, 'cytobench.json'), JSON.stringify({ slurm }));
      };
      write(home, { partition: 'a', account: 'x', setup: ['module load node'], options: ['--nice'] });
      write(project, { partition: 'b', qos: 'q', options: ['--exclusive'] });
      process.chdir(project);
      try {
        const found = siteOptions({ qos: 'r', options: ['--comment=c'] }, home);
        assert.deepEqual(found, {
          partition: 'b',
          account: 'x',
          qos: 'r',
          setup: ['module load node'],
          options: ['--nice', '--exclusive', '--comment=c'],
        });
        write(project, { partiton: 'b' });
        assert.throws(() => siteOptions({}, home), /unknown key "slurm.partiton"; did you mean "partition"/);
        write(project, { options: ['rm -rf'] });
        assert.throws(() => siteOptions({}, home), /slurm\.options\.0: expected an option of sbatch/);
      } finally {
        process.chdir(before);
      }
    }));

  it('is given a script that a shell takes, whatever is in names', () =>
    withTemporaryFolder((folder) => {
      const script = batchScript({
        title: "it's: one",
        submission: 'ab12',
        folder: path.join(folder, "100 % of o'neil"),
        tasks: 7,
        slurm: {
          partition: 'gpu',
          gres: 'gpu:1',
          time: '2:00:00',
          mem: '8G',
          options: ['--comment=a b'],
          setup: ['module load x'],
        },
        cores: 4,
        atOnce: 3,
        after: [5, 6],
      });
      const file = path.join(folder, 'job.sh');
      fs.writeFileSync(file, script);
      execFileSync('bash', ['-n', file]);
      for (const line of [
        '#SBATCH --job-name=cytobench-it-s-one-ab12',
        '#SBATCH --array=0-6%3',
        `#SBATCH --output="${folder}/100 %% of o'neil/logs/%a.log"`,
        '#SBATCH --requeue',
        '#SBATCH --signal=B:USR1@120',
        '#SBATCH --cpus-per-task=4',
        '#SBATCH --dependency=afterany:5:6',
        '#SBATCH --partition=gpu',
        '#SBATCH --gres=gpu:1',
        '#SBATCH --mem=8G',
        '#SBATCH --time=2:00:00',
        '#SBATCH --comment="a b"',
        'module load x',
      ])
        assert.ok(script.split('\n').includes(line), `${line}\n${script}`);
      const evil = { title: 'x', submission: 'y', folder, tasks: 1, cores: 1 };
      assert.throws(
        () => batchScript({ ...evil, slurm: { options: ['--comment=a\nrm'] } }),
        /cannot stand in a batch script/,
      );
    }));

  it('takes 2,500 tasks as three arrays, and deals a limit to them', () =>
    withRuns(() => {
      const tasks = Array.from({ length: 2500 }, (_, i) => ({
        key: taskKey(i),
        name: `t${i}`,
        commands: [],
      }));
      assert.deepEqual(
        inArrays(tasks, 1000).map(({ length }) => length),
        [1000, 1000, 500],
      );
      const scripts = previewScripts(tasks, { title: 'x', slurm: { arrayLimit: 31 }, cores: 1 });
      const arrays = scripts.map((script) => /--array=(\S+)/.exec(script)?.[1]);
      assert.deepEqual(arrays, ['0-999%10', '0-999%10', '0-499%10']);
    }));

  it('and the files of a task together say where it is', () =>
    withRuns((folder) => {
      const task = { key: taskKey('one'), name: 'one', commands: [] };
      const place = (tasks: readonly QueuedTask[] = []): string =>
        viewTask(task, { tasks: new Map(tasks.map((one) => [one.id, one])) }).state;
      const queued = (state: string): QueuedTask[] => [
        {
          id: '5_0',
          job: 5,
          index: 0,
          name: 'cytobench-x-s1',
          state,
          reason: 'None',
          partition: 'p',
          node: 'n',
          restarts: 0,
        },
      ];
      const say = (state: TaskState['state'], outcome?: string): void =>
        writeState(task.key, {
          submission: 's1',
          state,
          run: null,
          message: null,
          attempts: [{ job: '5_0', node: 'n', from: null, ...(outcome && { outcome }) }],
        });
      assert.equal(place(), 'new');
      writeSubmission('s1', { title: 'x', tasks: [task], slurm: { maxRestarts: 1 }, cores: 1 });
      writeTicket({ key: task.key, name: 'one', submission: 's1', index: 0, again: 0 });
      // Its job is found by name where who handed it in was killed before it wrote the number down.
      assert.deepEqual([place(), place(queued('PENDING'))], ['new', 'pending']);
      writeJobId('s1', 5);
      assert.deepEqual(
        [place(queued('PENDING')), place(queued('RUNNING')), place()],
        ['pending', 'running', 'gone'],
      );
      say('running');
      assert.deepEqual(
        [place(queued('RUNNING')), place(queued('COMPLETING')), place()],
        ['running', 'running', 'lost'],
      );
      assert.equal(isLost(viewTask(task, { tasks: new Map() })), true);
      writeTicket({ key: task.key, name: 'one', submission: 's1', index: 0, again: 1 });
      assert.equal(isLost(viewTask(task, { tasks: new Map() })), false, 'as often as maxRestarts');
      say('requeued', 'time limit');
      assert.deepEqual([place(queued('PENDING')), place()], ['pending', 'lost']);
      for (const state of ['done', 'failed', 'stopped'] as const) {
        say(state, state);
        assert.equal(place(queued('COMPLETING')), state);
      }
      // Handed in anew: what it said of the job before is over.
      writeSubmission('s2', { title: 'x', tasks: [task], slurm: {}, cores: 1 });
      writeTicket({ key: task.key, name: 'one', submission: 's2', index: 0, again: 0 });
      writeJobId('s2', 6);
      assert.equal(place(), 'gone');
      fs.writeFileSync(path.join(folder, '.slurm', 's2', 'logs', '0.log'), 'cytobench: node n has no Node\n');
      assert.deepEqual([place(), viewTask(task, null).state], ['failed', 'pending']);
      markStopped(task.key);
      assert.equal(place(), 'stopped');
    }));

  it('options without --on slurm, and a place that is none, are wrong usage', () => {
    const run = (...args: string[]): { status: number; stderr: string } => {
      try {
        execFileSync(process.execPath, [MAIN, 'train', 'quickstart', '--preset', 'smoke', ...args], {
          stdio: 'pipe',
        });
        return { status: 0, stderr: '' };
      } catch (error) {
        const { status, stderr } = error as { status: number; stderr: Buffer };
        return { status, stderr: stderr.toString() };
      }
    };
    const stray = run('--partition', 'gpu');
    assert.equal(stray.status, 2);
    assert.match(stray.stderr, /--partition is of a cluster\.\n {2}Add --on slurm/);
    assert.equal(run('--on', 'mars').status, 2);
  });

  it('--dry-run prints the script of a study, and nothing is written', () =>
    withTemporaryFolder((folder) => {
      const words = [
        'experiment',
        'augmentation',
        '--preset',
        'smoke',
        '--seeds',
        '0,1',
        '--on',
        'slurm',
        '--dry-run',
      ];
      const env = { ...process.env, CYTOBENCH_RUNS: path.join(folder, 'runs') };
      const args = [MAIN, ...words, '--partition', 'gpu', '--json'];
      const { scripts, tasks } = JSON.parse(
        execFileSync(process.execPath, args, { env, stdio: 'pipe' }).toString(),
      ) as {
        scripts: string[];
        tasks: { name: string; command: string }[];
      };
      assert.equal(scripts.length, 1);
      assert.match(scripts[0], /--array=0-5\n/);
      assert.match(scripts[0], /--partition=gpu\n/);
      assert.deepEqual([tasks.length, tasks[5].name], [6, 'augmentation:full, seed 1']);
      assert.match(
        tasks[5].command,
        /^train augmentation:full --preset smoke --seed 1 --set runtime\.threads=1$/,
      );
      assert.deepEqual(fs.readdirSync(folder), []);
    }));

  describe('with a controller', function () {
    this.timeout(600_000);
    let folder = '';
    let cluster: Cluster;

    before(async () => {
      if (!hasSlurm()) return;
      folder = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'cytobench-slurm-'));
      cluster = new Cluster(folder, 2);
      await cluster.start();
    });

    after(async () => {
      await cluster?.stop();
      if (folder) fs.rmSync(folder, { recursive: true, force: true });
    });

    const tiny = TINY.flatMap((text) => ['--set', text]);
    const train = ['train', 'quickstart', '--preset', 'smoke', ...tiny, '--on', 'slurm', '--no-check'];

    itOnSlurm('trains a run on a node, equal to the bit to one made here', async () => {
      const answer = await cluster.json<{
        run: string;
        stopped: string;
        jobs: { node: string; state: string }[];
      }>(train);
      assert.deepEqual([answer.stopped, answer.jobs.length, answer.jobs[0].state], ['complete', 1, 'done']);
      const here = path.join(folder, 'here');
      await trainTiny(here, { set: ['runtime.threads=1'] });
      assert.equal(checkpointDigest(answer.run, 'last'), checkpointDigest(here, 'last'));
      const { runs } = await cluster.json<{
        runs: { run: string; queue: string; node: string; restarts: number }[];
      }>(['runs']);
      assert.deepEqual(
        runs.map(({ run, queue, node, restarts }) => [run, queue, node, restarts]),
        [[answer.run, 'done', answer.jobs[0].node, 0]],
      );
      const stopped = await cluster.json<{ stopped: boolean; state: string }>([
        'stop',
        path.basename(answer.run),
      ]);
      assert.deepEqual([stopped.stopped, stopped.state], [false, 'complete']);
    });

    itOnSlurm(
      'handed in from two shells at once each run is one task; those that wait and run are stopped',
      async () => {
        const words = [
          'experiment',
          'augmentation',
          '--preset',
          'smoke',
          ...tiny,
          '--set',
          'training.steps=500',
        ];
        const submit = [...words, '--on', 'slurm', '--no-check', '--no-wait'];
        type Jobs = { jobs: { job: string; state: string; name: string }[] };
        const [one, two] = await Promise.all([cluster.json<Jobs>(submit), cluster.json<Jobs>(submit)]);
        const ids = ({ jobs }: Jobs): string[] => jobs.map(({ job }) => job).sort();
        assert.deepEqual(ids(one), ids(two));
        assert.equal(new Set(ids(one)).size, 4, 'three runs and what collects them');
        const list = async (): Promise<{ run: string; state: string; job: string; steps: number }[]> =>
          (
            await cluster.json<{ runs: { run: string; state: string; job: string; steps: number }[] }>([
              'runs',
            ])
          ).runs.filter(({ run }) => !run.includes('quickstart'));
        const array = ids(one)[0].split('_')[0];
        let runs = await list();
        for (let look = 0; look < 100 && !runs.some(({ steps }) => steps > 0); look++) {
          await new Promise((resolve) => setTimeout(resolve, 300));
          runs = await list();
        }
        const waiting = runs.find(({ state }) => state === 'queued');
        const running = runs.find(({ steps }) => steps > 0);
        assert.ok(waiting && running, JSON.stringify(runs));
        assert.equal((await cluster.json<{ stopped: boolean }>(['stop', waiting.run])).stopped, true);
        assert.equal(
          (await cluster.json<{ stopped: boolean }>(['stop', path.basename(running.run)])).stopped,
          true,
        );
        const after = await list();
        const of = (job: string): string | undefined => after.find((run) => run.job === job)?.state;
        assert.deepEqual([of(waiting.job), of(running.job)], ['stopped', 'stopped']);
        await cluster.json(['stop', array]);
        await until(() => cluster.slurm('squeue', '-h', '-j', array).trim() === '', 30);
      },
    );

    itOnSlurm('a partition that is none is one line', async () => {
      const { code, stderr } = await cluster.run([...train, '--partition', 'nowhere', '--seed', '5']);
      assert.equal(code, 1);
      assert.match(stderr, /cytobench: sbatch: no such partition\.\n {2}Name one that `sinfo` lists/);
    });
  });
});
