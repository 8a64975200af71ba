import { nearestName, UsageError } from '../../core/errors';
import { childProcess } from './child_process';
import type { Executor, RunHandle, StartOptions } from './executor';
import { attachAnywhere, slurmExecutor } from './slurm/slurm';

/** Every way to make runs apart from the caller's own process (in_process.ts); the first is the default. */
export const EXECUTORS: readonly Executor[] = [childProcess, slurmExecutor];

/** Starts a run with the executor named `on`. Default: a process of its own on this machine. */
export async function startRun({
  on,
  ...options
}: StartOptions & { readonly on?: string }): Promise<RunHandle> {
  const executor = on === undefined ? EXECUTORS[0] : EXECUTORS.find(({ name }) => name === on);
  if (executor) return await executor.start(options);
  const names = EXECUTORS.map(({ name }) => name);
  throw new UsageError(
    `unknown executor "${on}"; did you mean "${nearestName(String(on), names) ?? names[0]}"?`,
    {
      fix: EXECUTORS.map(({ name, about }) => `${name}: ${about}`).join('; '),
    },
  );
}

/** A run by its folder, or by its bare name, wherever it trains. */
export function attachRun(run: string): RunHandle {
  return attachAnywhere(run);
}
