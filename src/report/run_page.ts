import { UsageError } from '../core/errors';
import { formatDuration } from '../core/progress';
import type { Evaluation } from '../engine/evaluate';
import type { EpochMetrics, Metrics, StepMetrics } from '../engine/run/run_folder';
import { accuracyFigure, lossFigure } from '../plots/loss_curves';
import { escapeXml, figureToSvg } from '../plots/svg';
import { htmlPage, picture, table } from './html';
import { drawEvaluated, drawExamples, worstAndBest } from './pictures';

export interface RunPageOptions {
  readonly evaluation: Evaluation;
  readonly metrics: readonly Metrics[];
  readonly run: string;
}

/** The page of one run: where it started, what it was asked, how it learned, what it finds. One file, no network. */
export async function runPage({ evaluation, metrics, run }: RunPageOptions): Promise<string> {
  const { run: description, segm, bbox, cells, ids, dataset } = evaluation;
  if (!description) throw new UsageError('a page is of a run; a model file has no history');
  const steps = metrics.filter((line): line is StepMetrics => line.type === 'step');
  const validations = curvePoints(metrics);
  const { worst, best } = worstAndBest(evaluation);
  const seconds = steps.reduce((sum, line) => sum + line.seconds, 0);
  const number = (value: number | null): string => (value === null || value < 0 ? '–' : value.toFixed(3));
  const examples = await drawExamples(dataset, description.split.train.slice(0, 2));
  return htmlPage(`${description.experiment} ${description.variant}`, [
    `<p class="lead">${escapeXml(description.config.model.architecture)} on ${escapeXml(dataset.dir)}: mask AP50 <strong>${number(segm.AP50)}</strong> on ${ids.length} images it did not train on${validations[0]?.step === 0 ? `; before training ${number(validations[0].AP50)}` : ''}.</p>`,
    table(
      ['', ''],
      [
        ['The weights started from', description.start],
        [
          'Trained',
          `${steps.length} steps on ${description.split.train.length} images, ${formatDuration(seconds)}`,
        ],
        ['Split', description.split.note],
        [
          'Limits on detections',
          `${description.config.model.box.detectionsPerImage} an image (model), ${segm.maxDets} per image and class (COCO)`,
        ],
        [
          'Repeat it',
          `npx cytobench train ${description.experiment}:${description.variant} --preset ${description.preset}${description.data ? ` --data ${description.data}` : ''} --seed ${description.config.seed}`,
        ],
      ],
    ),
    '<h2>The data</h2>',
    ...examples.map(({ id, png }) => picture(png, `training image ${id}, without and with its cells`)),
    '<h2>How it learned</h2>',
    `<figure>${figureToSvg(lossFigure(steps, validations))}</figure>`,
    validations.length ? `<figure>${figureToSvg(accuracyFigure(validations))}</figure>` : '',
    '<h2>What it finds</h2>',
    table(
      ['class', 'mask AP50', 'mask AP', 'box AP50', 'PQ', 'F1'],
      [
        ['all', number(segm.AP50), number(segm.AP), number(bbox.AP50), number(cells.pq), number(cells.f1)],
        ...description.classes.map((name, k) => [
          name,
          number(segm.perClass[k].AP50),
          number(segm.perClass[k].AP),
          number(bbox.perClass[k].AP50),
          number(cells.perClass[k].pq),
          number(cells.perClass[k].f1),
        ]),
      ],
    ),
    '<p>PQ and F1 count detections with a score of 0.5 or more; AP ranks all of them.</p>',
    picture(await drawEvaluated(evaluation, best), `best image: ${ids[best]}`),
    picture(await drawEvaluated(evaluation, worst), `worst image: ${ids[worst]}`),
    '<h2>Settings</h2>',
    `<details><summary>Everything the run was asked</summary><pre>${escapeXml(JSON.stringify(description.config, null, 2))}</pre></details>`,
    `<p class="small">${escapeXml(run)}</p>`,
  ]);
}

/** Validations as points of a curve. */
export function curvePoints(metrics: readonly Metrics[]): { step: number; total: number; AP50: number }[] {
  return metrics
    .filter((line): line is EpochMetrics => line.type === 'epoch')
    .flatMap(({ step, validation }) =>
      validation ? [{ step, total: validation.total, AP50: validation.AP50 }] : [],
    );
}
