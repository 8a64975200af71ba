import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { withTodaysNames } from '../config/legacy';
import type { PresetName } from '../config/presets';
import type { ExperimentConfig } from '../config/schema';
import { DataError, nearestName } from '../core/errors';
import { readJson, writeJson } from '../core/files';
import { PACKAGE_ROOT } from '../core/package_root';
import { type Metrics, MetricsLog } from '../training/metrics_log';

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

/** A run on the disk. */
export class RunFolder {
  readonly log: MetricsLog;

  constructor(readonly dir: string) {
    this.log = new MetricsLog(this.file('metrics.jsonl'));
  }

  /** A run by its folder, or by its bare name in the folder of runs. */
  static open(run: string): RunFolder {
    const dir = resolveRun(run);
    if (fs.existsSync(path.join(dir, 'config.json'))) return new RunFolder(dir);
    const near = fs.existsSync(dir) ? undefined : nearestName(path.basename(run), runNames());
    throw new DataError(`is not a run${near ? `; did you mean "${near}"?` : ''}`, {
      where: run,
      fix: 'A run holds config.json; `cytobench runs` lists them.',
    });
  }

  file(...parts: string[]): string {
    return path.join(this.dir, ...parts);
  }

  describe(): RunDescription {
    const found = readJson<RunDescription>(this.file('config.json'));
    return { ...found, config: withTodaysNames(found.config) };
  }

  begin(description: RunDescription): void {
    writeJson(this.file('config.json'), description);
  }

  /** What was logged so far. */
  metrics(): Metrics[] {
    return this.log.read();
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

/** Where run folders are made unless said otherwise: CYTOBENCH_RUNS, else results/runs. */
export function runsFolder(): string {
  return process.env.CYTOBENCH_RUNS || path.join(PACKAGE_ROOT, 'results', 'runs');
}

/** The run of a hash in the folder of runs, whatever experiment it was made for. */
export function findRun(hash: string): string | undefined {
  const runs = runsFolder();
  if (!fs.existsSync(runs)) return undefined;
  const name = fs.readdirSync(runs).find((folder) => folder.endsWith(`-${hash}`));
  return name && path.join(runs, name);
}

/** Names of the folders of runs. */
function runNames(): string[] {
  return fs.existsSync(runsFolder()) ? fs.readdirSync(runsFolder()) : [];
}

/** The path of what a command calls RUN: the path itself where it exists, else the run of that name. */
export function resolveRun(run: string): string {
  const named = path.join(runsFolder(), run);
  return !fs.existsSync(run) && !path.isAbsolute(run) && fs.existsSync(named) ? named : run;
}
