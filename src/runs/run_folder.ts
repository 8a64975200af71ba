import * as fs from 'node:fs';
import * as path from 'node:path';
import { withTodaysNames } from '../config/legacy';
import type { PresetName } from '../config/presets';
import type { ExperimentConfig } from '../config/schema';
import { DataError, nearestName } from '../core/errors';
import { readJson, writeJson } from '../core/files';
import { PACKAGE_ROOT } from '../core/package_root';
import { isShipped, shippedModel } from '../models/weights/shipped';
import { type Metrics, MetricsLog } from '../training/metrics_log';
import type { RunIdentity } from './identity';

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
  /** What decides the result, part by part; runs of before lack it. */
  readonly identity?: RunIdentity;
  /** Stands for the identity: two runs of one hash are one run. */
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
    if (typeof found?.experiment !== 'string' || typeof found.config !== 'object' || found.config === null)
      throw new DataError('does not describe a run', {
        where: this.file('config.json'),
        fix: 'The file is damaged: train the run anew in another folder.',
      });
    return { ...found, config: withTodaysNames(found.config) };
  }

  /** Whether a run began here. */
  exists(): boolean {
    return fs.existsSync(this.file('config.json'));
  }

  begin(description: RunDescription): void {
    writeJson(this.file('config.json'), description);
  }

  /** What was logged so far. */
  metrics(): Metrics[] {
    return this.log.read();
  }
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

/**
 * The path of what a command calls RUN: the path itself where it is a run or a file, else the run of that name, else
 * the model of that name which comes with the product.
 */
export function resolveRun(run: string): string {
  const named = path.join(runsFolder(), run);
  const own =
    fs.existsSync(path.join(run, 'config.json')) || (fs.existsSync(run) && fs.statSync(run).isFile());
  if (own || path.isAbsolute(run)) return run;
  if (fs.existsSync(path.join(named, 'config.json'))) return named;
  return isShipped(run) ? shippedModel(run) : run;
}

/** What a run that was ended before its first step may have left in its folder. */
const BEGINNINGS = /^\.?(lock\.json|provenance\.json|environment\.json|log(\.\d+)?\.txt)/;

/** Throws where a folder holds anything but a run: nothing of a user's is overwritten. */
export function requireRunFolder(dir: string): void {
  if (!fs.existsSync(dir)) return;
  if (!fs.statSync(dir).isDirectory())
    throw new DataError('is a file, not a folder', { where: dir, fix: 'Name another folder with --out.' });
  if (fs.existsSync(path.join(dir, 'config.json')) && isRun(dir)) return;
  const foreign = fs.readdirSync(dir).find((name) => !BEGINNINGS.test(name));
  if (foreign !== undefined)
    throw new DataError(`holds "${foreign}", which is not of a run: nothing was written`, {
      where: dir,
      fix: 'Name a new or an empty folder with --out.',
    });
}

function isRun(dir: string): boolean {
  try {
    return typeof readJson<Partial<RunDescription>>(path.join(dir, 'config.json')).experiment === 'string';
  } catch {
    return false;
  }
}

/** Runs of the same experiment, variant and seed, whatever their identity. */
export function siblings(
  description: Pick<RunDescription, 'experiment' | 'variant' | 'config' | 'hash'>,
): RunFolder[] {
  const name = runName(description);
  const stem = name.slice(0, name.length - description.hash.length);
  return runNames()
    .filter((other) => other.startsWith(stem) && other !== name)
    .map((other) => new RunFolder(path.join(runsFolder(), other)))
    .filter((run) => isRun(run.dir));
}
