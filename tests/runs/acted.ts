import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Experiment } from '../../src/config/experiment';
import { resolveConfig } from '../../src/config/resolve';
import { valueAt } from '../../src/config/schema';
import { evaluateRun } from '../../src/evaluation/evaluate';
import { type TrainRunOptions, trainRun } from '../../src/runs/executors/in_process';
import { RunFolder } from '../../src/runs/run_folder';

/** A change of one setting, in a run where it can show. */
export interface Change {
  readonly key: string;
  readonly value: unknown;
  /** Settings of both runs, beside the smallest run. */
  readonly base?: readonly string[];
}

/** The smallest run: three steps on tissue of 64 pixels, a validation after each epoch of two images. */
const EXPERIMENT: Experiment = {
  name: 'acted',
  claim: '',
  config: {
    // Narrow, so that the heads, whose work does not depend on the image, take little time.
    model: {
      fpnChannels: 32,
      box: { representationSize: 64, batchSizePerImage: 32, detectionsPerImage: 30 },
    },
    data: { synthetic: { images: 6, width: 64, height: 64, seed: 1 }, validationShare: 0.3 },
    augmentation: { level: 'basic' },
    training: { steps: 3, batchSize: 1, workers: 0, clipNorm: 10 },
    optimizer: { learningRate: 0.02 },
    schedule: { kind: 'constant' },
    validation: { images: 1 },
    earlyStopping: { patience: null },
  },
  variants: { base: {} },
};

const SETTINGS = (changes: readonly string[]) => ({ preset: 'smoke' as const, set: changes });

/** Whether the schema takes a change: settings that cannot be are no test. */
export function resolves({ key, value, base = [] }: Change): boolean {
  resolveConfig(EXPERIMENT, SETTINGS([...base, `${key}=${JSON.stringify(value)}`]));
  return true;
}

const SEEN = new Map<string, Promise<string>>();

/**
 * What a run did, as one hash: losses, rates and norms of every step, validations, weights, optimizer buffers, what it
 * finds, and which files it left. Times, memory, the configuration itself and what it says of it are left out.
 */
export function behaviour(folder: string, changes: readonly string[]): Promise<string> {
  const name = createHash('sha256').update(changes.join('\n')).digest('hex').slice(0, 12);
  const known = SEEN.get(name);
  if (known) return known;
  const seen = observe(path.join(folder, name), changes);
  SEEN.set(name, seen);
  return seen;
}

/**
 * What a build in which the wire of a setting is cut does with a change of it: `refused` where the run does not start,
 * since the value was not found applied; `unchanged` where it does what it does without the change, which the test of
 * the setting sees; `unseen` where neither tells.
 */
export async function withDeadWire(
  folder: string,
  { key, value, base = [] }: Change,
): Promise<'refused' | 'unchanged' | 'unseen'> {
  const before = valueAt(resolveConfig(EXPERIMENT, SETTINGS(base)), key);
  const changes = [...base, `${key}=${JSON.stringify(value)}`];
  const out = path.join(folder, `dead-${key}`);
  try {
    const seen = await observe(out, changes, { key, value: before });
    return seen === (await behaviour(folder, base)) ? 'unchanged' : 'unseen';
  } catch (error) {
    if (/ was requested, .* is applied/.test((error as Error).message)) return 'refused';
    throw error;
  }
}

async function observe(
  out: string,
  changes: readonly string[],
  deadWire?: TrainRunOptions['deadWire'],
): Promise<string> {
  await trainRun({
    experiment: EXPERIMENT,
    ...SETTINGS(changes),
    out,
    deadWire,
  });
  const run = new RunFolder(out);
  // A build that does not know the wire does not know it in evaluation either, which reads the run's own settings.
  if (deadWire) forget(run, deadWire);
  const metrics = run
    .metrics()
    .map((line) => ({ ...line, seconds: 0, waitedSeconds: 0, rssMb: 0, tensors: 0 }));
  const hash = createHash('sha256').update(JSON.stringify({ metrics }));
  for (const name of ['last', 'best']) {
    const file = run.file('checkpoints', `${name}.safetensors`);
    if (fs.existsSync(file)) hash.update(sumOf(file));
  }
  // What it finds: a threshold or limit of testing moves no loss.
  for (const { boxes, scores, labels } of (await evaluateRun(out)).predictions)
    for (const values of [boxes, scores, labels])
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  hash.update(fs.readdirSync(out).sort().join());
  fs.rmSync(path.join(out, 'checkpoints'), { recursive: true });
  return hash.digest('hex');
}

/** Writes the value of a cut wire into the settings that a run has on the disk. */
function forget(run: RunFolder, { key, value }: NonNullable<TrainRunOptions['deadWire']>): void {
  const described = run.describe();
  const keys = key.split('.');
  const section = keys
    .slice(0, -1)
    .reduce<Record<string, unknown>>(
      (at, part) => at[part] as Record<string, unknown>,
      described.config as unknown as Record<string, unknown>,
    );
  section[keys[keys.length - 1]] = value;
  fs.writeFileSync(run.file('config.json'), JSON.stringify(described));
}

/** The checksum over the tensors that a checkpoint carries. */
function sumOf(file: string): string {
  return /"sha256":"(\w+)"/.exec(fs.readFileSync(file).subarray(0, 2_000_000).toString('latin1'))?.[1] ?? '';
}
