import * as fs from 'node:fs';
import { fileError, writeFileAtomic } from '../core/files';

/** A line of `metrics.jsonl`. */
export interface StepMetrics {
  readonly type: 'step';
  readonly step: number;
  readonly epoch: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly total: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  /** Tensors alive after the step: a number that grows is a leak. */
  readonly tensors: number;
  /** Resident memory after the step, MB. */
  readonly rssMb: number;
  readonly seconds: number;
  /** Waited for its samples before the step began, seconds; runs of older versions lack it. */
  readonly waitedSeconds?: number;
}

export interface EpochMetrics {
  readonly type: 'epoch';
  /** Steps done. */
  readonly step: number;
  readonly epoch: number;
  readonly validation: {
    readonly losses: Readonly<Record<string, number>>;
    readonly total: number;
    readonly AP50: number;
  } | null;
  readonly learningRate: number;
  readonly seconds: number;
}

export type Metrics = StepMetrics | EpochMetrics;

/** The steps of a log, in order. */
export function stepsOf(metrics: readonly Metrics[]): StepMetrics[] {
  return metrics.filter((line): line is StepMetrics => line.type === 'step');
}

/** The epochs of a log, in order; epoch -1 is the validation before the first step. */
export function epochsOf(metrics: readonly Metrics[]): EpochMetrics[] {
  return metrics.filter((line): line is EpochMetrics => line.type === 'epoch');
}

/** `metrics.jsonl`: what a run logs, a line each. */
export class MetricsLog {
  constructor(readonly file: string) {}

  append(metrics: Metrics): void {
    try {
      fs.appendFileSync(this.file, `${JSON.stringify(metrics)}\n`);
    } catch (error) {
      throw fileError(error, this.file, 'write');
    }
  }

  read(): Metrics[] {
    if (!fs.existsSync(this.file)) return [];
    const lines = fs.readFileSync(this.file, 'utf8').split('\n');
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Metrics];
      } catch {
        return []; // The last line of a killed run may be cut.
      }
    });
  }

  /** Drops what was logged after the checkpoint that a run continues from: its step and epoch are the next to do. */
  truncate(step: number, epoch: number): void {
    const kept = this.read().filter((line) =>
      line.type === 'step' ? line.step < step : line.epoch < epoch && line.step <= step,
    );
    writeFileAtomic(this.file, kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
