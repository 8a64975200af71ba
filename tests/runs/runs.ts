import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { findExperiment } from '../../src/config/experiments';
import { syntheticDataset } from '../../src/data/synthetic/synthesize';
import { writeDataset } from '../../src/data/write_dataset';
import { openWeights } from '../../src/models/weights/open';
import { type FinishedRun, type TrainRunOptions, trainRun } from '../../src/runs/executors/in_process';
import { RunFolder } from '../../src/runs/run_folder';
import { ROOT } from '../support';

export const MAIN: string = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');

/** The light model on four images of 64 pixels: two steps an epoch, narrow heads, a second or two in all. */
export const TINY: readonly string[] = [
  'data.synthetic={"images":8,"width":64,"height":64,"seed":1}',
  'validation.images=1',
  'training.batchSize=2',
  'training.steps=4',
  'model.fpnChannels=32',
  'model.box.representationSize=64',
  'model.box.batchSizePerImage=32',
  'model.box.detectionsPerImage=30',
];

/** A tiny run in this process. */
export function trainTiny(
  out: string,
  { set = [], ...more }: Partial<TrainRunOptions> = {},
): Promise<FinishedRun> {
  const experiment = findExperiment('quickstart');
  return trainRun({ experiment, preset: 'smoke', set: [...TINY, ...set], out, ...more });
}

/** `cytobench train` on the same, as a process of its own. */
export function spawnTiny(
  out: string,
  set: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  more: readonly string[] = [],
): ChildProcess {
  const settings = [...TINY, ...set].flatMap((text) => ['--set', text]);
  return spawn(
    process.execPath,
    [MAIN, 'train', 'quickstart', '--preset', 'smoke', '--out', out, ...settings, ...more],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    },
  );
}

/** `cytobench train --resume` as a process of its own. */
export function spawnResume(run: string): ChildProcess {
  return spawn(process.execPath, [MAIN, 'train', '--resume', run], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Eight small images on the disk, and a split of six of them: options of `train`. */
export async function writeSplitData(folder: string): Promise<{ data: string; split: string }> {
  const data = path.join(folder, 'data');
  await writeDataset(data, syntheticDataset({ images: 8, width: 64, height: 64, seed: 1 }));
  const split = path.join(folder, 'split.json');
  const ids = Array.from({ length: 6 }, (_, i) => `synth_000${i}`);
  fs.writeFileSync(split, JSON.stringify({ train: ids.slice(0, 4), val: ids.slice(4) }));
  return { data, split };
}

/** Exit code or signal of a child, and what it said on standard error. */
export function ended(child: ChildProcess): Promise<{ code: number | string | null; said: string }> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ code: code ?? signal, said })),
  );
}

export const checkpoint = (dir: string, name = 'last'): string =>
  path.join(dir, 'checkpoints', `${name}.safetensors`);

/** Hash of every tensor of a checkpoint, optimizer included. */
export function hashOf(file: string): string {
  const weights = openWeights(file);
  const hash = createHash('sha256');
  for (const { name } of [...weights.tensors].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(name).update(weights.readBytes(name));
  return hash.digest('hex');
}

/** The log of a run without what differs between two runs of the same bits. */
export function withoutTimes(dir: string): object[] {
  return new RunFolder(dir)
    .metrics()
    .map((line) => ({ ...line, seconds: 0, waitedSeconds: 0, rssMb: 0, tensors: 0 }));
}
