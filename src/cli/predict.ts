import { type Command, Option } from 'commander';
import { CytobenchError, describeError, nearestName, UsageError } from '../core/errors';
import { createProgress, type Progress } from '../core/progress';
import type { PredictInput } from '../inference/inputs';
import type { LoadedModel } from '../models/weights/portable';
import type { PredictionFormat, PredictionWriter } from '../report/prediction_files';
import {
  type CommonOptions,
  parseCount,
  parseFactor,
  parseWhole,
  printResult,
  say,
  withCommonOptions,
} from './command';
import { parseChannels } from './data/import';

/** `predict RUN INPUT…`: files or folders to instances. */
export function registerPredict(program: Command): void {
  withCommonOptions(
    program
      .command('predict')
      .description('cells in images of any size, as COCO results, label images, GeoJSON, tables, images')
      .argument('<run>', 'a run, a model file, or nuclei: the model that comes with the product')
      .argument('[input...]', 'images or folders of images')
      .requiredOption('--out <dir>', 'where to write')
      .option('--overwrite', 'also into a folder that holds files of others')
      .option(
        '--formats <list>',
        'coco, labels, geojson, imagej, csv, overlay, viewer',
        'coco,labels,geojson,csv,overlay',
      )
      .option(
        '--tile <n>',
        'largest side seen at once, pixels of the image (default: 1280 / scale)',
        parseWhole,
      )
      .option('--overlap <n>', 'pixels that tiles share (default: 384 / scale)', parseWhole)
      .option(
        '--scale <f>',
        'pixels of the network per pixel of the image (default: as the run)',
        parseFactor,
      )
      .addOption(new Option('--enlarge <f>', 'the same as --scale').argParser(parseFactor).hideHelp())
      .option(
        '--pixel-size <um>',
        'micrometres a pixel of the images (default: as dataset.json or the file says)',
        parseFactor,
      )
      .option('--plane <n>', 'plane of a stack, from 1 (default: 1)', parseCount)
      .option('--channels <a,b,c>', 'channels for red, green, blue, from 1 (default: 1,2,3)', parseChannels)
      .option(
        '--score-threshold <t>',
        'cells under it are left out everywhere: one, or class=T,… (default: the run’s, else 0.5; 0 keeps all, for AP)',
      )
      .option('--tta', 'test-time augmentation: six views of each image, merged')
      .option('--checkpoint <name>', 'best or last')
      .option('--model <name>', 'with --weights: the architecture; every argument is then an input')
      .option('--weights <file>', 'bare weights, or nuclei, in place of a run'),
    'npx cytobench predict RUN IMAGES --out found',
    'npx cytobench predict RUN slide.tif --out found --formats geojson,viewer --pixel-size 0.5',
  ).action(async (run: string, inputs: string[], flags: PredictFlags) => {
    await predict([run, ...inputs], flags);
  });
}

/** What `predict` is asked. */
interface PredictFlags extends CommonOptions {
  readonly out: string;
  readonly overwrite?: boolean;
  readonly formats: string;
  readonly tile?: number;
  readonly overlap?: number;
  readonly scale?: number;
  readonly enlarge?: number;
  readonly scoreThreshold?: string;
  readonly pixelSize?: number;
  readonly plane?: number;
  readonly channels?: readonly number[];
  readonly tta?: boolean;
  readonly checkpoint?: 'best' | 'last';
  readonly model?: string;
  readonly weights?: string;
}

/** What `--json` says of one image. */
interface ImageResult {
  readonly file: string;
  readonly id: string;
  readonly instances: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly tiles: number;
  readonly notes: readonly string[];
}

async function predict(names: readonly string[], flags: PredictFlags): Promise<void> {
  const [where, ...rest] = flags.weights === undefined ? names : [flags.weights, ...names];
  if (rest.length === 0)
    throw new UsageError('no image named', { fix: 'Name images or folders of images after the run.' });
  const { PREDICTION_FORMATS, PredictionWriter } = await import('../report/prediction_files');
  const { listInputs } = await import('../inference/inputs');
  const { loadModel } = await import('../runs/load_model');
  const formats = parseFormats(flags.formats, PREDICTION_FORMATS);
  const inputs = await listInputs(rest, { plane: flags.plane, channels: flags.channels });
  const loaded = loadModel(where, {
    checkpoint: flags.checkpoint,
    architecture: flags.weights === undefined ? undefined : flags.model,
  });
  const { classes } = loaded.about;
  const writer = new PredictionWriter(flags.out, formats, classes, flags.overwrite);
  const failed: FailedImage[] = [];
  const images = await predictAll(loaded, inputs, flags, writer, formats, failed);
  writer.finish();
  const notes = writer.notes();
  for (const note of notes) say(`note: ${note}`);
  printResult(flags, { out: flags.out, source: loaded.source, formats, images, failed, notes }, () =>
    summary(images, flags.out),
  );
  for (const { problem } of failed) say(`failed: ${problem}`);
  if (failed.length > 0) process.exitCode = 1;
}

/** An image that could not be read; the others are predicted all the same. */
interface FailedImage {
  readonly file: string;
  readonly problem: string;
}

async function predictAll(
  { model, about }: LoadedModel,
  inputs: readonly PredictInput[],
  flags: PredictFlags,
  writer: PredictionWriter,
  formats: readonly PredictionFormat[],
  failed: FailedImage[],
): Promise<ImageResult[]> {
  const { parseScoreThreshold } = await import('../evaluation/evaluate');
  const { predictInput, readInputImage } = await import('../inference/predict_image');
  const { Predictor } = await import('../inference/predictor');
  const threshold =
    flags.scoreThreshold === undefined
      ? about.thresholds
      : parseScoreThreshold(flags.scoreThreshold, about.classes);
  const progress = createProgress({ label: 'predicting', total: inputs.length, unit: 'images' });
  const predictor = new Predictor(model);
  const tiled = tileProgress();
  const images: ImageResult[] = [];
  const said = new Set<string>();
  try {
    for (const [i, input] of inputs.entries()) {
      progress.update(i, input.id);
      let read: Awaited<ReturnType<typeof readInputImage>>;
      try {
        read = await readInputImage(input.file, about.channelOrder, input.channelOrder, input.selection);
      } catch (error) {
        // One image alone fails as a whole.
        if (inputs.length === 1 || !(error instanceof CytobenchError)) throw error;
        failed.push({ file: input.file, problem: describeError(error).replace(/\n\s*/g, ' ') });
        continue;
      }
      const { notes, ...picture } = read;
      const told = flags.pixelSize === undefined ? (input.notes ?? []) : [];
      for (const note of [...notes, ...told]) {
        // Said once; every image has its own in the answer.
        if (!said.has(note)) say(`note: ${input.file}: ${note}`);
        said.add(note);
      }
      const pixelSize = flags.pixelSize ?? input.pixelSize;
      const { instances, tiles, atModelLimit } = predictInput(
        predictor,
        about,
        { ...picture, pixelSize },
        {
          tile: flags.tile || undefined,
          overlap: flags.overlap,
          scale: flags.scale ?? flags.enlarge,
          tta: flags.tta,
          threshold,
          onTile: (done, total) => {
            if (inputs.length > 1)
              progress.update(i, total > 1 ? `${input.id}, tile ${done} of ${total}` : input.id);
            else tiled(done, total);
          },
        },
      );
      // Views are merged before the threshold: there the limit may have cut what the threshold would drop.
      if (atModelLimit && (threshold === 0 || !flags.tta))
        say(
          `warning: ${input.file}: the model's own limit of detections was reached in ${atModelLimit} of ${tiles} views: cells may be missing (smaller tiles find more: --tile 500)`,
        );
      await writer.add({
        id: input.id,
        fileName: input.file,
        ...picture,
        channelOrder: about.channelOrder,
        pixelSize,
        instances,
        groundTruth: formats.includes('viewer') ? await input.groundTruth?.() : undefined,
      });
      const count = (k: number): number =>
        instances.labels.reduce((n, label) => n + (label === k + 1 ? 1 : 0), 0);
      const counts = Object.fromEntries(about.classes.map((name, k) => [name, count(k)]));
      images.push({
        file: input.file,
        id: input.id,
        instances: instances.labels.length,
        counts,
        tiles,
        notes: [...notes, ...told],
      });
    }
  } finally {
    model.dispose();
  }
  progress.finish();
  return images;
}

/** Progress over the tiles of one image; test-time augmentation begins anew with each view. */
function tileProgress(): (done: number, total: number) => void {
  let progress: Progress | null = null;
  return (done, total) => {
    if (done === 1) progress = createProgress({ label: 'predicting', total, unit: 'tiles' });
    progress?.update(done);
    if (done === total) progress?.finish();
  };
}

function parseFormats(list: string, known: readonly PredictionFormat[]): PredictionFormat[] {
  return list.split(',').map((name) => {
    const format = known.find((one) => one === name.trim());
    if (format) return format;
    const near = nearestName(name, known);
    throw new UsageError(`--formats: unknown format "${name}"${near ? `; did you mean "${near}"?` : ''}`, {
      fix: `Known: ${known.join(', ')}.`,
    });
  });
}

function summary(images: readonly ImageResult[], out: string): string {
  const lines = images.map(({ id, instances, counts, tiles }) => {
    const parts = Object.entries(counts).map(([name, n]) => `${n} ${name}`);
    return `${id}: ${instances} cells (${parts.join(', ')})${tiles > 1 ? `, ${tiles} tiles` : ''}`;
  });
  return [...lines, `${images.length} images in ${out}`].join('\n');
}
