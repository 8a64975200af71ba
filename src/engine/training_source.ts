import { createRng } from '../core/rng';
import { augmentRecord } from '../data/augmentation/augment';
import type { Dataset } from '../data/dataset';
import type { Sample } from '../data/sample';
import { augmentationPlan } from './augmentation_plan';
import type { ExperimentConfig } from './config/types';
import type { TrainingSource } from './trainer';

/** Batches of augmented samples; what a batch holds is a function of the seed, the epoch and its place alone. */
export function createTrainingSource(
  dataset: Dataset,
  ids: readonly string[],
  config: ExperimentConfig,
): TrainingSource {
  const { batchSize } = config.training;
  const plan = augmentationPlan(config);
  const load = cached(dataset);
  const stepsPerEpoch = Math.max(1, Math.ceil(ids.length / batchSize));
  return {
    stepsPerEpoch,
    async *epoch(epoch, fromBatch) {
      const rng = createRng(config.seed).fork(`epoch-${epoch}`);
      const order = rng.fork('order').shuffle([...ids]);
      for (let batch = fromBatch; batch < stepsPerEpoch; batch++) {
        const members = order.slice(batch * batchSize, (batch + 1) * batchSize);
        const samples: Sample[] = [];
        for (const [i, id] of members.entries()) {
          const context = { channelOrder: dataset.channelOrder };
          samples.push(
            await augmentRecord(await load(id), plan, rng.fork(`sample-${batch * batchSize + i}`), context),
          );
        }
        yield samples;
      }
    },
  };
}

function cached(dataset: Dataset): Dataset['load'] {
  const records = new Map<string, Awaited<ReturnType<Dataset['load']>>>();
  return async (id) => {
    const known = records.get(id) ?? (await dataset.load(id));
    records.set(id, known);
    return known;
  };
}
