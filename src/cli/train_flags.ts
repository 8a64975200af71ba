import type { CommonOptions } from './command';

/** What `train` takes. */
export interface TrainFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
  readonly preset?: string;
  readonly set: string[];
  readonly seed?: number;
  readonly weights?: string;
  readonly maxMinutes?: number;
  readonly maxSteps?: number;
  readonly out?: string;
  readonly resume?: string;
}
