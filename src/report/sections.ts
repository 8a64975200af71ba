import type { ExperimentConfig } from '../config/schema';
import { readJson } from '../core/files';
import type { Analysis } from '../evaluation/analyse';
import type { Evaluation } from '../evaluation/evaluate';
import { matchCoco } from '../metrics/coco/evaluate';
import { precisionRecallCurve } from '../metrics/coco/summary';
import { detectionsOf } from '../metrics/evaluation_image';
import { HEADLINE } from '../metrics/headline';
import { formatInterval } from '../metrics/statistics/interval';
import { accuracyFigure, type CurveStep, type CurveValidation, lossFigure } from '../plots/curves';
import { confusionFigure, precisionRecallFigure, recallFigure } from '../plots/evaluation_figures';
import { escapeXml } from '../plots/svg';
import { type AppliedSetting, readApplied } from '../runs/applied';
import { type Environment, readProvenance } from '../runs/provenance';
import { RunFolder } from '../runs/run_folder';
import { epochsOf, type Metrics, stepsOf } from '../training/metrics_log';
import { figure, table } from './html';

/** Validations as points of a curve. */
export function curvePoints(metrics: readonly Metrics[]): { step: number; total: number; AP50: number }[] {
  return epochsOf(metrics).flatMap(({ step, validation }) =>
    validation ? [{ step, total: validation.total, AP50: validation.AP50 }] : [],
  );
}

/** Losses over steps, and AP50 over validations where there are two or more; `subset` is what those took of the images. */
export function curvesSection(
  metrics: readonly Metrics[],
  title: string,
  subset: string | null = null,
): string {
  return curveFigures(stepsOf(metrics), curvePoints(metrics), title, subset);
}

export function curveFigures(
  steps: readonly CurveStep[],
  validations: readonly CurveValidation[],
  title: string,
  subset: string | null,
): string {
  const losses = figure(lossFigure(steps, validations, title));
  const told = subset
    ? `<p class="small">In training ${escapeXml(subset)} were scored: this AP50 is not that of the tables.</p>`
    : '';
  return validations.length > 1 ? `${losses}${figure(accuracyFigure(validations))}${told}` : losses;
}

/** Headline numbers with their intervals, and every class. */
export function scoresSection(evaluation: Evaluation, analysis: Analysis): string {
  const { segm, bbox, cells, about } = evaluation;
  const number = (value: number | null): string => (value === null || value < 0 ? '–' : value.toFixed(3));
  return [
    table(
      ['metric', 'value, with its 95 % interval'],
      HEADLINE.map(({ key, name }) => [name, formatInterval(analysis.intervals[key])]),
    ),
    table(
      ['class', 'mask AP50', 'mask AP', 'box AP50', 'PQ', 'F1', 'cells counted / true'],
      about.classes.map((name, k) => [
        name,
        number(segm.perClass[k].AP50),
        number(segm.perClass[k].AP),
        number(bbox.perClass[k].AP50),
        number(cells.perClass[k].pq),
        number(cells.perClass[k].f1),
        `${analysis.counts[k].counted} / ${analysis.counts[k].groundTruth}`,
      ]),
    ),
    '<p>PQ, F1, AJI and counts take detections at or over the score threshold; AP ranks all of them.</p>',
  ].join('\n');
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  wrongClass: 'right place, wrong class',
  poorMask: 'right class, poor mask',
  wrongClassAndMask: 'wrong class and poor mask',
  duplicate: 'a cell found twice',
  background: 'nothing is there',
  missed: 'a cell that no detection touches, at any score',
};

/** What the errors are, and what each kind costs. */
export function errorsSection({ set, predictions, about }: Evaluation, analysis: Analysis): string {
  const { classes } = about;
  const matches = matchCoco(
    set.groundTruth,
    predictions.map((found) => detectionsOf(found)),
    { classes: classes.length, maxDets: 300 },
  );
  const curves = classes.map((_, k) => precisionRecallCurve(matches, k)?.precision ?? null);
  return [
    table(
      ['error', 'how many', 'AP50 would gain'],
      analysis.errors.kinds.map(({ kind, count, gain }) => [
        KIND_NAMES[kind] ?? kind,
        String(count),
        gain === null ? '–' : `+${gain.toFixed(3)}`,
      ]),
    ),
    figure(precisionRecallFigure(classes, curves)),
    figure(confusionFigure(classes, analysis.confusion)),
    figure(recallFigure(analysis.bySize, 'Cells found, by size')),
    figure(recallFigure(analysis.byCrowding, 'Cells found, by crowding')),
  ].join('\n');
}

/** What was requested and what is applied, as read back before the first step. */
export function settingsSection(dir: string): string {
  const run = RunFolder.open(dir);
  const found = readApplied(run);
  if (!found) return '';
  return appliedSettings(found.settings, found.notVerified.length, run.describe().config);
}

/** Settings as requested and as read back; `later` act after the start. */
export function appliedSettings(
  settings: readonly AppliedSetting[],
  later: number,
  config: ExperimentConfig,
): string {
  const show = (value: unknown): string => JSON.stringify(value);
  const rows = settings.map(({ key, requested, applied, ok }) => [
    key,
    show(requested),
    show(applied),
    ok ? 'acts' : 'DOES NOT ACT',
  ]);
  return [
    `<p>${settings.length} settings were read back from the live model, loader, optimizer and a real batch before the first step; ${later} act later (schedules, stopping), each with a test of its own.</p>`,
    `<details><summary>Requested and applied</summary>${table(['setting', 'requested', 'applied', ''], rows)}</details>`,
    `<details><summary>Everything the run was requested</summary><pre>${escapeXml(JSON.stringify(config, null, 2))}</pre></details>`,
  ].join('\n');
}

function describeData(files: number, hash: string): string {
  const told = `hash ${hash.slice(0, 12)}`;
  return files === 0 ? `synthetic tissue, made in memory; ${told}` : `${files} files, ${told}`;
}

/** Code, packages, data and machine that a run came from. */
export function provenanceSection(dir: string): string {
  const run = RunFolder.open(dir);
  const found = readProvenance(run);
  if (!found) return '';
  const { code, data, weights } = found;
  const machine = readJson<Environment>(run.file('environment.json'));
  const changed = code.uncommitted ? `, with ${code.uncommitted.split('\n').length} uncommitted lines` : '';
  return table(
    ['', ''],
    [
      ['Code', `${code.commit?.slice(0, 12) ?? 'not a git checkout'}${changed}`],
      ['Packages', code.packages?.slice(0, 12) ?? 'unknown'],
      ['Data', describeData(Object.keys(data.files).length, data.hash)],
      ['Weights', `${weights.source}${weights.sha256 ? `, hash ${weights.sha256.slice(0, 12)}` : ''}`],
      [
        'Machine',
        `${machine.processor}, ${machine.threads} threads, ${machine.device.toUpperCase()}, ${machine.precision}; TensorFlow ${machine.tensorflow}, Node ${machine.node}, ${machine.system}`,
      ],
      ['Repeat it', run.describe().command],
    ],
  );
}
