import type { ReportSection } from '../config/experiment';
import { analyse } from '../evaluation/analyse';
import { PRIMARY } from '../metrics/headline';
import { intervalFigure, thresholdFigure } from '../plots/evaluation_figures';
import type { Figure } from '../plots/figure';
import { escapeXml } from '../plots/svg';
import type { StudyComparison } from '../studies/comparison';
import { nameOf, type RunCurves, type Study, type VariantSettings } from '../studies/study';
import {
  claimCells,
  failureCells,
  metricCells,
  percent,
  runCells,
  stepCells,
  thresholdCells,
  variantCells,
} from './experiment_tables';
import { figure, htmlPage, picture, table } from './html';
import { gallery } from './images';
import { appliedSettings, curveFigures, provenanceSection, scoresSection } from './sections';

/** Runs whose curves are drawn, at most: with folds and seeds there are many alike. */
const MOST_CURVES = 12;

/** The page of an experiment: what was claimed, what was found with its uncertainty, and what each run did. */
export async function experimentPage(study: Study): Promise<string> {
  const { experiment, comparison, runs, failures, findings } = study;
  const sections = await Promise.all((experiment.sections ?? []).map((look) => lookSection(look, study)));
  return htmlPage(`Experiment: ${experiment.name}`, [
    experiment.claim ? `<p class="lead">The report: ${escapeXml(experiment.claim)}</p>` : '',
    `<p>${escapeXml(describeStudy(study))}</p>`,
    `<p>${escapeXml(describeIntervals(comparison))}</p>`,
    '<h2>Variants</h2>',
    table(...variantCells(comparison)),
    ...comparison.notes.map((note) => `<p class="small">${escapeXml(note)}</p>`),
    comparison.rows.some(({ difference }) => difference) ? figure(differenceFigure(study)) : '',
    comparison.claims.length ? `<h2>Against the report</h2>${table(...claimCells(comparison.claims))}` : '',
    ...sections,
    '<h2>Every metric</h2>',
    table(...metricCells(comparison.rows)),
    '<h2>Settings, shown to have acted</h2>',
    ...findings.settings.map(settingsOf),
    '<h2>Runs</h2>',
    table(...runCells(study)),
    failures.length ? `<h3>Failed</h3>${table(...failureCells(failures))}` : '',
    study.recorded ? '' : provenanceSection(runs[0].run),
  ]);
}

/** What was run, on what: one paragraph. */
export function describeStudy({ data, folds, seeds, preset, recorded, findings }: Study): string {
  const images =
    folds === null
      ? `${data.images} validation images in ${data.groups} groups, one split`
      : `${data.images} images in ${data.groups} groups, each scored by the one of ${folds} models that has not seen its group`;
  const seed = seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds.join(', ')}`;
  return `${recorded ? 'The recorded study. ' : ''}Found here with ${findings.settings[0]?.config.model.architecture ?? ''} on ${data.name}: ${images}; ${seed}, preset ${preset}. Data and model are not the report’s: its absolute values cannot be compared, only the sign and size of differences.`;
}

/** What the intervals hold. */
export function describeIntervals({ noise, groups, comparisons, alpha }: StudyComparison): string {
  const training = {
    folds: 'and training: what models add between folds is in them',
    seeds: `and training, which by itself moves AP50 by ${noise.std?.toFixed(3) ?? '–'} (standard deviation between seeds)`,
    stored: `and training, as known from the recorded study (${noise.std?.toFixed(3) ?? '–'} between seeds)`,
    unknown: 'alone: training noise is unknown, and no difference can be claimed',
  }[noise.source];
  const corrected =
    comparisons > 1
      ? ` Differences of AP50 are claimed after Holm’s correction over ${comparisons} comparisons.`
      : '';
  return `Intervals are of ${percent(1 - alpha)}, over ${groups} groups of images ${training}.${corrected}`;
}

/** Variants that ask for the same are one run: what it was asked is told once. */
function settingsOf({ variant, sameAs, applied, notVerified, config }: VariantSettings): string {
  const told =
    sameAs === null
      ? appliedSettings(applied, notVerified.length, config)
      : `<p>Asks for what ${escapeXml(sameAs)} asks for: the same run.</p>`;
  return `<h3>${escapeXml(variant)}</h3>${told}`;
}

/** What each variant's AP50 differs by from the first one's, with its interval, beside what the report claims. */
export function differenceFigure({ comparison: { rows, claims } }: Pick<Study, 'comparison'>): Figure {
  const differences = rows.filter(({ metric, difference }) => metric === PRIMARY && difference);
  const first = rows[0].variant;
  return intervalFigure(
    differences.map(({ variant, difference }) => ({
      name: variant,
      value: difference?.value ?? null,
      low: difference?.low ?? null,
      high: difference?.high ?? null,
    })),
    `${PRIMARY} less that of ${first}`,
    `difference of ${PRIMARY}`,
    claims
      .filter(({ against }) => against === first)
      .map(({ variant, claimed }) => ({ name: variant, value: claimed })),
  );
}

async function lookSection(look: ReportSection, study: Study): Promise<string> {
  const { findings } = study;
  const [evaluation] = study.evaluations;
  if (look === 'curves') return curvesOf(findings.curves);
  if (look === 'examples')
    return evaluation
      ? `<h2>Ground truth beside prediction</h2>${picture(await gallery(evaluation, { count: 3 }), 'the three worst images, then the three best')}`
      : '';
  if (look === 'thresholds')
    return [
      '<h2>Thresholds</h2>',
      '<p>Raising a threshold never raises AP50: it only cuts the tail of the curve. The best one by F1 is chosen on these images, and has to be tried on others.</p>',
      table(...thresholdCells(study.data.classes, findings.thresholds ?? [])),
      ...(findings.thresholds ?? []).map((sweep, k) => figure(thresholdFigure(study.data.classes[k], sweep))),
      evaluation && study.folds === null ? scoresSection(evaluation, analyse(evaluation)) : '',
    ].join('\n');
  const steps = findings.refinement ?? [];
  const drawn = steps.map(({ step, effects }) => ({ name: step, ...effects[PRIMARY] }));
  return [
    '<h2>With and without each step</h2>',
    `<p>Each step after the model, on and off, everything else as it is by default; ${study.data.images} images. Intervals are over groups, for these trained models.</p>`,
    table(...stepCells(steps)),
    figure(intervalFigure(drawn, `${PRIMARY} with the step less without it`, `difference of ${PRIMARY}`)),
  ].join('\n');
}

function curvesOf(curves: readonly RunCurves[]): string {
  const shown = curves.length > MOST_CURVES ? curves.filter(({ fold }) => (fold ?? 0) === 0) : curves;
  const left = curves.length - Math.min(shown.length, MOST_CURVES);
  return [
    '<h2>Losses</h2>',
    ...shown
      .slice(0, MOST_CURVES)
      .map((own) =>
        curveFigures(
          own.steps,
          own.validations,
          `${nameOf(own)}${own.every > 1 ? `, means of ${own.every} steps` : ''}`,
          own.subset,
        ),
      ),
    left > 0 ? `<p class="small">${left} more runs are not drawn.</p>` : '',
  ].join('\n');
}
