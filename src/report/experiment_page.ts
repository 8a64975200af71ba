import { formatDuration } from '../core/progress';
import type { Look } from '../engine/config/types';
import { analyse, HEADLINE } from '../engine/evaluation/analyse';
import { type Evaluation, evaluateRun } from '../engine/evaluation/evaluate';
import { RunFolder, stepsOf } from '../engine/run/run_folder';
import type { ComparedVariant, JudgedClaim } from '../engine/study/comparison';
import type { Study } from '../engine/study/run_study';
import { detectionsOf } from '../metrics/evaluation_image';
import { formatInterval } from '../metrics/interval';
import { sweepThresholds } from '../metrics/sweep';
import { intervalFigure, thresholdFigure } from '../plots/evaluation_figures';
import { escapeXml } from '../plots/svg';
import { htmlPage, picture, table } from './html';
import { gallery } from './pictures';
import {
  curvesSection,
  figure,
  lineageSection,
  METRIC_NAMES,
  scoresSection,
  settingsSection,
} from './sections';

/** The page of an experiment: what was claimed, what was found with its uncertainty, and what each run did. */
export async function experimentPage(study: Study): Promise<string> {
  const { experiment, comparison, variants, runs } = study;
  const [first] = variants;
  const [evaluation] = first.evaluations;
  const { run: description, dataset, ids } = evaluation;
  const looks = await Promise.all((experiment.looks ?? []).map((look) => lookSection(look, study)));
  return htmlPage(`Experiment: ${experiment.name}`, [
    experiment.claim ? `<p class="lead">The report: ${escapeXml(experiment.claim)}</p>` : '',
    `<p>Found here with <strong>${escapeXml(description?.config.model.architecture ?? '')}</strong> on ${escapeXml(dataset.dir)}: ${ids.length} validation images in ${comparison.groups} groups, ${first.seeds.length === 1 ? `seed ${first.seeds[0]}` : `seeds ${first.seeds.join(', ')}`}, preset ${study.preset}. Data and model are not the report's: its absolute values cannot be compared, only the sign and size of differences. Intervals are of 95 %, over groups of images${comparison.groups < 10 ? "; with so few groups they are Student's" : ''}.</p>`,
    '<h2>Variants</h2>',
    variantTable(comparison.rows),
    ...comparison.notes.map((note) => `<p class="small">${escapeXml(note)}</p>`),
    variants.length > 1 ? figure(differenceFigure(comparison.rows, comparison.claims)) : '',
    comparison.claims.length ? `<h2>Against the report</h2>${claimTable(comparison.claims)}` : '',
    ...looks,
    '<h2>Every metric</h2>',
    metricTable(comparison.rows),
    '<h2>Settings, shown to have acted</h2>',
    ...variants.map(({ variant }) => variantSettings(variant, runs)),
    '<h2>Runs</h2>',
    table(
      ['run', 'steps', 'ended', 'training', 'folder'],
      runs.map(({ variant, seed, steps, stopped, run }) => [
        `${variant}, seed ${seed}`,
        String(steps),
        stopped,
        formatDuration(trainingSeconds(run)),
        run.split('/').at(-1) ?? run,
      ]),
    ),
    lineageSection(runs[0].run),
  ]);
}

/** Variants that ask for the same are one run: what it was asked is told once. */
function variantSettings(variant: string, runs: Study['runs']): string {
  const own = runs.find((run) => run.variant === variant);
  const same = runs.find(({ run }) => run === own?.run);
  const told =
    same && same.variant !== variant
      ? `<p>Asks for what ${escapeXml(same.variant)} asks for: the same run.</p>`
      : settingsSection(own?.run ?? '');
  return `<h3>${escapeXml(variant)}</h3>${told}`;
}

/** Seconds spent in steps of a run. */
export function trainingSeconds(dir: string): number {
  return stepsOf(new RunFolder(dir).metrics()).reduce((sum, { seconds }) => sum + seconds, 0);
}

const shown = (value: number | null): string => value?.toFixed(3) ?? '–';

function variantTable(rows: readonly ComparedVariant[]): string {
  const several = rows.some(({ values }) => values.length > 1);
  return table(
    ['variant', 'AP50, 95 % interval', ...(several ? ['by seed'] : []), 'difference to the first', ''],
    rows
      .filter(({ metric }) => metric === 'AP50')
      .map(({ variant, interval, values, difference }) => [
        variant,
        formatInterval(interval),
        ...(several ? [values.map(shown).join(', ')] : []),
        difference ? formatInterval(difference) : '',
        difference ? (difference.shown ? 'a difference is shown' : 'no difference shown') : '',
      ]),
  );
}

function claimTable(claims: readonly JudgedClaim[]): string {
  return table(
    ['variant', 'the report', 'claimed difference', 'found', 'verdict'],
    claims.map(({ variant, against, words, claimed, because, verdict }) => [
      `${variant} against ${against}`,
      words,
      claimed === 0 ? 'none' : claimed.toFixed(3),
      because,
      verdict,
    ]),
  );
}

function metricTable(rows: readonly ComparedVariant[]): string {
  const variants = [...new Set(rows.map(({ variant }) => variant))];
  return table(
    ['variant', ...HEADLINE.map((key) => METRIC_NAMES[key])],
    variants.map((name) => [
      name,
      ...HEADLINE.map((key) => {
        const row = rows.find(({ variant, metric }) => variant === name && metric === key);
        return row ? formatInterval(row.interval) : '–';
      }),
    ]),
  );
}

function differenceFigure(rows: readonly ComparedVariant[], claims: readonly JudgedClaim[]) {
  const differences = rows.filter(({ metric, difference }) => metric === 'AP50' && difference);
  const first = rows[0].variant;
  return intervalFigure(
    differences.map(({ variant, difference }) => ({
      name: variant,
      value: difference?.value ?? null,
      low: difference?.low ?? null,
      high: difference?.high ?? null,
    })),
    `AP50 less that of ${first}`,
    'difference of AP50',
    claims
      .filter(({ against }) => against === first)
      .map(({ variant, claimed }) => ({ name: variant, value: claimed })),
  );
}

async function lookSection(look: Look, { variants, runs }: Study): Promise<string> {
  const [{ evaluations }] = variants;
  const [evaluation] = evaluations;
  if (look === 'curves')
    return [
      '<h2>Losses</h2>',
      ...runs
        .filter(({ run }, i) => runs.findIndex((other) => other.run === run) === i)
        .map(({ run, variant, seed }) =>
          curvesSection(new RunFolder(run).metrics(), `${variant}, seed ${seed}`),
        ),
    ].join('\n');
  if (look === 'pictures')
    return `<h2>Truth beside prediction</h2>${picture(await gallery(evaluation, { count: 3 }), 'the three worst images, then the three best')}`;
  if (look === 'thresholds') return thresholdSection(evaluation);
  return await refinementSection(evaluation, runs[0].run);
}

function thresholdSection(evaluation: Evaluation): string {
  const { set, predictions, about } = evaluation;
  const sweeps = sweepThresholds(
    set.truth,
    predictions.map((found) => detectionsOf(found)),
    { classes: about.classes.length },
  );
  const rows = about.classes.map((name, k) => {
    const { best, curve } = sweeps[k];
    const at = curve.find(({ threshold }) => threshold === best);
    const lowest = curve[0]?.ap50 ?? null;
    return [
      name,
      best?.toFixed(2) ?? '–',
      shown(at?.precision ?? null),
      shown(at?.recall ?? null),
      shown(at?.f1 ?? null),
      shown(lowest),
      shown(at?.ap50 ?? null),
    ];
  });
  return [
    '<h2>Thresholds</h2>',
    '<p>Raising a threshold never raises AP50: it only cuts the tail of the curve. The best one by F1 is chosen on these images, and has to be tried on others.</p>',
    table(
      ['class', 'best by F1', 'precision', 'recall', 'F1', 'AP50 of all over 0.1', 'AP50 at the best'],
      rows,
    ),
    ...about.classes.map((name, k) => figure(thresholdFigure(name, sweeps[k]))),
    scoresSection(evaluation, analyse(evaluation)),
  ].join('\n');
}

async function refinementSection(evaluation: Evaluation, run: string): Promise<string> {
  const { ablation = [] } = await evaluateRun(run, { stored: true, ablate: true });
  const rows = ablation.map(({ step, setting, byDefault, effects }) => [
    step,
    setting,
    byDefault ? 'on' : 'off',
    formatInterval(effects.AP50),
    formatInterval(effects.pq),
    formatInterval(effects.f1),
  ]);
  const drawn = ablation.map(({ step, effects }) => ({ name: step, ...effects.AP50 }));
  return [
    '<h2>With and without each step</h2>',
    `<p>Each step after the model, on and off, everything else as it is by default; ${evaluation.ids.length} images.</p>`,
    table(['step', 'setting', 'by default', 'AP50', 'PQ', 'F1'], rows),
    figure(intervalFigure(drawn, 'AP50 with the step less without it', 'difference of AP50')),
  ].join('\n');
}
