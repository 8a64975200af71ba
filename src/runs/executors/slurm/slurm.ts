import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../../config/experiments';
import { resolveConfig, variantOf } from '../../../config/resolve';
import type { ExperimentConfig } from '../../../config/schema';
import { CytobenchError, DataError } from '../../../core/errors';
import { PACKAGE_ROOT } from '../../../core/package_root';
import { type RunState, runState } from '../../run_list';
import { attachRun, trainArguments } from '../child_process';
import type { Executor, RunHandle, StartOptions } from '../executor';
import { currentTasks, followTasks, isOver, stopTasks, tasksNamed } from './follow';
import { siteOptions } from './site';
import { type SubmitOptions, submitTasks } from './submit';
import { readSubmission, readTicket, specOf, type TaskSpec, type TaskView, taskKey } from './tasks';

/** The command line, as a node runs it. */
export const CLI: string = path.join(PACKAGE_ROOT, 'dist', 'src', 'cli', 'main.js');

/** Cores of a run that says nothing else: one, so that a study is the same runs on any cluster. */
const CORES = 1;

/**
 * A run as a task: where it is one of the same settings, data and split, it is the same task.
 * @param afterwards further commands, after it.
 */
export function trainTask(
  options: StartOptions,
  name: string,
  {
    cores,
    afterwards = [],
  }: { readonly cores: number; readonly afterwards?: readonly (readonly string[])[] },
): TaskSpec {
  const { data, split, out, maxMinutes } = options;
  const config = configOf(options);
  const absolute = (file: string | undefined): string | undefined => file && path.resolve(file);
  const own = { ...options, data: absolute(data), split: absolute(split), out: absolute(out) };
  const folder = own.data ?? config.data.dir;
  const key = taskKey([
    'train',
    { ...config, data: { ...config.data, dir: null } },
    config.runtime.threads === null ? cores : null,
    folder === null ? null : stampFolder(folder),
    split === undefined ? null : readText(split),
    stampFile(config.model.weights),
    own.out ?? null,
    maxMinutes ?? null,
  ]);
  return { key, name, commands: [[CLI, ...trainArguments(own)], ...afterwards] };
}

/** A run that goes on where it is. */
export function resumeTask(run: string, maxMinutes?: number): TaskSpec {
  const dir = path.resolve(run);
  const limit = maxMinutes === undefined ? [] : ['--max-minutes', String(maxMinutes)];
  return {
    key: taskKey(['resume', dir, maxMinutes ?? null]),
    name: path.basename(dir),
    commands: [[CLI, 'train', '--resume', dir, ...limit]],
  };
}

export function configOf({ experiment, preset = 'cpu', seed, set, data }: StartOptions): ExperimentConfig {
  const [name, variant] = experiment.split(':');
  const found = findExperiment(name);
  const dir = data === undefined ? [] : [`data.dir=${JSON.stringify(path.resolve(data))}`];
  return resolveConfig(found, {
    variant: variantOf(found, variant),
    preset,
    seed,
    set: [...(set ?? []), ...dir],
  });
}

function readText(file: string): string {
  if (!fs.existsSync(file)) throw new DataError('no such file or folder', { where: file });
  return fs.readFileSync(file, 'utf8');
}

/** Names, sizes and times of all files of a folder: other data is other work. Its bytes are read on the node. */
export function stampFolder(dir: string): string {
  const known = stamps.get(dir);
  if (known !== undefined) return known;
  if (!fs.existsSync(dir)) throw new DataError('no such file or folder', { where: dir });
  const files = fs
    .readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const stamp = taskKey(files.map((file) => [path.relative(dir, file), stampFile(file)]));
  stamps.set(dir, stamp);
  return stamp;
}
/** One command looks at a data set once, however many runs it asks for. */
const stamps = new Map<string, string>();

/** Size and time of a file; its name where it is none (weights that are known by name). */
export function stampFile(file: string): string {
  const status = fs.statSync(file, { throwIfNoEntry: false });
  return status?.isFile() ? `${status.size} ${status.mtimeMs}` : file;
}

/** Starts a run on a node and resolves when it has its folder there. */
async function startOnSlurm(options: StartOptions): Promise<RunHandle> {
  const slurm = siteOptions();
  const config = configOf(options);
  const cores = config.runtime.threads ?? CORES;
  const set = [...(options.set ?? []), `runtime.threads=${cores}`];
  const task = trainTask({ ...options, set }, options.experiment, { cores });
  const submit: SubmitOptions = { title: options.experiment, slurm, cores };
  await submitTasks([task], submit);
  let started: TaskView | undefined;
  const views = await followTasks([task], {
    submit,
    onViews: ([view]) => {
      if (view.run !== null && fs.existsSync(path.join(view.run, 'config.json'))) started = view;
    },
    interrupted: () => started !== undefined,
  });
  const run = started?.run ?? views?.[0].run;
  if (!run) throw taskError(views?.[0]);
  return followRun(run, task, submit);
}

/** A run on a node: what its folder tells, and what the queue tells of it. */
function followRun(dir: string, task: TaskSpec, submit: SubmitOptions): RunHandle {
  return {
    ...attachRun(dir),
    stop: async () => {
      await stopTasks((await currentTasks()).filter(({ key }) => key === task.key));
      return runState(dir);
    },
    finished: async (onState) => {
      const views = await followTasks([task], { submit, onViews: () => onState?.(runState(dir)) });
      const state: RunState = runState(dir);
      onState?.(state);
      const view = views?.[0];
      if (view && view.state !== 'done' && view.state !== 'stopped') throw taskError(view);
      return state;
    },
  };
}

/** A run by its folder, wherever it trains: on this machine, on a node, waiting for one, or not at all. */
export function attachAnywhere(run: string): RunHandle {
  const local = attachRun(run);
  const dir = path.resolve(local.dir);
  const onNode = async (): Promise<RunHandle> => {
    const view = tasksNamed(dir, await currentTasks()).find((one) => !isOver(one));
    const task = view && specOf(view.key);
    const ticket = view && readTicket(view.key);
    return task && ticket ? followRun(local.dir, task, readSubmission(ticket.submission)) : local;
  };
  return {
    ...local,
    stop: async () => await (await onNode()).stop(),
    finished: async (onState) => await (await onNode()).finished(onState),
  };
}

/** What became of a task that is not done, as an error. */
export function taskError(view: TaskView | undefined): CytobenchError {
  const { state = 'gone', message, node, job, log } = view ?? {};
  const place = [job && `job ${job}`, node && `node ${node}`].filter(Boolean).join(', ');
  const words: Partial<Record<TaskView['state'], string>> = {
    stopped: 'was stopped',
    cancelled: 'was cancelled with scancel',
    gone: 'left the queue before it began (cancelled?)',
    lost: 'was lost: it left the queue without a word',
  };
  const what = state === 'failed' || !words[state] ? (message ?? state) : words[state];
  return new CytobenchError(`${what.replace(/\.$/, '')}${place ? ` (${place})` : ''}`, {
    fix: `The same command continues it.${log ? ` Log: ${log}` : ''}`,
  });
}

/** Runs on the nodes of a cluster, as its Slurm finds place for them. */
export const slurmExecutor: Executor = {
  name: 'slurm',
  about: 'a node of the cluster, through Slurm; options are in cytobench.json',
  start: startOnSlurm,
};
