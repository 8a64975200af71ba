// The test job: what a node lacks is found out there, before dozens of tasks are.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CytobenchError, describeError } from '../../../core/errors';
import { readJson, writeFileAtomic, writeJson } from '../../../core/files';
import { PACKAGE_ROOT } from '../../../core/package_root';
import { cancel } from './commands';
import { followTasks, isOver } from './follow';
import { CLI, taskError } from './slurm';
import { type SubmitOptions, submitTasks } from './submit';
import { slurmFolder, type TaskSpec, type TaskView, taskKey } from './tasks';

/** What work needs of a node. */
export interface NodeNeeds {
  /** Folders and files that must be readable there. */
  readonly paths: readonly string[];
  /** A command of `cytobench` whose time and memory are estimated there, with `--estimate`. */
  readonly estimate?: readonly string[];
}

/** What was found on a node. */
export interface NodeReport {
  readonly node: string;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly detail: string;
    readonly fix?: string;
  }[];
  /** Of one task; null where none was to be estimated. */
  readonly estimate: { readonly seconds: number; readonly memoryMb: number } | null;
}

/** A node that was sound is believed for so long. */
const VALID_MS = 24 * 3600_000;
/** So long the test job may wait for a node before work is handed in without it. */
const PATIENCE_MS = 120_000;

/**
 * Looks at a node of the kind that the work will get, by a job of its own. Throws one line where it lacks something; null where
 * no node was free in time.
 */
export async function checkNode(needs: NodeNeeds, submit: SubmitOptions): Promise<NodeReport | null> {
  const { say = () => {} } = submit;
  const { arrayLimit: _limit, ...slurm } = submit.slurm;
  const key = taskKey(['check', needs, slurm, submit.cores, PACKAGE_ROOT, nativeStamp()]);
  const report = path.join(slurmFolder(), 'checks', `${key}.json`);
  if (isFresh(report)) return readJson<NodeReport>(report);
  fs.rmSync(report, { force: true });
  const task: TaskSpec = {
    key,
    name: 'check of a node',
    commands: [[__filename, report, JSON.stringify(needs)]],
    product: report,
  };
  say('looking at a node with a test job');
  const options = { ...submit, title: 'check', slurm: { ...slurm, maxRestarts: 2 } };
  await submitTasks([task], options);
  const began = performance.now();
  let view: TaskView | undefined;
  try {
    await followTasks([task], {
      submit: options,
      onViews: ([now]) => {
        view = now;
      },
      interrupted: () => view?.state === 'pending' && performance.now() - began > PATIENCE_MS,
    }).then((views) => {
      view = views?.[0] ?? view;
    });
  } catch (error) {
    if (view?.job) await cancel([view.job]).catch(() => {});
    throw error;
  }
  if (fs.existsSync(report)) return sound(readJson<NodeReport>(report), report);
  if (view && !isOver(view)) {
    if (view.job) await cancel([view.job]).catch(() => {});
    say('no node is free for a test job now: the work is handed in without it');
    return null;
  }
  const { message, fix } = taskError(view);
  throw new CytobenchError(`the test job failed: ${message}`, { fix });
}

/** The native runtime as it was made: another one is another check. */
function nativeStamp(): number {
  return fs.statSync(path.join(PACKAGE_ROOT, '.native'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isFresh(report: string): boolean {
  const status = fs.statSync(report, { throwIfNoEntry: false });
  if (!status) return false;
  const age = Date.now() - status.mtimeMs;
  return age < VALID_MS && readJson<NodeReport>(report).checks.every(({ ok }) => ok);
}

function sound(report: NodeReport, file: string): NodeReport {
  const lacking = report.checks.find(({ ok }) => !ok);
  if (!lacking) return report;
  fs.rmSync(file, { force: true });
  throw new CytobenchError(`node ${report.node}: ${lacking.name}: ${lacking.detail}`, {
    fix: `${lacking.fix ?? 'Make it there'} Or leave the node out: --slurm-option=--exclude=${report.node}`,
  });
}

/** On the node: everything that a task needs, tried. */
function lookAround(report: string, { paths, estimate: command }: NodeNeeds): void {
  const checks: NodeReport['checks'][number][] = [];
  const add = (name: string, fix: string, look: () => string): void => {
    try {
      checks.push({ name, ok: true, detail: look() });
    } catch (error) {
      checks.push({ name, ok: false, detail: describeError(error).split('\n')[0], fix });
    }
  };
  const share = 'Put it on a file system that all nodes share, under one path.';
  add('Node', 'Install a version that package.json names.', () => process.version);
  for (const file of paths)
    add('path', share, () => {
      fs.accessSync(file, fs.constants.R_OK);
      return file;
    });
  add('runs folder', share, () => {
    const file = path.join(slurmFolder(), `.write-${os.hostname()}-${process.pid}`);
    writeFileAtomic(file, '');
    fs.rmSync(file);
    return slurmFolder();
  });
  if (checks.every(({ ok }) => ok)) checks.push(...installation());
  const estimate = command && checks.every(({ ok }) => ok) ? estimateThere(command, checks) : null;
  const node = process.env.SLURMD_NODENAME || os.hostname();
  writeJson(report, { node, checks, estimate } satisfies NodeReport);
}

/** The rows of `cytobench doctor` that work without a person needs. */
function installation(): NodeReport['checks'][number][] {
  const { stdout, stderr, error } = run(['doctor', '--json']);
  try {
    const { checks } = JSON.parse(stdout) as { checks: NodeReport['checks'] };
    return checks.filter(({ name }) => name === 'native runtime' || name === 'precision');
  } catch {
    const said = stderr.split('\n').findLast((line) => line.trim() !== '') ?? error?.message ?? 'no answer';
    return [{ name: 'native runtime', ok: false, detail: said, fix: 'Run `npm run setup` there.' }];
  }
}

function estimateThere(
  command: readonly string[],
  checks: NodeReport['checks'][number][],
): NodeReport['estimate'] {
  const { stdout, stderr } = run([...command, '--estimate', '--json']);
  try {
    return JSON.parse(stdout) as NonNullable<NodeReport['estimate']>;
  } catch {
    const said = /^cytobench: (.+)$/m.exec(stderr)?.[1] ?? stderr.trim().split('\n').at(-1) ?? 'no answer';
    checks.push({
      name: 'a first try',
      ok: false,
      detail: said,
      fix: 'Try the same on this machine, without --on slurm.',
    });
    return null;
  }
}

const run = (args: readonly string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', maxBuffer: 64e6 });

if (require.main === module) {
  const [report, needs] = process.argv.slice(2);
  try {
    lookAround(report, JSON.parse(needs) as NodeNeeds);
  } catch (error) {
    process.stderr.write(`cytobench: ${describeError(error)}\n`);
    process.exitCode = 1;
  }
}
