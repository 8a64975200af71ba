import { type ChildProcess, spawn } from 'node:child_process';
import * as readline from 'node:readline';
import { CytobenchError } from '../core/errors';

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

  /** Waits for the process to be ready; what it says of itself. */
  async ready(): Promise<Readonly<Record<string, unknown>>> {
    return (await this.read()) as Readonly<Record<string, unknown>>;
  }

  /** One piece of work. */
  async work(): Promise<Answer> {
    this.child.stdin?.write('\n');
    return (await this.read()) as Answer;
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
