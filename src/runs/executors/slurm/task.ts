// What a node runs: one task of an array. It starts the commands of its task, hears the signals of Slurm, and says in a file
// how it ended; it loads nothing of the native runtime itself.
import { spawn } from 'node:child_process';
import * as os from 'node:os';
import * as path from 'node:path';
import { describeError } from '../../../core/errors';
import { writeFileAtomic } from '../../../core/files';
import { lockOwner } from '../../../core/lock';
import { savedState } from '../../../training/checkpoint_state';
import { show, slurm } from './commands';
import { leadOf, TASK_VARIABLE } from './script';
import { MAX_RESTARTS } from './site';
import { resubmitLost, submitTasks } from './submit';
import {
  type Attempt,
  isComplete,
  isStopped,
  lastLines,
  logFile,
  readState,
  readSubmission,
  readTicket,
  type Submission,
  specOf,
  type TaskSpec,
  type TaskState,
  writeState,
} from './tasks';

/** How long a run that another process trains is waited for before the node is given back. */
const HELD_MS = 600_000;
const PAUSE_MS = 2000;

/** How a command ended. */
interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said went wrong. */
  readonly error: string | null;
  readonly output: string;
}

class Task {
  private readonly submission: Submission;
  private readonly spec: TaskSpec;
  private state: TaskState;
  /** The signal that asked it to end. */
  private asked: 'SIGTERM' | 'SIGUSR1' | null = null;
  private child: ReturnType<typeof spawn> | null = null;
  private run: string | null;
  private readonly job = `${process.env.SLURM_ARRAY_JOB_ID}_${process.env.SLURM_ARRAY_TASK_ID}`;

  constructor(
    private readonly folder: string,
    private readonly index: number,
  ) {
    this.submission = readSubmission(path.basename(folder));
    this.spec = this.submission.tasks[index];
    const before = readState(this.spec.key);
    this.run = before?.run ?? null;
    const attempt: Attempt = {
      job: this.job,
      node: process.env.SLURMD_NODENAME || os.hostname(),
      from: this.steps(),
    };
    this.state = {
      submission: path.basename(folder),
      state: 'running',
      run: this.run,
      message: null,
      attempts: [...(before?.attempts ?? []), attempt],
    };
  }

  /** Works until there is no more to do here; gives the exit code. */
  async conduct(): Promise<number> {
    const { key } = this.spec;
    // Slurm may start again what was given up and handed in anew, or what was done when its controller was ended.
    const ticket = readTicket(key);
    if (ticket && ticket.submission !== this.state.submission) {
      say('was handed in anew: nothing is left to do here');
      return 0;
    }
    if (this.spec.after === undefined && isComplete(this.spec)) {
      say('is done: nothing is left to do');
      return 0;
    }
    if (isStopped(key)) return this.end('stopped', 'stopped before it began');
    const most = this.submission.slurm.maxRestarts ?? MAX_RESTARTS;
    const { attempts } = this.state;
    if (attempts.length > most + 1)
      return this.end(
        'failed',
        `was restarted ${most} times and has not ended: the same command continues it`,
      );
    this.note('running', null);
    process.on('SIGTERM', () => this.ask('SIGTERM'));
    process.on('SIGINT', () => this.ask('SIGTERM'));
    process.on('SIGUSR1', () => void this.beforeLimit());
    if (this.spec.after && !(await this.allEnded(this.spec.after))) return this.end('requeued', null);
    for (const command of this.spec.commands) {
      const last = command === this.spec.commands.at(-1);
      const code = await this.step(command, last);
      if (code !== null) return code;
    }
    return this.end('done', null);
  }

  /** One command to its end; null where it ended well. */
  private async step(command: readonly string[], last: boolean): Promise<number | null> {
    const began = performance.now();
    for (;;) {
      if (this.asked) return await this.leave();
      const ended = await this.start(command, last);
      // An answer that tells of failures (exit 1) is an answer.
      const answered = last && this.spec.output !== undefined && ended.output !== '' && ended.code === 1;
      if (ended.code === 0 || answered) {
        if (last && this.spec.output) writeFileAtomic(this.spec.output, ended.output);
        return null;
      }
      if (this.asked || ended.code === 143 || ended.code === 130) return await this.leave();
      const owner = this.run === null ? null : lockOwner(path.join(this.run, 'lock.json'));
      if (owner === null) return await this.afterFailure(ended);
      // The task of another study, or one that a node without a connection goes on with: two never train one run.
      say(`waits for process ${owner.pid} of ${owner.host}, which trains this run`);
      while (!this.asked && lockOwner(path.join(this.run ?? '', 'lock.json')) !== null) {
        if (performance.now() - began > HELD_MS) return await this.requeue('its run is trained elsewhere');
        await pause(PAUSE_MS);
      }
    }
  }

  private start(command: readonly string[], last: boolean): Promise<Ended> {
    const args = command.map((word) => (word === '{run}' ? (this.run ?? '') : word));
    const kept = last && this.spec.output !== undefined;
    return new Promise((resolve) => {
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', kept ? 'pipe' : 'inherit', 'pipe'],
        env: {
          ...process.env,
          [TASK_VARIABLE]: this.job,
          // Threads that nobody has named are the cores that were asked for.
          TF_NUM_INTRAOP_THREADS: String(this.submission.cores),
        },
      });
      this.child = child;
      let [output, tail, failure] = ['', '', null as Error | null];
      child.stdout?.on('data', (bytes: Buffer) => {
        output += bytes.toString('utf8');
      });
      child.stderr?.on('data', (bytes: Buffer) => {
        process.stderr.write(bytes);
        tail = `${tail}${bytes.toString('utf8')}`.slice(-20_000);
        const run = /^run (.+)$/m.exec(tail)?.[1];
        if (run !== undefined && run !== this.run) this.note('running', null, run);
      });
      child.on('error', (error) => {
        failure = error;
      });
      child.on('close', (code, signal) => {
        this.child = null;
        const error = /^cytobench: ([\s\S]+)$/m
          .exec(tail)?.[1]
          .trim()
          .replace(/\s*\n\s*/g, ' ');
        resolve({ code, signal, error: failure?.message ?? error ?? null, output });
      });
    });
  }

  /** Not asked to end, and not well: killed, or an error of its own. */
  private async afterFailure({ code, signal, error }: Ended): Promise<number> {
    if (signal === null) {
      // It has said so itself.
      this.note('failed', error ?? `ended with exit code ${code}`, this.run, 'failed');
      return 1;
    }
    const { attempts } = this.state;
    const [now, before] = [this.steps(), attempts.at(-1)?.from ?? null];
    const again = attempts.filter(
      ({ outcome, from }) => outcome?.startsWith('killed') && from === before,
    ).length;
    const moved = now !== null && now !== before;
    if (!moved && again > 0)
      return this.end(
        'failed',
        `its process was killed twice (${signal}) without getting further: out of memory? Ask for more with --mem.`,
      );
    return await this.requeue(`killed by ${signal}`);
  }

  /** Ends in order after a signal: queued again, unless a person has stopped or cancelled it. */
  private async leave(): Promise<number> {
    if (isStopped(this.spec.key)) return this.end('stopped', null);
    if (this.asked === 'SIGUSR1') return await this.requeue('time limit');
    const job = await jobInfo();
    const restarts = Number(process.env.SLURM_RESTART_COUNT ?? 0);
    if (job && Number(job.Restarts) > restarts) {
      this.note('requeued', null, this.run, this.reasonInLog() ?? 'preempted');
      return 0;
    }
    if (job && /RUNNING|SUSPENDED/.test(job.JobState))
      return await this.requeue(job.PreemptTime && job.PreemptTime !== 'None' ? 'preempted' : 'asked to end');
    const reason = this.reasonInLog();
    // Slurm is about to queue it again (preemption, a node that failed), or nobody is: then whoever follows it hands it in.
    if (!job || reason !== null) {
      this.note('requeued', null, this.run, reason ?? 'asked to end');
      return 1;
    }
    return this.end('cancelled', 'cancelled with scancel: the same command continues it');
  }

  /** Why Slurm ends the job, as its daemon wrote into the log. */
  private reasonInLog(): string | null {
    const lines = lastLines(logFile({ submission: path.basename(this.folder), index: this.index }), 30);
    // Earlier starts have written into the same log: the last such line counts, with a reason or without.
    const ended = lines.findLast((line) => line.includes(' CANCELLED AT '));
    const why = / DUE TO (.+?) \*\*\*/.exec(ended ?? '')?.[1];
    if (why === undefined) return null;
    return why
      .replace(/^JOB /, '')
      .replace(/^PREEMPTION$/, 'preempted')
      .toLowerCase();
  }

  /** Gives the node back and waits in the queue again. Slurm ends this process when it has heard of it. */
  private async requeue(outcome: string): Promise<number> {
    this.note('requeued', null, this.run, outcome);
    say(`${outcome}: queued again`);
    const id = process.env.SLURM_JOB_ID ?? '';
    for (;;) {
      try {
        await slurm('scontrol', ['requeue', id]);
        break;
      } catch (error) {
        // A controller that is being restarted answers a moment later; one that forbids it never does.
        say(`not queued again yet: ${describeError(error).split('\n')[0]}`);
        if (/disabled|not permitted|invalid/i.test((error as Error).message))
          return this.end(
            'failed',
            `could not be queued again (${(error as Error).message}): the same command continues it`,
          );
        await pause(5 * PAUSE_MS);
      }
    }
    await pause(60_000);
    return 1;
  }

  private ask(signal: 'SIGTERM' | 'SIGUSR1'): void {
    this.asked ??= signal;
    this.child?.kill('SIGTERM');
  }

  /** Slurm sends its signal up to a minute early: work goes on until a checkpoint just has time. */
  private async beforeLimit(): Promise<void> {
    const job = await jobInfo();
    const preempted = job?.PreemptTime !== undefined && job.PreemptTime !== 'None';
    const left = job?.EndTime ? (Date.parse(job.EndTime) - Date.now()) / 1000 : 0;
    const spare = left - leadOf(this.submission.slurm.time);
    if (!preempted && Number.isFinite(spare) && spare > 0) await pause(1000 * Math.min(spare, 120));
    this.ask('SIGUSR1');
  }

  /** Whether all tasks that are collected have ended; those that were lost are handed in again, and this one behind them. */
  private async allEnded(keys: readonly string[]): Promise<boolean> {
    const tasks = keys.flatMap((key) => specOf(key) ?? []);
    const { title, slurm: options, cores } = this.submission;
    const views = await resubmitLost(tasks, { title, slurm: options, cores, say });
    const open = views.filter(({ state }) => state === 'pending' || state === 'running');
    if (open.length === 0) return true;
    const after = [...new Set(open.map(({ job }) => Number(job?.split('_')[0])))];
    say(`${open.length} of ${keys.length} tasks have not ended: they are collected after them`);
    await submitTasks([this.spec], { title, slurm: options, cores, after, say, again: true });
    return false;
  }

  private steps(): number | null {
    return this.run === null ? null : (savedState(this.run)?.step ?? null);
  }

  private note(state: TaskState['state'], message: string | null, run = this.run, outcome?: string): void {
    this.run = run;
    const attempts = [...this.state.attempts];
    const last = attempts.at(-1) as Attempt;
    if (outcome !== undefined) attempts[attempts.length - 1] = { ...last, to: this.steps(), outcome };
    this.state = { ...this.state, state, message, run, attempts };
    writeState(this.spec.key, this.state);
  }

  private end(
    state: 'done' | 'failed' | 'stopped' | 'cancelled' | 'requeued',
    message: string | null,
  ): number {
    this.note(state, message, this.run, state);
    if (message !== null) say(message);
    return state === 'failed' ? 1 : 0;
  }
}

/** The job that this process is of; null where the controller does not answer. */
async function jobInfo(): Promise<Readonly<Record<string, string>> | null> {
  try {
    return await show('job', process.env.SLURM_JOB_ID ?? '');
  } catch {
    return null;
  }
}

function say(line: string): void {
  process.stderr.write(`slurm task: ${line}\n`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (require.main === module) {
  const [folder, index] = process.argv.slice(2);
  void (async () => {
    try {
      process.exitCode = await new Task(folder, Number(index)).conduct();
    } catch (error) {
      process.stderr.write(`cytobench: ${describeError(error)}\n`);
      process.exitCode = 1;
    }
    process.exit();
  })();
}
