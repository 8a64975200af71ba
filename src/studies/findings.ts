import * as path from 'node:path';
import { type Ablation, type AblationAnswers, compareAblations } from '../evaluation/ablate';
import { type Evaluation, evaluateRun } from '../evaluation/evaluate';
import { type ClassSweep, sweepThresholds } from '../metrics/analysis/threshold_sweep';
import { detectionsOf } from '../metrics/evaluation_image';
import { readApplied } from '../runs/applied';
import { readProvenance } from '../runs/provenance';
import { RunFolder } from '../runs/run_folder';
import { validationSubset } from '../runs/validation_subset';
import { epochsOf, type Metrics, stepsOf } from '../training/metrics_log';
import type { RunCurves, Study, StudyFindings, StudyRun, VariantSettings } from './study';
import { scoredCheckpoint } from './train_runs';

/** Points of a curve, at most. */
const MOST_POINTS = 60;

/** Read from the runs, and from the evaluations of the first variant. */
export async function findingsOf(study: FoundIn): Promise<StudyFindings> {
  const { sections = [], claims = [] } = study.experiment;
  const claimed = claims.flatMap(({ step }) => step ?? []);
  return {
    curves: distinctRuns(study.runs).map(runCurves),
    settings: study.variants.flatMap(({ variant }) => variantSettings(variant, study.runs) ?? []),
    thresholds: sections.includes('thresholds') ? sweepOf(study.evaluations) : null,
    refinement: sections.includes('refinement')
      ? await refinementOf(study, true)
      : claimed.length > 0
        ? await refinementOf(study, claimed)
        : null,
  };
}

/** What findings are read from. */
type FoundIn = Pick<Study, 'experiment' | 'runs' | 'variants' | 'evaluations'>;

/** Runs without those that another variant has named before. */
export function distinctRuns(runs: readonly StudyRun[]): StudyRun[] {
  return runs.filter(({ run }, i) => runs.findIndex((other) => other.run === run) === i);
}

export function runCurves({ run, variant, seed, fold }: StudyRun): RunCurves {
  const folder = RunFolder.open(run);
  const metrics = folder.metrics();
  const { config, split } = folder.describe();
  const all = stepsOf(metrics);
  const every = Math.max(1, Math.ceil(all.length / MOST_POINTS));
  const bins = Array.from({ length: Math.ceil(all.length / every) }, (_, i) =>
    all.slice(i * every, (i + 1) * every),
  );
  const mean = (values: readonly number[]): number =>
    Number((values.reduce((sum, value) => sum + value, 0) / values.length).toPrecision(4));
  return {
    variant,
    seed,
    fold,
    every,
    steps: bins.map((bin) => ({
      step: bin[bin.length - 1].step,
      total: mean(bin.map(({ total }) => total)),
      losses: Object.fromEntries(
        Object.keys(bin[0].losses).map((name) => [
          name,
          mean(bin.map(({ losses }) => losses[name as keyof typeof losses])),
        ]),
      ),
      learningRate: mean(bin.map(({ learningRate }) => learningRate)),
    })),
    validations: validationsOf(metrics),
    subset: validationSubset(config, split),
  };
}

function validationsOf(metrics: readonly Metrics[]): RunCurves['validations'] {
  return epochsOf(metrics).flatMap(({ step, validation }) =>
    validation ? [{ step, total: validation.total, AP50: validation.AP50 }] : [],
  );
}

function variantSettings(variant: string, runs: Study['runs']): VariantSettings | undefined {
  const own = runs.find((run) => run.variant === variant);
  if (!own) return undefined;
  const first = runs.find(({ run }) => run === own.run);
  const folder = new RunFolder(own.run);
  const { config, start } = folder.describe();
  const applied = readApplied(folder);
  const { dir } = config.data;
  return {
    variant,
    sameAs: first && first.variant !== variant ? first.variant : null,
    start,
    weights: readProvenance(folder)?.weights.sha256 ?? null,
    config: { ...config, data: { ...config.data, dir: dir && path.basename(dir) } },
    applied: (applied?.settings ?? []).map((setting) =>
      setting.key === 'data.dir'
        ? { ...setting, requested: named(setting.requested), applied: named(setting.applied) }
        : setting,
    ),
    notVerified: applied?.notVerified ?? [],
  };
}

const named = (value: unknown): unknown => (typeof value === 'string' ? path.basename(value) : value);

/** Of all folds together. */
export function sweepOf(evaluations: readonly Evaluation[]): ClassSweep[] {
  return sweepThresholds(
    evaluations.flatMap(({ set }) => set.groundTruth),
    evaluations.flatMap(({ predictions }) => predictions.map((found) => detectionsOf(found))),
    { classes: evaluations[0].about.classes.length },
  );
}

/** Of all folds of the first variant's first seed. */
async function refinementOf(
  { variants: [{ variant, seeds }], runs }: FoundIn,
  ablate: true | readonly string[],
): Promise<Ablation[]> {
  const models: (readonly AblationAnswers[])[] = [];
  for (const { run, fold } of runs.filter((own) => own.variant === variant && own.seed === seeds[0])) {
    const checkpoint = scoredCheckpoint({ fold });
    const { ablationAnswers = [] } = await evaluateRun(run, { stored: true, ablate, checkpoint });
    models.push(ablationAnswers);
  }
  return compareAblations(models);
}
