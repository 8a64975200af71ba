import { UsageError } from '../core/errors';
import { formatDuration } from '../core/progress';
import { analyse } from '../evaluation/analyse';
import type { Evaluation } from '../evaluation/evaluate';
import { escapeXml } from '../plots/svg';
import { validationSubset } from '../runs/validation_subset';
import { epochsOf, type Metrics, stepsOf } from '../training/metrics_log';
import { gallerySection } from './gallery';
import { htmlPage, picture, table } from './html';
import { drawEvaluated, drawExamples, worstAndBest } from './images';
import {
  curvePoints,
  curvesSection,
  errorsSection,
  provenanceSection,
  scoresSection,
  settingsSection,
} from './sections';
import { evaluatedViewer } from './viewer/evaluated_viewer';

export interface RunPageOptions {
  readonly evaluation: Evaluation;
  readonly metrics: readonly Metrics[];
  readonly run: string;
}

/** The page of one run: its initial weights, its settings, how it learned, what it finds. One file, no network. */
export async function runPage({ evaluation, metrics, run }: RunPageOptions): Promise<string> {
  const { run: description, segm, ids, dataset } = evaluation;
  if (!description) throw new UsageError('a page is of a run; a model file has no history');
  const { experiment, variant, config, split, start } = description;
  const validations = curvePoints(metrics);
  const subset = validationSubset(config, split);
  const part = subset ? ` on ${subset}` : '';
  const before =
    validations[0]?.step === 0 ? `; before training ${validations[0].AP50.toFixed(3)}${part}` : '';
  const { worst, best } = worstAndBest(evaluation);
  const examples = await drawExamples(dataset, split.train.slice(0, 2));
  const analysis = analyse(evaluation);
  return htmlPage(`${experiment} ${variant}`, [
    `<p class="lead">${escapeXml(config.model.architecture)} on ${escapeXml(dataset.dir)}: mask AP50 <strong>${Math.max(segm.AP50, 0).toFixed(3)}</strong> on ${ids.length} images it did not train on${before}.</p>`,
    table(
      ['', ''],
      [
        ['Initial weights', start],
        ['Trained', trained(metrics, split.train.length)],
        ['Split', split.note],
        [
          'Limits on detections',
          `${config.model.box.detectionsPerImage} an image (model), ${segm.maxDets} per image and class (COCO)`,
        ],
      ],
    ),
    '<h2>The data</h2>',
    ...examples.map(({ id, png }) => picture(png, `training image ${id}, without and with its cells`)),
    '<h2>How it learned</h2>',
    curvesSection(metrics, `Losses of ${experiment} ${variant}`, subset),
    '<h2>What it finds</h2>',
    scoresSection(evaluation, analysis),
    picture(await drawEvaluated(evaluation, best), `best image: ${ids[best]}`),
    picture(await drawEvaluated(evaluation, worst), `worst image: ${ids[worst]}`),
    '<h2>Every image</h2>',
    await gallerySection(evaluation),
    '<h2>Look around</h2>',
    await evaluatedViewer(evaluation, worst, `${ids[worst]}: ground truth and prediction`),
    '<h2>What goes wrong</h2>',
    errorsSection(evaluation, analysis),
    '<h2>Settings, shown to have acted</h2>',
    settingsSection(run),
    '<h2>Where it came from</h2>',
    provenanceSection(run),
    `<p class="small">${escapeXml(run)}</p>`,
  ]);
}

function trained(metrics: readonly Metrics[], images: number): string {
  const steps = stepsOf(metrics);
  const working = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const waiting = steps.reduce((sum, { waitedSeconds = 0 }) => sum + waitedSeconds, 0);
  const all = epochsOf(metrics).reduce((sum, { seconds }) => sum + seconds, 0);
  const validating = all > working + waiting ? `, ${formatDuration(all)} with validation` : '';
  const work = `${steps.length} steps on ${images} images, ${formatDuration(working + waiting)}${validating}`;
  if (steps.some(({ waitedSeconds }) => waitedSeconds === undefined)) return work;
  return `${work}; ${((100 * waiting) / (working + waiting)).toFixed(1)} % of it waiting for images`;
}
