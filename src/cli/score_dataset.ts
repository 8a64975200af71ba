import type { CommonOptions } from './command';

export interface ScoreDatasetOptions extends CommonOptions {
  readonly data: string;
  readonly detections: string;
  readonly type: 'segm' | 'bbox';
  readonly maxDets?: number;
}

/** `score --data DIR --detections DT.json`. */
export async function scoreDataset(_options: ScoreDatasetOptions): Promise<void> {}
