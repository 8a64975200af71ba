import type { Command } from 'commander';
import { UsageError } from '../core/errors';
import type { NodeNeeds } from '../runs/executors/slurm/check';
import type { SlurmOptions } from '../runs/executors/slurm/site';
import type { SubmitOptions } from '../runs/executors/slurm/submit';
import type { TaskSpec, TaskView } from '../runs/executors/slurm/tasks';
import { type CommonOptions, parseCount, parseWhole, printResult, say } from './command';

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
  const { siteOptions } = await import('../runs/executors/slurm/site');
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
  const { checkNode } = await import('../runs/executors/slurm/check');
  const { describeResources, siteLimits, withResources } = await import('../runs/executors/slurm/resources');
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
  const { previewScripts } = await import('../runs/executors/slurm/submit');
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

/** What a first signal does to a command that waits. */
export const WAITING_ENDS = 'no longer waiting';

/** Where waiting was given up: the work goes on. */
export function leaveBehind(signal: string | null): void {
  process.exitCode = signal === 'SIGINT' ? 130 : 143;
  say('the tasks go on; the same command waits for them again, `cytobench stop JOB` ends them');
}
