// What ten thousand tasks cost a cluster: arrays, files, folders, looks at the queue. The commands of Slurm are stood in for by
// scripts that answer as 22.05 does; all else is what runs on a login node.
//   node dist/bench/cluster_tasks.js [tasks]
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { followTasks } from '../src/runs/executors/slurm/follow';
import { submitTasks, viewAll } from '../src/runs/executors/slurm/submit';
import {
  slurmFolder,
  type TaskSpec,
  type TaskView,
  taskKey,
  writeState,
} from '../src/runs/executors/slurm/tasks';

const COUNT = Number(process.argv[2] ?? 10_000);
/** Seconds that the queue is followed for. */
const FOLLOWED = 65;

/** An array that waits, as the queue has it. */
const ROW =
  '{"job_id":%s,"array_job_id":%s,"array_task_id":null,"array_task_string":"%s","name":"%s","job_state":"PENDING","state_reason":"Priority","partition":"p","nodes":"","restart_cnt":0}';

/** Commands of Slurm that keep what they were asked in a folder. */
function writeCommands(folder: string): void {
  const write = (name: string, body: string): void =>
    fs.writeFileSync(
      path.join(folder, name),
      `#!/bin/bash\necho "${name} $*" >> ${folder}/calls\n${body}\n`,
      { mode: 0o755 },
    );
  write('sbatch', `n=$(grep -c ^sbatch ${folder}/calls); cp "\${@: -1}" ${folder}/job-$n.sh; echo $n`);
  write('scontrol', 'echo "MaxArraySize            = 1001"');
  write(
    'squeue',
    [
      'rows=""',
      `for file in ${folder}/job-*.sh; do [ -e $file ] || continue`,
      '  n=$(basename $file .sh | sed s/job-//)',
      '  name=$(sed -n "s/#SBATCH --job-name=//p" $file); tasks=$(sed -n "s/#SBATCH --array=//p" $file)',
      `  rows="$rows,$(printf '${ROW}' $n $n $tasks $name)"`,
      'done; echo "{\\"jobs\\":[$(echo "$rows" | sed s/^,//)]}"',
    ].join('\n'),
  );
}

/** Every folder below one, with the number of its entries. */
function folders(dir: string): number[] {
  const entries = fs.readdirSync(dir, { withFileTypes: true });
  const below = entries
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => folders(path.join(dir, name)));
  return [entries.length, ...below];
}

function files(dir: string): { count: number; bytes: number } {
  const all = fs.readdirSync(dir, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const bytes = all.reduce(
    (sum, entry) => sum + fs.statSync(path.join(entry.parentPath, entry.name)).size,
    0,
  );
  return { count: all.length, bytes };
}

const seconds = async (work: () => unknown): Promise<number> => {
  const began = performance.now();
  await work();
  return Number(((performance.now() - began) / 1000).toFixed(2));
};

async function main(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-tasks-'));
  try {
    writeCommands(folder);
    process.env.PATH = `${folder}:${process.env.PATH}`;
    process.env.CYTOBENCH_RUNS = path.join(folder, 'runs');
    const command =
      'experiment.js train augmentation:full --preset full --seed 1 --data /shared/data --set runtime.threads=1';
    const tasks = Array.from(
      { length: COUNT },
      (_, i): TaskSpec => ({
        key: taskKey(i),
        name: `augmentation:full, seed ${i}`,
        commands: [command.split(' ')],
      }),
    );
    const submit = { title: 'many', slurm: {}, cores: 1 };
    const handIn = await seconds(() => submitTasks(tasks, submit));
    const calls = (name: string): number =>
      fs
        .readFileSync(path.join(folder, 'calls'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith(name)).length;
    const arrays = calls('sbatch');
    const before = calls('squeue');
    let interrupted = false;
    setTimeout(() => {
      interrupted = true;
    }, 1000 * FOLLOWED);
    // Three terminals that wait for the same study.
    await Promise.all(
      [0, 1, 2].map(() => followTasks(tasks, { submit, interrupted: () => interrupted, onViews: () => {} })),
    );
    const followed = calls('squeue') - before;
    for (const [i, { key }] of tasks.entries()) {
      const submission = JSON.parse(
        fs.readFileSync(path.join(slurmFolder(), 'tasks', key.slice(0, 2), `${key}.ticket.json`), 'utf8'),
      ) as { submission: string };
      const attempts = [{ job: '1_1', node: 'n1', from: null, to: 6, outcome: 'done' }];
      writeState(key, {
        submission: submission.submission,
        state: 'done',
        run: `/runs/${i}`,
        message: null,
        attempts,
      });
    }
    let views: TaskView[] = [];
    const look = await seconds(() => {
      views = viewAll(tasks, { tasks: new Map() });
    });
    const { count, bytes } = files(slurmFolder());
    process.stdout.write(
      `${JSON.stringify({
        tasks: COUNT,
        arrays,
        sbatchCalls: arrays,
        handInSeconds: handIn,
        files: count,
        megabytes: Number((bytes / 1e6).toFixed(1)),
        mostEntriesInAFolder: Math.max(...folders(slurmFolder())),
        logsInAFolder: Math.min(COUNT, 1000),
        squeueCallsOfThreeTerminals: followed,
        followedSeconds: FOLLOWED,
        lookSeconds: look,
        done: views.filter(({ state }) => state === 'done').length,
      })}\n`,
    );
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

void main();
