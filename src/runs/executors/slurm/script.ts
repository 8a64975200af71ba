import * as path from 'node:path';
import { UsageError } from '../../../core/errors';
import { PACKAGE_ROOT } from '../../../core/package_root';
import { runsFolder } from '../../run_folder';
import { JOB_PREFIX } from './commands';
import { type SlurmOptions, secondsOfTime } from './site';

/** One array, or one job of its own. */
export interface ScriptParts {
  /** Of what it is: an experiment, `predict`. */
  readonly title: string;
  /** Names the folder of this submission. */
  readonly submission: string;
  readonly folder: string;
  readonly tasks: number;
  readonly slurm: SlurmOptions;
  readonly cores: number;
  /** At most so many at once. */
  readonly atOnce?: number;
  /** Jobs that must have ended before. */
  readonly after?: readonly number[];
}

/** Seconds before the time limit at which a task is told to end with a checkpoint, unless the limit is short. */
const LEAD = 120;

/** Seconds before the limit at which a task ends in order: a quarter of a short one. */
export function leadOf(time: string | undefined): number {
  const limit = time === undefined ? null : secondsOfTime(time);
  return limit === null ? LEAD : Math.max(5, Math.min(LEAD, Math.floor(limit / 4)));
}

/** The batch script, as it is handed in and as `--dry-run` prints it. */
export function batchScript(parts: ScriptParts): string {
  const { title, submission, folder, tasks, slurm, cores, atOnce, after = [] } = parts;
  const log = path.join(folder.replaceAll('%', '%%'), 'logs', '%a.log');
  const named: readonly (readonly [string, string | undefined])[] = [
    ['partition', slurm.partition],
    ['account', slurm.account],
    ['qos', slurm.qos],
    ['constraint', slurm.constraint],
    ['gres', slurm.gres],
    ['mem', slurm.mem],
    ['time', slurm.time],
  ];
  const options = [
    `--job-name=${JOB_PREFIX}${title.replace(/[^\w.-]+/g, '-')}-${submission}`,
    `--array=0-${tasks - 1}${atOnce === undefined ? '' : `%${atOnce}`}`,
    `--chdir=${process.cwd()}`,
    `--output=${log}`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:USR1@${leadOf(slurm.time)}`,
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cores}`,
    ...(after.length > 0 ? [`--dependency=afterany:${after.join(':')}`] : []),
    ...named.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...(slurm.options ?? []),
  ];
  const exported = Object.entries(process.env).filter(
    ([name]) =>
      /^(CYTOBENCH_|TF_|NVIDIA_TF32)/.test(name) &&
      !/^(CYTOBENCH_RUNS|CYTOBENCH_SLURM_TASK|TF_NUM_.*)$/.test(name),
  );
  return [
    '#!/bin/bash',
    ...options.map((option) => `#SBATCH ${sbatchQuoted(option)}`),
    '',
    `export CYTOBENCH_RUNS=${quoted(path.resolve(runsFolder()))}`,
    ...exported.map(([name, value]) => `export ${name}=${quoted(value ?? '')}`),
    ...(slurm.setup ?? []),
    `node=${quoted(process.execPath)}`,
    '[ -x "$node" ] || node=$(command -v node) || {',
    `  echo "cytobench: node $(hostname -s) has no Node, neither ${process.execPath} nor on its path. Install it there, load it in slurm.setup of cytobench.json, or leave the node out: --slurm-option=--exclude=$(hostname -s)" >&2`,
    '  exit 1; }',
    `task=${quoted(path.join(PACKAGE_ROOT, 'dist', 'src', 'runs', 'executors', 'slurm', 'task.js'))}`,
    '[ -r "$task" ] || {',
    `  echo "cytobench: node $(hostname -s) does not see ${PACKAGE_ROOT}. Put the package on the shared file system, or leave the node out: --slurm-option=--exclude=$(hostname -s)" >&2`,
    '  exit 1; }',
    `exec "$node" "$task" ${quoted(folder)} "$SLURM_ARRAY_TASK_ID"`,
    '',
  ].join('\n');
}

/** Set in every task, so that a command knows that it is one. */
export const TASK_VARIABLE = 'CYTOBENCH_SLURM_TASK';

/** One word of a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** One option of a line `#SBATCH`, which knows quotes and no shell. */
function sbatchQuoted(option: string): string {
  if (/[\n\r]/.test(option) || (/\s/.test(option) && option.includes('"')))
    throw new UsageError(`${JSON.stringify(option)} cannot stand in a batch script`, {
      fix: 'Leave out its line breaks and quotes.',
    });
  return /[\s#]/.test(option) ? option.replace(/^(-+[\w-]+=)?(.*)$/s, '$1"$2"') : option;
}
