import * as path from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../../core/errors';
import { readJson } from '../../core/files';
import type { NodeNeeds } from '../../runs/executors/slurm/check';
import type { SlurmOptions } from '../../runs/executors/slurm/site';
import type { SubmitOptions } from '../../runs/executors/slurm/submit';
import type { TaskSpec, TaskView } from '../../runs/executors/slurm/tasks';
import { type CommonOptions, parseCount, parseWhole, printResult, say, watchSignals } from '../command';
import { progressTable } from './progress_table';

/** What commands that can hand their work to a cluster take. */
export interface SlurmFlags {
  readonly on?: string;
  readonly partition?: string;
  readonly gres?: string;
  readonly time?: string;
  readonly mem?: string;
  readonly account?: string;
  readonly constraint?: string;
  readonly qos?: string;
  readonly arrayLimit?: number;
  readonly maxRestarts?: number;
  readonly slurmOption?: readonly string[];
  readonly dryRun?: boolean;
  readonly wait: boolean;
  readonly check: boolean;
  readonly collect?: boolean;
}

/** Adds `--on slurm` and what goes with it. Defaults of a site are in `cytobench.json`. */
export function withSlurmOptions(command: Command, { collect }: { readonly collect?: string } = {}): Command {
  command
    .option('--on <where>', 'local, or slurm: handed to the cluster (docs/cluster.md)', 'local')
    .option('--partition <name>', 'with --on slurm: the partition')
    .option('--gres <list>', 'with --on slurm: further resources, gpu:1')
    .option('--time <t>', 'with --on slurm: time limit of a task, 2:00:00 (default: from the estimate)')
    .option('--mem <size>', 'with --on slurm: memory of a task, 8G (default: from the estimate)')
    .option('--account <name>', 'with --on slurm: whom it is charged to')
    .option('--constraint <features>', 'with --on slurm: features that a node must have')
    .option('--qos <name>', 'with --on slurm: quality of service')
    .option(
      '--array-limit <n>',
      'with --on slurm: tasks at once (default: as many as find place)',
      parseCount,
    )
    .option('--max-restarts <n>', 'with --on slurm: how often a task is restarted (default: 20)', parseWhole)
    .option(
      '--slurm-option <option>',
      'with --on slurm: any other option of sbatch, --slurm-option=--exclude=n7; may be repeated',
      (value: string, all: string[] = []) => [...all, value],
    )
    .option('--dry-run', 'with --on slurm: print the batch script, hand in nothing')
    .option('--no-wait', 'with --on slurm: hand in and return')
    .option('--no-check', 'with --on slurm: hand in without a test job before');
  return collect === undefined ? command : command.option('--collect', collect);
}

/** Whether the work goes to Slurm; options of Slurm without it are an error. */
export function isOnSlurm(flags: SlurmFlags): boolean {
  const { on = 'local' } = flags;
  if (on === 'slurm') return true;
  if (on !== 'local') throw new UsageError(`--on ${on}: expected local or slurm`);
  const named: readonly (readonly [string, unknown])[] = [
    ['--partition', flags.partition],
    ['--gres', flags.gres],
    ['--time', flags.time],
    ['--mem', flags.mem],
    ['--account', flags.account],
    ['--constraint', flags.constraint],
    ['--qos', flags.qos],
    ['--array-limit', flags.arrayLimit],
    ['--max-restarts', flags.maxRestarts],
    ['--slurm-option', flags.slurmOption],
    ['--dry-run', flags.dryRun],
    ['--no-wait', flags.wait ? undefined : true],
    ['--no-check', flags.check ? undefined : true],
  ];
  const [stray] = named.filter(([, value]) => value !== undefined);
  if (stray && !flags.collect)
    throw new UsageError(`${stray[0]} is of a cluster`, { fix: 'Add --on slurm.' });
  return false;
}

/** Cores of a task: one, unless `--threads` says how many. */
export function coresAsked({ threads }: CommonOptions): number {
  return threads === undefined ? 1 : Number(threads);
}

/** The site's options, those of the command over them. */
export async function slurmOptions(flags: SlurmFlags): Promise<SlurmOptions> {
  const { siteOptions } = await import('../../runs/executors/slurm/site');
  const { partition, gres, time, mem, account, constraint, qos, arrayLimit, maxRestarts, slurmOption } =
    flags;
  return siteOptions({
    partition,
    gres,
    time,
    mem,
    account,
    constraint,
    qos,
    arrayLimit,
    maxRestarts,
    options: slurmOption && [...slurmOption],
  });
}

/** What is to be handed in. */
export interface SlurmWork {
  readonly title: string;
  /** What one task is: a run, a part. */
  readonly noun: string;
  readonly tasks: readonly TaskSpec[];
  readonly cores: number;
  readonly needs: NodeNeeds;
  /** How many of what was estimated a task does, one after the other. Default 1. */
  readonly each?: number;
}

/** Looks at a node, and says what each task will ask for: nothing is handed in yet. */
export async function prepareSubmit(work: SlurmWork, flags: SlurmFlags): Promise<SubmitOptions> {
  const { checkNode } = await import('../../runs/executors/slurm/check');
  const { describeResources, siteLimits, withResources } = await import(
    '../../runs/executors/slurm/resources'
  );
  const slurm = await slurmOptions(flags);
  const { title, cores, needs, tasks, noun, each = 1 } = work;
  const limits = await siteLimits(slurm);
  const report = flags.check ? await checkNode(needs, { title, slurm, cores, say }) : null;
  const one = report?.estimate;
  const estimate = one ? { ...one, seconds: one.seconds * each } : null;
  const asked = withResources(slurm, estimate, limits);
  say(describeResources(asked, { tasks: tasks.length, cores, noun }, estimate));
  return { title, slurm: asked, cores, say };
}

/** Prints the batch scripts of `--dry-run`. */
export async function printScripts(
  work: Pick<SlurmWork, 'title' | 'tasks' | 'cores'>,
  flags: SlurmFlags & CommonOptions,
): Promise<void> {
  const { previewScripts } = await import('../../runs/executors/slurm/submit');
  const { title, tasks, cores } = work;
  const scripts = previewScripts(tasks, { title, slurm: await slurmOptions(flags), cores });
  const commands = tasks.map(({ name, commands: [[, ...words]] }) => ({ name, command: words.join(' ') }));
  printResult(flags, { scripts, tasks: commands, jobs: [] }, () =>
    [
      ...scripts,
      `# ${tasks.length} tasks in ${scripts.length} arrays; the number of a task is its place in this list:`,
      ...commands.slice(0, 20).map(({ name, command }, i) => `# ${i}  ${name}: ${command}`),
      ...(commands.length > 20 ? [`# … and ${commands.length - 20} more (--json lists all)`] : []),
    ].join('\n'),
  );
}

/** What `--json` says of a task. */
export function jobsOf(views: readonly TaskView[]): object[] {
  return views.map(({ job, name, state, reason, partition, node, restarts, run, message, log }) => ({
    job,
    name,
    state,
    reason,
    partition,
    node,
    restarts,
    run,
    message,
    log,
  }));
}

/** What a person who does not wait is told. */
export function describeHandedIn(views: readonly TaskView[], again: string): string {
  const jobs = [...new Set(views.flatMap(({ job }) => job?.split('_')[0] ?? []))];
  const count = (...wanted: readonly TaskView['state'][]): number =>
    views.filter(({ state }) => wanted.includes(state)).length;
  return [
    `${views.length} tasks: ${count('pending')} wait, ${count('running')} run, ${count('done')} are done; jobs ${jobs.join(', ') || 'none'}`,
    `\`cytobench runs\` shows them, \`cytobench stop JOB\` ends them; ${again}`,
  ].join('\n');
}

/** What is handed in together with a task that collects it. */
export interface CollectedWork extends SlurmWork {
  /** The command that collects, without the name of the program; it answers in JSON. */
  readonly collect: readonly string[];
  /** How a person sees what is there before all is. */
  readonly again: string;
}

/**
 * Hands in work, and behind it a task that collects it; waits for both, and gives what was collected, with `jobs`. Null where
 * nobody waits: then all is said.
 */
export async function handInAndCollect<T>(
  work: CollectedWork,
  flags: SlurmFlags & CommonOptions,
): Promise<(T & { readonly jobs: object[]; readonly missing: string[] }) | null> {
  const { CLI, taskError } = await import('../../runs/executors/slurm/slurm');
  const { slurmFolder, taskKey } = await import('../../runs/executors/slurm/tasks');
  const { submitTasks, viewAll } = await import('../../runs/executors/slurm/submit');
  const { sharedQueue } = await import('../../runs/executors/slurm/commands');
  const { followTasks } = await import('../../runs/executors/slurm/follow');
  const { progressOfTasks } = await import('../../runs/executors/slurm/places');
  const { title, noun, tasks, collect, again } = work;
  const submit = await prepareSubmit(work, flags);
  const after = tasks.map(({ key }) => key);
  const key = taskKey(['collect', collect, after]);
  const output = path.join(slurmFolder(), 'results', `${key}.json`);
  const collector = { key, name: `${title}: collecting`, commands: [[CLI, ...collect]], output, after };
  const signals = watchSignals(WAITING_ENDS);
  try {
    const handedIn = await submitTasks(tasks, submit);
    const open = handedIn.filter(({ state }) => state === 'pending' || state === 'running');
    const jobs = [...new Set(open.map(({ job }) => Number(job?.split('_')[0])))];
    // It counts what others have found: it needs no card.
    const { gres: _gres, arrayLimit: _limit, ...slurm } = submit.slurm;
    const behind = { ...submit, slurm, title: `${title}-collect` };
    const [collecting] = await submitTasks([collector], { ...behind, after: jobs });
    if (!flags.wait) {
      const views = [...handedIn, collecting];
      printResult(flags, { jobs: jobsOf(views) }, () => describeHandedIn(views, again));
      return null;
    }
    const table = await progressTable(1, `${noun}s`);
    const follow = { interrupted: signals.received, say: table.say };
    const onViews = (views: readonly TaskView[]): void => table.show(progressOfTasks(views));
    const done = await followTasks(tasks, { ...follow, submit, onViews });
    if (done) say('putting together what was found');
    const collected = done && (await followTasks([collector], { ...follow, submit: behind }));
    if (!collected) {
      leaveBehind(signals.received());
      return null;
    }
    if (collected[0].state !== 'done') throw taskError(collected[0]);
    const found = readJson<T & { readonly missing: string[] }>(output);
    const views = viewAll(tasks, await sharedQueue(slurmFolder()));
    return { ...found, jobs: jobsOf([...views, ...collected]) };
  } finally {
    signals.stop();
  }
}

/** What a first signal does to a command that waits. */
export const WAITING_ENDS = 'no longer waiting';

/** Where waiting was given up: the work goes on. */
export function leaveBehind(signal: string | null): void {
  process.exitCode = signal === 'SIGINT' ? 130 : 143;
  say('the tasks go on; the same command waits for them again, `cytobench stop JOB` ends them');
}
