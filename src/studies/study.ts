import * as path from 'node:path';
import type { Experiment } from '../config/experiment';
import type { PresetName } from '../config/presets';
import type { ExperimentConfig } from '../config/schema';
import type { Ablation } from '../evaluation/ablate';
import type { Evaluation } from '../evaluation/evaluate';
import type { ClassSweep } from '../metrics/analysis/threshold_sweep';
import type { AppliedSetting } from '../runs/applied';
import type { FinishedRun } from '../runs/executors/in_process';
import type { CompareOptions, StudyComparison, VariantTallies } from './comparison';

/** A run of a study. */
export interface StudyRun extends FinishedRun {
  readonly variant: string;
  readonly seed: number;
  /** From 0; null without folds. */
  readonly fold: number | null;
}

/** A run of a study that did not end well. */
export interface StudyFailure {
  readonly variant: string;
  readonly seed: number;
  readonly fold: number | null;
  readonly message: string;
}

/** What a study was made on. */
export interface StudyData {
  /** The folder's name; 'synthetic tissue' for images made in memory. */
  readonly name: string;
  readonly synthetic: boolean;
  readonly classes: readonly string[];
  readonly images: number;
  readonly groups: number;
  /** Groups of all images, those that one split trains on with them. */
  readonly allGroups: number;
  /** SHA-256 over all files of the images; null where runs do not say. */
  readonly hash: string | null;
}

/** Losses and validations of a run, thinned to what a figure shows. */
export interface RunCurves {
  readonly variant: string;
  readonly seed: number;
  readonly fold: number | null;
  /** Steps that each point is the mean of. */
  readonly every: number;
  readonly steps: readonly {
    readonly step: number;
    readonly total: number;
    readonly losses: Readonly<Record<string, number>>;
    readonly learningRate: number;
  }[];
  readonly validations: readonly { readonly step: number; readonly total: number; readonly AP50: number }[];
  /** `2 of 8 validation images`, where validation in training takes a part of them; null: all. */
  readonly subset: string | null;
}

/** What a variant was asked for, and what was read back from its live run. */
export interface VariantSettings {
  readonly variant: string;
  /** The variant whose run it shares; null for a run of its own. */
  readonly sameAs: string | null;
  /** Where its weights came from, in words, and the SHA-256 of their file; null where there is none. */
  readonly start: string;
  readonly weights: string | null;
  readonly config: ExperimentConfig;
  readonly applied: readonly AppliedSetting[];
  /** Settings that act later than the start. */
  readonly notVerified: readonly string[];
}

/** What a study's page shows beside the comparison. */
export interface StudyFindings {
  /** One a distinct run. */
  readonly curves: readonly RunCurves[];
  /** One a variant. */
  readonly settings: readonly VariantSettings[];
  /** [K] of the first variant's first seed, where the experiment looks at thresholds. */
  readonly thresholds: readonly ClassSweep[] | null;
  /** Of the same models, where the experiment looks at the steps after the model. */
  readonly refinement: readonly Ablation[] | null;
}

/** An experiment with all its runs, evaluated and compared. */
export interface Study {
  readonly experiment: Experiment;
  readonly preset: PresetName;
  readonly data: StudyData;
  /** K; null where all runs share one split. */
  readonly folds: number | null;
  readonly seeds: readonly number[];
  readonly runs: readonly StudyRun[];
  readonly failures: readonly StudyFailure[];
  readonly variants: readonly VariantTallies[];
  readonly comparison: StudyComparison;
  /** Of the first variant's first seed, one a fold. */
  readonly evaluations: readonly Evaluation[];
  /** Training noise that was taken from elsewhere; null where the study told its own. */
  readonly knownNoise: NonNullable<CompareOptions['noise']> | null;
  readonly findings: StudyFindings;
  /** Opened from its record: there may be no run folder and there are no evaluations. */
  readonly recorded: boolean;
}

/** What a study took. */
export interface StudyCost {
  /** Runs that were trained. */
  readonly runs: number;
  /** In steps of training, all runs together. */
  readonly seconds: number;
  readonly secondsPerRun: number;
}

/** `basic, seed 0, fold 2`; folds are counted from 1 for a person. */
export function nameOf({ variant, seed, fold }: Pick<StudyRun, 'variant' | 'seed' | 'fold'>): string {
  return `${variant}, seed ${seed}${fold === null ? '' : `, fold ${fold + 1}`}`;
}

/** Folders that say nothing of what is in them. */
const GENERIC = /^(train|val|valid|test|data|images)$/i;

/** What a data set is called by its folder: `consep/train`, `slides`. */
export function dataName(dir: string): string {
  const parts = path.resolve(dir).split(path.sep);
  return parts.slice(GENERIC.test(parts[parts.length - 1]) ? -2 : -1).join('/');
}
