import type { PresetName } from './presets';
import type { Differences, ExperimentConfig } from './schema';

/** What the report says of one variant: a difference of AP50 on its own data and model. */
export interface Claim {
  readonly variant: string;
  /** A step after the model, by its name in the ablation: what it does to the variant, in place of a comparison. */
  readonly step?: string;
  /** Compared with; default: the first variant. */
  readonly against?: string;
  /** variant - against; 0: the report's text says that nothing should change. */
  readonly difference: number;
  /** Where the report says it, in a few words. */
  readonly words: string;
}

/** What the page of an experiment shows beside its table. */
export type ReportSection = 'curves' | 'thresholds' | 'refinement' | 'examples';

/** One file of `experiments/`. */
export interface Experiment {
  readonly name: string;
  /** What the report claims, in one sentence; empty where it claims nothing. */
  readonly claim: string;
  readonly claims?: readonly Claim[];
  readonly sections?: readonly ReportSection[];
  /** Differences from the defaults that all variants share. */
  readonly config: Differences<ExperimentConfig>;
  /** Differences by preset, applied after `config`. */
  readonly presets?: Readonly<Partial<Record<PresetName, Differences<ExperimentConfig>>>>;
  /** Named variants, the first being the one others are compared with. */
  readonly variants: Readonly<Record<string, Differences<ExperimentConfig>>>;
}
