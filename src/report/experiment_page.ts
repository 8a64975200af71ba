import type { ReportSection } from '../config/experiment';
import { analyse } from '../evaluation/analyse';
import { type Evaluation, evaluateRun } from '../evaluation/evaluate';
import { intervalFigure, thresholdFigure } from '../plots/evaluation_figures';
import { escapeXml } from '../plots/svg';
import { RunFolder } from '../runs/run_folder';
import type { ComparedClaim, ComparedVariant } from '../studies/comparison';
import type { Study } from '../studies/run_study';
import {
  claimCells,
  metricCells,
  runCells,
  stepCells,
  sweepOf,
  thresholdCells,
  variantCells,
} from './experiment_tables';
import { htmlPage, picture, table } from './html';
import { gallery } from './images';
import { curvesSection, figure, provenanceSection, scoresSection, settingsSection } from './sections';

/** The page of an experiment: what was claimed, what was found with its uncertainty, and what each run did. */
export async function experimentPage(study: Study): Promise<string> {
  const { experiment, comparison, variants, runs } = study;
  const [first] = variants;
  const [evaluation] = first.evaluations;
  const { run: description, dataset, ids } = evaluation;
  const sections = await Promise.all((experiment.sections ?? []).map((look) => lookSection(look, study)));
  return htmlPage(`Experiment: ${experiment.name}`, [
    experiment.claim ? `<p class="lead">The report: ${escapeXml(experiment.claim)}</p>` : '',
    `<p>Found here with <strong>${escapeXml(description?.config.model.architecture ?? '')}</strong> on ${escapeXml(dataset.dir)}: ${ids.length} validation images in ${comparison.groups} groups, ${first.seeds.length === 1 ? `seed ${first.seeds[0]}` : `seeds ${first.seeds.join(', ')}`}, preset ${study.preset}. Data and model are not the report's: its absolute values cannot be compared, only the sign and size of differences. Intervals are of 95 %, over groups of images${comparison.groups < 10 ? "; with so few groups they are Student's" : ''}.</p>`,
    '<h2>Variants</h2>',
    table(...variantCells(comparison.rows)),
    ...comparison.notes.map((note) => `<p class="small">${escapeXml(note)}</p>`),
    variants.length > 1 ? figure(differenceFigure(comparison.rows, comparison.claims)) : '',
    comparison.claims.length ? `<h2>Against the report</h2>${table(...claimCells(comparison.claims))}` : '',
    ...sections,
    '<h2>Every metric</h2>',
    table(...metricCells(comparison.rows)),
    '<h2>Settings, shown to have acted</h2>',
    ...variants.map(({ variant }) => variantSettings(variant, runs)),
    '<h2>Runs</h2>',
    table(...runCells(runs)),
    provenanceSection(runs[0].run),
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

function differenceFigure(rows: readonly ComparedVariant[], claims: readonly ComparedClaim[]) {
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

async function lookSection(look: ReportSection, { variants, runs }: Study): Promise<string> {
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
  if (look === 'examples')
    return `<h2>Ground truth beside prediction</h2>${picture(await gallery(evaluation, { count: 3 }), 'the three worst images, then the three best')}`;
  if (look === 'thresholds') return thresholdSection(evaluation);
  return await refinementSection(evaluation, runs[0].run);
}

function thresholdSection(evaluation: Evaluation): string {
  const { about } = evaluation;
  const sweeps = sweepOf(evaluation);
  return [
    '<h2>Thresholds</h2>',
    '<p>Raising a threshold never raises AP50: it only cuts the tail of the curve. The best one by F1 is chosen on these images, and has to be tried on others.</p>',
    table(...thresholdCells(evaluation, sweeps)),
    ...about.classes.map((name, k) => figure(thresholdFigure(name, sweeps[k]))),
    scoresSection(evaluation, analyse(evaluation)),
  ].join('\n');
}

async function refinementSection(evaluation: Evaluation, run: string): Promise<string> {
  const { ablation = [] } = await evaluateRun(run, { stored: true, ablate: true });
  const drawn = ablation.map(({ step, effects }) => ({ name: step, ...effects.AP50 }));
  return [
    '<h2>With and without each step</h2>',
    `<p>Each step after the model, on and off, everything else as it is by default; ${evaluation.ids.length} images.</p>`,
    table(...stepCells(ablation)),
    figure(intervalFigure(drawn, 'AP50 with the step less without it', 'difference of AP50')),
  ].join('\n');
}
