import type { PresetName } from '../../config/presets';
import type { Metrics } from '../../training/metrics_log';
import type { RunState } from '../run_list';

/** What a run is started with: the words of `cytobench train`. */
export interface StartOptions {
  /** `NAME` or `NAME:VARIANT`. */
  readonly experiment: string;
  readonly preset?: PresetName;
  readonly data?: string;
  readonly split?: string;
  readonly seed?: number;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly maxMinutes?: number;
}

/** A run that trains in a process of its own: a restarted kernel neither ends it nor waits for it. */
export interface RunHandle {
  readonly dir: string;
  state(): RunState;
  metrics(): Metrics[];
  /** Ends it in order, with a checkpoint; resolves when its process is gone. */
  stop(): Promise<RunState>;
  /** Resolves when its process is gone. Throws what ended it, where it failed. */
  finished(onState?: (state: RunState) => void): Promise<RunState>;
}

/** A way to make runs: one entry of `EXECUTORS`. */
export interface Executor {
  readonly name: string;
  /** Where it makes them, in a few words. */
  readonly about: string;
  /** Resolves when the run has its folder. Throws what kept it from starting. */
  start(options: StartOptions): Promise<RunHandle>;
}

/** Where one piece of work among several stands. */
export interface JobProgress {
  readonly name: string;
  readonly state: 'waiting' | 'starting' | 'running' | 'predicting' | 'done' | 'failed';
  readonly steps: number;
  readonly totalSteps: number | null;
  readonly secondsLeft: number | null;
  /** Since it was started; of one that is done, what it took. */
  readonly seconds: number;
}
