import type { Parameter } from '../../layers/parameters';
import type { OptimizerSection } from '../config/types';
import { AdamW } from './adamw';
import type { Optimizer } from './optimizer';
import { Sgd } from './sgd';

/** The optimizer that a configuration names. */
export function createOptimizer(section: OptimizerSection, parameters: readonly Parameter[]): Optimizer {
  return section.kind === 'sgd' ? new Sgd(parameters, section) : new AdamW(parameters, section);
}
