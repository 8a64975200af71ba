import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { describeError } from '../core/errors';
import { evaluateRun } from '../evaluation/evaluate';
import { RunFolder } from '../runs/run_folder';

/** The checkpoint that a study scores a run by. */
export type ScoredCheckpoint = 'best' | 'last' | undefined;

/**
 * Predicts a run's validation images in a process of its own, as many studies do side by side, and keeps the predictions in
 * its folder: the evaluation that follows finds them. Nothing is done where there are some, be they stale: the
 * evaluation sees to that. `onStart` is given the process, to end it.
 */
export async function predictRun(
  dir: string,
  checkpoint: ScoredCheckpoint,
  onStart: (child: ChildProcess) => void,
): Promise<void> {
  if (fs.existsSync(new RunFolder(dir).file('predictions.json'))) return;
  const child = spawn(process.execPath, [__filename, dir, checkpoint ?? ''], { stdio: 'ignore' });
  onStart(child);
  // However it ends: what it has not kept is predicted later.
  await new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve());
  });
}

if (require.main === module) {
  const [dir, checkpoint] = process.argv.slice(2);
  evaluateRun(dir, { stored: true, checkpoint: (checkpoint || undefined) as ScoredCheckpoint }).catch(
    (error) => {
      process.stderr.write(`cytobench: ${describeError(error)}\n`);
      process.exitCode = 1;
    },
  );
}
