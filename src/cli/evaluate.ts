import { type Command, Option } from 'commander';
import { UsageError } from '../core/errors';
import type { Evaluation } from '../evaluation/evaluate';
import { type CommonOptions, parseCount, printResult, say, withCommonOptions } from './command';

interface EvaluateFlags extends CommonOptions {
  readonly data?: string;
  readonly split?: string;
  readonly part?: 'train' | 'val' | 'all';
  readonly maxDets?: number;
  readonly scoreThreshold?: string;
  readonly checkpoint?: 'best' | 'last';
  readonly overlays?: string;
  readonly model?: string;
  readonly weights?: string;
  readonly tta?: boolean;
  readonly masks?: 'guided' | 'torchvision';
  readonly ablate?: boolean;
}

/** `evaluate RUN`: predicts and scores. */
export function registerEvaluate(program: Command): void {
  withCommonOptions(
    program
      .command('evaluate')
      .description('predict and score; by default the images that the run itself did not train on')
      .argument('[run]', 'a run folder or a model file')
      .option('--model <name>', 'with --weights: the architecture')
      .option('--weights <file>', 'bare weights, or nuclei, in place of a run')
      .option('--data <dir>', 'another data set')
      .option('--split <file>', 'a split of it')
      .addOption(new Option('--part <part>', 'which side of the split').choices(['train', 'val', 'all']))
      .option('--max-dets <n>', 'detections counted per image and class (default: 300)', parseCount)
      .option('--score-threshold <t>', 'for PQ, AJI and F1: one, or class=T,… (default: 0.5)')
      .addOption(
        new Option('--checkpoint <name>', 'which weights (default: best, else last)').choices([
          'best',
          'last',
        ]),
      )
      .option('--tta', 'test-time augmentation: six views of each image, merged')
      .addOption(
        new Option(
          '--masks <how>',
          'drawn between pixels and by colour, or pasted as torchvision does',
        ).choices(['guided', 'torchvision']),
      )
      .option('--ablate', 'also tell what each step after the model does to the numbers')
      .option('--overlays <dir>', 'also draw ground truth beside prediction, an image each'),
    'npx cytobench evaluate RUN',
    'npx cytobench evaluate RUN --data DIR --part all --overlays images',
  ).action(async (dir: string | undefined, flags: EvaluateFlags) => {
    const { evaluateRun, parseScoreThreshold } = await import('../evaluation/evaluate');
    const { formatConfusion, formatScores, formatScore, formatShares } = await import('./text');
    const { modelClasses } = await import('../runs/load_model');
    const architecture = flags.weights === undefined ? undefined : flags.model;
    const where = flags.weights ?? dir;
    if (where === undefined)
      throw new UsageError('no run named', { fix: 'Name a run folder or a model file.' });
    const classes = modelClasses(where, architecture);
    const scoreThreshold =
      flags.scoreThreshold === undefined ? undefined : parseScoreThreshold(flags.scoreThreshold, classes);
    const evaluation = await evaluateRun(where, { ...flags, architecture, scoreThreshold });
    if (flags.overlays) await drawOverlays(evaluation, flags.overlays);
    const { segm, bbox, cells, detection, atModelLimit, about, source } = evaluation;
    const limit = about.config.box.detectionsPerImage;
    if (atModelLimit)
      say(
        `warning: on ${atModelLimit} images the model's own limit of ${limit} detections an image was reached`,
      );
    if (segm.cut)
      say(`warning: --max-dets ${segm.maxDets} (per image and class) has left out ${segm.cut} detections`);
    const { analyse } = await import('../evaluation/analyse');
    const { formatInterval } = await import('../metrics/statistics/interval');
    const analysis = analyse(evaluation);
    for (const line of magnificationWarning(evaluation)) say(line);
    const { ablationRows, formatAblation } = await import('./text');
    const { ablation } = evaluation;
    const rows = ablation ? { ablation: ablationRows(ablation) } : {};
    const found = { ...report(evaluation), ...analysis, ...rows };
    if (isOwnValidation(evaluation, flags)) await keepEvaluation(where, found);
    printResult(flags, found, () =>
      [
        `${evaluation.ids.length} images, ${source}; limits: ${limit} detections an image (model), ${segm.maxDets} per image and class (COCO)`,
        formatScores('masks', segm, classes),
        formatScores('boxes', bbox, classes),
        `PQ ${formatScore(cells.pq)}  AJI ${formatScore(cells.aji)}  F1 ${formatScore(cells.f1)}  (detections at or over the score threshold)`,
        `all classes as one: PQ ${formatScore(cells.binary.pq)} pooled, ${formatScore(cells.binaryPerImage)} mean over images (DQ ${formatScore(cells.binary.dq)}, SQ ${formatScore(cells.binary.sq)})  AJI+ ${formatScore(cells.ajiPlus)}  PQ by image and class ${formatScore(cells.pqPerImage)}`,
        `centres within ${detection.radius} px: F_d ${formatScore(detection.f1)} (precision ${formatScore(detection.precision)}, recall ${formatScore(detection.recall)}), F_c ${classes.map((name, k) => `${name} ${formatScore(detection.perClass[k])}`).join(', ')}`,
        `AP50 ${formatInterval(analysis.intervals.AP50)}  PQ ${formatInterval(analysis.intervals.pq)}`,
        `AP50 would gain: ${analysis.errors.kinds.map(({ kind, count, gain }) => `${kind} ${gain?.toFixed(3) ?? '-'} (${count})`).join(', ')}`,
        `cells counted / true: ${analysis.counts.map(({ counted, groundTruth }, k) => `${classes[k]} ${counted}/${groundTruth}`).join(', ')}`,
        `found by size: ${formatShares(analysis.bySize)}`,
        `found by crowding: ${formatShares(analysis.byCrowding)}`,
        ...formatConfusion(classes, analysis.confusion),
        ...(ablation ? formatAblation(ablation) : []),
      ].join('\n'),
    );
  });
}

/** Cells of another magnification are cells of another size: the model has not seen such. */
function magnificationWarning({ about, dataset }: Evaluation): string[] {
  const [trained, here] = [about.pixelSize, dataset.pixelSize];
  if (!trained || !here || Math.abs(here / trained - 1) < 0.05) return [];
  return [
    `warning: a pixel of these images is ${here} µm, of the training images ${trained} µm: cells look ${(trained / here).toFixed(2)} times as large`,
  ];
}

/** Whether the numbers are those that a run is known by: its best checkpoint on the images it kept back. */
function isOwnValidation({ run }: Evaluation, flags: EvaluateFlags): boolean {
  const { data, split, part = 'val', checkpoint = 'best', tta, maxDets, scoreThreshold } = flags;
  return (
    Boolean(run) &&
    !data &&
    !split &&
    part === 'val' &&
    checkpoint === 'best' &&
    !tta &&
    !maxDets &&
    !scoreThreshold
  );
}

async function keepEvaluation(run: string, found: object): Promise<void> {
  const { writeJson } = await import('../core/files');
  const { RunFolder } = await import('../runs/run_folder');
  writeJson(RunFolder.open(run).file('evaluation.json'), found);
}

/** What `--json` and `evaluation.json` hold. */
export function report({
  ids,
  segm,
  bbox,
  cells,
  detection,
  about,
  source,
  perImage,
}: Evaluation): Record<string, unknown> {
  const { classes } = about;
  return {
    images: ids.length,
    source,
    segm: { ...segm, perClass: Object.fromEntries(classes.map((name, k) => [name, segm.perClass[k]])) },
    bbox: { ...bbox, perClass: Object.fromEntries(classes.map((name, k) => [name, bbox.perClass[k]])) },
    pq: cells.pq,
    aji: cells.aji,
    f1: cells.f1,
    cells,
    detection: {
      ...detection,
      perClass: Object.fromEntries(classes.map((name, k) => [name, detection.perClass[k]])),
    },
    perClass: Object.fromEntries(
      classes.map((name, k) => [name, { ...segm.perClass[k], ...cells.perClass[k] }]),
    ),
    perImage: Object.fromEntries(ids.map((id, i) => [id, perImage[i]])),
    limits: { detectionsPerImage: about.config.box.detectionsPerImage, maxDets: segm.maxDets },
  };
}

async function drawOverlays(evaluation: Evaluation, dir: string): Promise<void> {
  const { drawEvaluated, gallery } = await import('../report/images');
  const { writeFileAtomic } = await import('../core/files');
  const path = await import('node:path');
  for (let i = 0; i < evaluation.ids.length; i++)
    writeFileAtomic(path.join(dir, `${evaluation.ids[i]}.png`), await drawEvaluated(evaluation, i));
  writeFileAtomic(path.join(dir, 'gallery.png'), await gallery(evaluation));
  say(`${evaluation.ids.length} images in ${dir}, the worst and best of them in gallery.png`);
}
