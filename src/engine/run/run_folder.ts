import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { fileError, readJson, writeFileAtomic, writeJson } from '../../core/files';
import type { LossName } from '../../detection/mask_rcnn';
import type { ExperimentConfig, PresetName } from '../config/types';

/** What `config.json` of a run holds. */
export interface RunDescription {
  readonly experiment: string;
  readonly variant: string;
  readonly preset: PresetName;
  readonly config: ExperimentConfig;
  /** Class names 1..K. */
  readonly classes: readonly string[];
  readonly pixelSize: number | null;
  readonly channelOrder: 'rgb' | 'bgr';
  /** The folder trained on, or null for synthetic tissue. */
  readonly data: string | null;
  readonly split: {
    readonly train: readonly string[];
    readonly val: readonly string[];
    readonly note: string;
  };
  /** Where the weights came from, in words. */
  readonly start: string;
  /** Hash of everything that was asked for and decides the result: two runs of one hash are one run. */
  readonly hash: string;
  /** The command that makes it again. */
  readonly command: string;
}

/** A line of `metrics.jsonl`. */
export interface StepMetrics {
  readonly type: 'step';
  readonly step: number;
  readonly epoch: number;
  readonly losses: Readonly<Record<LossName, number>>;
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
    readonly losses: Readonly<Record<LossName, number>>;
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

/** A run on the disk. */
export class RunFolder {
  constructor(readonly dir: string) {}

  static open(dir: string): RunFolder {
    if (!fs.existsSync(path.join(dir, 'config.json')))
      throw new DataError('is not a run', {
        where: dir,
        fix: 'A run holds config.json; `cytobench runs` lists them.',
      });
    return new RunFolder(dir);
  }

  file(...parts: string[]): string {
    return path.join(this.dir, ...parts);
  }

  describe(): RunDescription {
    return readJson<RunDescription>(this.file('config.json'));
  }

  begin(description: RunDescription): void {
    writeJson(this.file('config.json'), description);
  }

  append(metrics: Metrics): void {
    try {
      fs.appendFileSync(this.file('metrics.jsonl'), `${JSON.stringify(metrics)}\n`);
    } catch (error) {
      throw fileError(error, this.file('metrics.jsonl'), 'write');
    }
  }

  metrics(): Metrics[] {
    if (!fs.existsSync(this.file('metrics.jsonl'))) return [];
    const lines = fs.readFileSync(this.file('metrics.jsonl'), 'utf8').split('\n');
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Metrics];
      } catch {
        return []; // The last line of a killed run may be cut.
      }
    });
  }

  /** Drops what was logged after the checkpoint that a run continues from: its step and epoch are the next to do. */
  truncateMetrics(step: number, epoch: number): void {
    const kept = this.metrics().filter((line) =>
      line.type === 'step' ? line.step < step : line.epoch < epoch && line.step <= step,
    );
    writeFileAtomic(this.file('metrics.jsonl'), kept.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}

/** Hash of what decides a run's result: not how many threads load its data, nor how often it is saved or logged. */
export function runHash({ config, split }: Pick<RunDescription, 'config' | 'split'>): string {
  const { logging: _, training, ...rest } = config;
  const { workers: _workers, checkpointMinutes: _minutes, ...loop } = training;
  const decides = { ...rest, training: loop, train: split.train, val: split.val };
  return createHash('sha256').update(JSON.stringify(decides)).digest('hex').slice(0, 8);
}

/** experiment-variant-s0-1a2b3c4d. */
export function runName({
  experiment,
  variant,
  config,
  hash,
}: Pick<RunDescription, 'experiment' | 'variant' | 'config' | 'hash'>): string {
  return `${experiment}-${variant}-s${config.seed}-${hash}`;
}
