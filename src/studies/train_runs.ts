import type { Experiment } from '../config/experiment';
import type { PresetName } from '../config/presets';
import { ConfigError, UsageError } from '../core/errors';
import { type FinishedRun, type TrainRunOptions, trainRun } from '../runs/executors/in_process';
import { nameOf } from './study';

/** One run that a study needs. */
export interface RunRequest {
  readonly experiment: Experiment;
  readonly variant: string;
  readonly preset: PresetName;
  readonly seed: number;
  readonly fold: number | null;
  readonly data?: string;
  readonly split?: string;
  readonly set?: readonly string[];
  /** Equal for requests that one run answers: all its settings, and its split. */
  readonly decides: string;
}

/**
 * The checkpoint that a run is scored by: with folds the last, as the best one was chosen on the images of the fold, which
 * are those that are scored.
 */
export function scoredCheckpoint({ fold }: Pick<RunRequest, 'fold'>): 'last' | undefined {
  return fold === null ? undefined : 'last';
}

/** A run that was asked for, and what became of it: finished, or failed with its own words. */
export interface TrainedRequest {
  readonly request: RunRequest;
  readonly result: FinishedRun | { readonly failed: Error };
}

/** Trains all that is requested; the answers are in the order of the requests. Null where it was interrupted. */
export type TrainRequests = (
  requests: readonly RunRequest[],
  options: Pick<TrainRunOptions, 'interrupted' | 'say'>,
) => Promise<TrainedRequest[] | null>;

/** One run after the other, in this process unless `train` says otherwise. */
export function trainInTurn(
  train: (options: TrainRunOptions) => Promise<FinishedRun> = trainRun,
): TrainRequests {
  return async (requests, { interrupted, say = () => {} }) => {
    const trained: TrainedRequest[] = [];
    for (const [i, request] of requests.entries()) {
      if (interrupted?.()) return null;
      say(`${request.experiment.name}:${nameOf(request)} (${i + 1} of ${requests.length})`);
      const { fold: _fold, decides: _decides, ...run } = request;
      try {
        const result = await train({ ...run, interrupted, say });
        if (result.stopped === 'SIGINT' || result.stopped === 'SIGTERM') return null;
        trained.push({ request, result });
      } catch (error) {
        // What is asked for wrongly is wrong for all.
        if (error instanceof ConfigError || error instanceof UsageError) throw error;
        trained.push({ request, result: { failed: error as Error } });
      }
    }
    return trained;
  };
}
