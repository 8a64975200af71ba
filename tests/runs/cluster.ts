import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { withTemporaryFolder } from '../support';
import { MAIN } from './runs';

/** Whether this machine can have a Slurm of its own: its daemons are there and may be started. */
export function hasSlurm(): boolean {
  const there = (program: string): boolean =>
    ['/usr/sbin', '/usr/bin'].some((dir) => fs.existsSync(path.join(dir, program)));
  return ['slurmctld', 'slurmd', 'munged', 'sbatch'].every(there) && process.getuid?.() === 0;
}

/** A test that needs a controller: skipped by name where Slurm is not installed. */
export function itOnSlurm(name: string, test: (this: Mocha.Context) => Promise<void>): void {
  if (hasSlurm()) it(name, test);
  else it.skip(`${name} (needs slurm-wlm and munge, and root)`, test);
}

/** What a command of ours answered. */
export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real controller with nodes of one core on the loopback, all of its files in one folder. */
export class Cluster {
  private readonly children = new Map<string, ChildProcess>();
  private readonly port = 20_000 + (process.pid % 2000) * 10;
  private readonly conf: string;

  constructor(
    readonly dir: string,
    private readonly nodes: number,
  ) {
    this.conf = path.join(dir, 'slurm.conf');
  }

  get runs(): string {
    return path.join(this.dir, 'runs');
  }

  env(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    return { ...process.env, SLURM_CONF: this.conf, CYTOBENCH_RUNS: this.runs, HOME: this.dir, ...more };
  }

  async start(): Promise<void> {
    for (const name of ['state', 'spool', 'log', 'munge']) fs.mkdirSync(path.join(this.dir, name));
    fs.chmodSync(path.join(this.dir, 'munge'), 0o700);
    fs.writeFileSync(path.join(this.dir, 'munge', 'key'), Buffer.alloc(128, process.pid % 251), {
      mode: 0o400,
    });
    fs.writeFileSync(this.conf, this.configuration());
    const munge = (name: string): string => path.join(this.dir, 'munge', name);
    this.daemon('munged', 'munged', [
      '--foreground',
      '--force',
      `--key-file=${munge('key')}`,
      `--socket=${munge('sock')}`,
      `--pid-file=${munge('pid')}`,
      `--log-file=${munge('log')}`,
      `--seed-file=${munge('seed')}`,
    ]);
    await until(() => fs.existsSync(munge('sock')));
    this.startController();
    for (let node = 1; node <= this.nodes; node++) this.startNode(node);
    await until(() => this.try('sinfo', '-h', '-t', 'idle', '-o', '%D')?.trim() === String(this.nodes));
  }

  startController(): void {
    this.daemon('slurmctld', 'slurmctld', ['-D', '-f', this.conf]);
  }

  /** @param before a shell command that the daemon is started after, in a view of the file system of its own. */
  startNode(node: number, before?: string): void {
    fs.mkdirSync(path.join(this.dir, 'spool', `n${node}`), { recursive: true });
    const words = ['-D', '-N', `n${node}`, '-f', this.conf];
    if (before === undefined) this.daemon(`n${node}`, 'slurmd', words);
    else
      this.daemon(`n${node}`, 'unshare', ['-m', 'sh', '-c', `${before} && exec slurmd ${words.join(' ')}`]);
  }

  /** Ends one daemon: `slurmctld`, `n1`, … */
  async kill(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.children.get(name);
    this.children.delete(name);
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    this.try('scancel', '--user=root');
    // A task that still runs would write into the folder that is about to go.
    for (let look = 0; look < 60 && this.try('squeue', '-h')?.trim(); look++) await sleep(500);
    for (const name of [...this.children.keys()].filter((one) => one !== 'munged').reverse())
      await this.kill(name);
    await this.kill('munged');
  }

  /** A command of Slurm. */
  slurm(command: string, ...args: string[]): string {
    return execFileSync(command, args, {
      env: this.env(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  private try(command: string, ...args: string[]): string | null {
    try {
      return this.slurm(command, ...args);
    } catch {
      return null;
    }
  }

  /** A command of ours, to its end. */
  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
    const child = spawn(process.execPath, [MAIN, ...args], { env: this.env(env), cwd: this.dir });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (bytes) => (stdout += String(bytes)));
    child.stderr.on('data', (bytes) => (stderr += String(bytes)));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, stdout, stderr };
  }

  /** A command of ours that must answer in JSON. */
  async json<T>(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], env);
    if (code !== 0 || stdout === '') throw new Error(`exit code ${code}: ${stderr.slice(-2000)}`);
    return JSON.parse(stdout) as T;
  }

  private daemon(name: string, program: string, args: readonly string[]): void {
    const log = fs.openSync(path.join(this.dir, 'log', `${name}.out`), 'a');
    this.children.set(name, spawn(program, args, { stdio: ['ignore', log, log], env: this.env() }));
    fs.closeSync(log);
  }

  private configuration(): string {
    const { dir, port, nodes } = this;
    const host = os.hostname().split('.')[0];
    const all = `n[1-${nodes}]`;
    const list = Array.from(
      { length: nodes },
      (_, i) =>
        `NodeName=n${i + 1} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port + i + 1} CPUs=1 State=UNKNOWN`,
    );
    return [
      'ClusterName=test',
      `SlurmctldHost=${host}(127.0.0.1)`,
      'AuthType=auth/munge',
      // A task that is queued again waits until its credential has expired: two minutes, unless this says less.
      `AuthInfo=socket=${dir}/munge/sock,cred_expire=5`,
      'CryptoType=crypto/munge',
      'SlurmUser=root',
      'SlurmdUser=root',
      `SlurmctldPort=${port}`,
      `SlurmctldPidFile=${dir}/ctld.pid`,
      `SlurmdPidFile=${dir}/slurmd-%n.pid`,
      `SlurmdSpoolDir=${dir}/spool/%n`,
      `StateSaveLocation=${dir}/state`,
      `SlurmctldLogFile=${dir}/log/ctld.log`,
      `SlurmdLogFile=${dir}/log/slurmd-%n.log`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core',
      'JobAcctGatherType=jobacct_gather/none',
      'AccountingStorageType=accounting_storage/none',
      'ReturnToService=2',
      'SwitchType=switch/none',
      'MpiDefault=none',
      'SchedulerParameters=sched_interval=2,bf_interval=2',
      'PreemptType=preempt/partition_prio',
      'PreemptMode=REQUEUE',
      'JobRequeue=1',
      'KillWait=10',
      'MinJobAge=300',
      ...list,
      `PartitionName=low Nodes=${all} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=0`,
      `PartitionName=high Nodes=${all} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF`,
      '',
    ].join('\n');
  }
}

/** Runs `work` with a controller and nodes that are ended afterwards. */
export function withCluster<T>(nodes: number, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  return withTemporaryFolder(async (dir) => {
    const cluster = new Cluster(dir, nodes);
    try {
      await cluster.start();
      return await work(cluster);
    } finally {
      await cluster.stop();
    }
  });
}

/** Waits until something holds; throws after a while. */
export async function until(holds: () => boolean, seconds = 60): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > 1000 * seconds)
      throw new Error(`did not come to hold in ${seconds} s: ${holds}`);
    await sleep(200);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
