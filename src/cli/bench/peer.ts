import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as readline from 'node:readline';
import { CytobenchError } from '../../core/errors';
import { PACKAGE_ROOT } from '../../core/package_root';
import { say } from '../command';

const ENVIRONMENT = path.join(PACKAGE_ROOT, 'bench', '.env');

/** A file in bench/ (sources) or dist/bench (compiled). */
export function benchFile(...parts: string[]): string {
  return path.join(PACKAGE_ROOT, 'bench', ...parts);
}

export function compiledBenchFile(name: string): string {
  return path.join(PACKAGE_ROOT, 'dist', 'bench', name);
}

/**
 * The Python of the peers' own environment, bench/.env, made on first use; `name` is a module, its requirements in
 * `bench/peers/NAME.txt`. Nothing of it is a dependency of the product.
 */
export function peerPython(name: string): string {
  const python = path.join(ENVIRONMENT, 'bin', 'python');
  if (!fs.existsSync(python)) {
    say(`making bench/.env for ${name}`);
    run('python3', ['-m', 'venv', ENVIRONMENT], name);
  }
  try {
    execFileSync(python, ['-c', `import ${name}`], { stdio: 'ignore' });
  } catch {
    say(`installing ${name} into bench/.env`);
    run(python, ['-m', 'pip', 'install', '--quiet', '-r', benchFile('peers', `${name}.txt`)], name);
  }
  return python;
}

/** Runs a program that prints one JSON document. */
export function runJson<T>(program: string, args: readonly string[]): T {
  return JSON.parse(run(program, args, path.basename(args[0]))) as T;
}

function run(program: string, args: readonly string[], what: string): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr ?? (error as Error).message);
    throw new CytobenchError(`${what}: ${text.trim().split('\n').at(-1)}`, {
      where: path.basename(program),
      fix: 'The peers need Python 3 with venv, and pip with a package index to install from.',
    });
  }
}

/** What a driven process answers to one line. */
export interface Answer {
  readonly seconds: number;
  /** Losses by name, or detections. */
  readonly values: Readonly<Record<string, number>>;
  readonly peakRssMb: number;
  /** Regions that went through the box head. */
  readonly rois?: number;
}

/** A process that does one piece of work for each line it is sent, so that two can be timed in turn. */
export class DrivenProcess {
  private readonly child: ChildProcess;
  private readonly answers: AsyncIterator<string>;
  private complaint = '';

  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(program, args, {
      // An empty value takes the variable away.
      env: Object.fromEntries(Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== '')),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.child;
    if (!stdout || !stderr) throw new CytobenchError(`${program} has no output`);
    this.answers = readline.createInterface({ input: stdout })[Symbol.asyncIterator]();
    stderr.on('data', (text: Buffer) => {
      this.complaint = `${this.complaint}${text}`.slice(-4000);
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Waits for the process to be ready; what it says of itself. */
  async ready(): Promise<Readonly<Record<string, unknown>>> {
    return (await this.read()) as Readonly<Record<string, unknown>>;
  }

  /** The answer to one line. */
  async ask<T>(line: string): Promise<T> {
    this.child.stdin?.write(`${line}\n`);
    return (await this.read()) as T;
  }

  /** One piece of work. */
  async work(): Promise<Answer> {
    this.child.stdin?.write('\n');
    return (await this.read()) as Answer;
  }

  /** One piece of work, or null where it takes longer; the process is then ended. */
  async workWithin(seconds: number): Promise<Answer | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), seconds * 1000);
    });
    const answer = this.work();
    try {
      const first = await Promise.race([answer, late]);
      if (first) return first;
    } finally {
      clearTimeout(timer);
    }
    // It ends without an answer, which is no error here.
    answer.catch(() => {});
    this.close();
    return null;
  }

  close(): void {
    this.child.stdin?.end();
    this.child.kill();
  }

  private async read(): Promise<unknown> {
    const { value, done } = await this.answers.next();
    if (done)
      throw new CytobenchError(`a benchmark's process ended: ${this.complaint.trim().split('\n').at(-1)}`);
    return JSON.parse(value);
  }
}

/** Works in turn, A B A B; the first round of each, which builds code and caches, is left out. */
export async function workInTurn(processes: readonly DrivenProcess[], pairs: number): Promise<Answer[][]> {
  const answers: Answer[][] = processes.map(() => []);
  for (let round = -1; round < pairs; round++)
    for (const [i, one] of processes.entries()) {
      const answer = await one.work();
      if (round >= 0) answers[i].push(answer);
    }
  return answers;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
