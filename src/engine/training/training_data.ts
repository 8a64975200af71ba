import { DataError } from '../../core/errors';
import { type Dataset, openDataset } from '../../data/dataset';
import { syntheticDataset } from '../../data/synth/synthesize';
import type { ExperimentConfig } from '../config/types';

/** The data of a configuration: its folder, or synthetic tissue made in memory. */
export async function openTrainingData({ data }: ExperimentConfig): Promise<Dataset> {
  if (data.dir === null) return syntheticDataset(data.synthetic);
  const dataset = await openDataset(data.dir);
  if (!dataset.labelled)
    throw new DataError('holds images without labels', {
      where: data.dir,
      fix: 'Training needs DIR/<id>/class1.tif … beside each image.tif.',
    });
  return dataset;
}
