import { createRng } from '../core/rng';
import type { Dataset } from '../data/dataset';
import type { ExperimentConfig } from './config/types';
import type { Split } from './prepare';

/** Divides by group, so that no group stands on both sides. */
export function splitFor(dataset: Dataset, config: ExperimentConfig): Split {
  const { validationShare } = config.data;
  const groupOf = (id: string): string => dataset.groups[id] ?? id;
  const groups = [...new Set(dataset.ids.map(groupOf))];
  const chosen = new Set(
    createRng(config.seed)
      .fork('split')
      .shuffle(groups)
      .slice(0, Math.max(1, Math.round(groups.length * validationShare))),
  );
  return {
    train: dataset.ids.filter((id) => !chosen.has(groupOf(id))),
    val: dataset.ids.filter((id) => chosen.has(groupOf(id))),
    note: `${groups.length - chosen.size} groups and ${chosen.size}`,
  };
}
