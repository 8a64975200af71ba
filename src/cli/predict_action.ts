import { nearestName, UsageError } from '../core/errors';
import { createProgress } from '../core/progress';
import { parseScoreThreshold } from '../engine/evaluation/evaluate';
import { type LoadedModel, loadModel } from '../engine/model/load_model';
import { Predictor } from '../engine/prediction/predict';
import { answerPicture, readPicture } from '../engine/prediction/predict_image';
import { listInputs, type PredictInput } from '../engine/prediction/predict_inputs';
import { PREDICTION_FORMATS, type PredictionFormat, PredictionWriter } from '../report/prediction_files';
import { answer, type CommonOptions, say } from './command';

/** What `predict` is asked. */
export interface PredictFlags extends CommonOptions {
  readonly out: string;
  readonly formats: string;
  readonly tile?: number;
  readonly overlap?: number;
  readonly enlarge?: number;
  readonly scoreThreshold?: string;
  readonly pixelSize?: number;
  readonly tta?: boolean;
  readonly checkpoint?: 'best' | 'last';
  readonly model?: string;
  readonly weights?: string;
}

/** What `--json` says of one image. */
interface ImageAnswer {
  readonly file: string;
  readonly id: string;
  readonly instances: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly tiles: number;
}

/** The work of `predict`. */
export async function predictCommand(names: readonly string[], flags: PredictFlags): Promise<void> {
  const [where, ...rest] = flags.weights === undefined ? names : [flags.weights, ...names];
  if (rest.length === 0)
    throw new UsageError('no image named', { fix: 'Name images or folders of images after the run.' });
  const formats = parseFormats(flags.formats);
  const inputs = await listInputs(rest);
  const loaded = loadModel(where, {
    checkpoint: flags.checkpoint,
    architecture: flags.weights === undefined ? undefined : flags.model,
  });
  const { classes } = loaded.about;
  const writer = new PredictionWriter(flags.out, formats, classes);
  const images = await predictAll(loaded, inputs, flags, writer, formats);
  writer.finish();
  answer(flags, { out: flags.out, source: loaded.source, formats, images }, () => summary(images, flags.out));
}

async function predictAll(
  { model, about }: LoadedModel,
  inputs: readonly PredictInput[],
  flags: PredictFlags,
  writer: PredictionWriter,
  formats: readonly PredictionFormat[],
): Promise<ImageAnswer[]> {
  const threshold =
    flags.scoreThreshold === undefined
      ? about.thresholds
      : parseScoreThreshold(flags.scoreThreshold, about.classes);
  const progress = createProgress({ label: 'predicting', total: inputs.length, unit: 'images' });
  const predictor = new Predictor(model);
  const images: ImageAnswer[] = [];
  try {
    for (const [i, input] of inputs.entries()) {
      progress.update(i, input.id);
      const picture = await readPicture(input.file, about.channelOrder, input.channelOrder);
      const pixelSize = flags.pixelSize ?? input.pixelSize;
      const { instances, tiles, atModelLimit } = answerPicture(
        predictor,
        about,
        { ...picture, pixelSize },
        {
          tile: flags.tile || undefined,
          overlap: flags.overlap,
          enlarge: flags.enlarge,
          tta: flags.tta,
          threshold,
        },
      );
      if (atModelLimit && threshold === 0)
        say(
          `warning: ${input.file}: the model's own limit of detections was reached in ${atModelLimit} of ${tiles} views`,
        );
      await writer.add({
        id: input.id,
        fileName: input.file,
        ...picture,
        channelOrder: about.channelOrder,
        pixelSize,
        instances,
        truth: formats.includes('viewer') ? await input.truth?.() : undefined,
      });
      const count = (k: number): number =>
        instances.labels.reduce((n, label) => n + (label === k + 1 ? 1 : 0), 0);
      const counts = Object.fromEntries(about.classes.map((name, k) => [name, count(k)]));
      images.push({ file: input.file, id: input.id, instances: instances.labels.length, counts, tiles });
    }
  } finally {
    model.dispose();
  }
  progress.finish();
  return images;
}

function parseFormats(list: string): PredictionFormat[] {
  return list.split(',').map((name) => {
    const format = PREDICTION_FORMATS.find((known) => known === name.trim());
    if (format) return format;
    const near = nearestName(name, PREDICTION_FORMATS);
    throw new UsageError(`--formats: unknown format "${name}"${near ? `; did you mean "${near}"?` : ''}`, {
      fix: `Known: ${PREDICTION_FORMATS.join(', ')}.`,
    });
  });
}

function summary(images: readonly ImageAnswer[], out: string): string {
  const lines = images.map(({ id, instances, counts, tiles }) => {
    const parts = Object.entries(counts).map(([name, n]) => `${n} ${name}`);
    return `${id}: ${instances} cells (${parts.join(', ')})${tiles > 1 ? `, ${tiles} tiles` : ''}`;
  });
  return [...lines, `${images.length} images in ${out}`].join('\n');
}
