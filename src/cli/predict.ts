import { type Command, Option } from 'commander';
import { CytobenchError, describeError, UsageError } from '../core/errors';
import { createProgress, type Progress } from '../core/progress';
import type { PredictInput } from '../inference/inputs';
import type { LoadedModel } from '../models/weights/portable';
import type { ImageToWrite, PredictionFormat } from '../report/prediction_files';
import {
  collectPrediction,
  type FailedImage,
  finishPart,
  type ImageResult,
  type PredictFlags,
  parseFormats,
  partFolder,
  predictOnSlurm,
  printPrediction,
  readPartInputs,
} from './cluster/predict_parts';
import { isOnSlurm, withSlurmOptions } from './cluster/slurm';
import { parseCount, parseFactor, parseWhole, printResult, say, withCommonOptions } from './command';
import { parseChannels } from './data/import';

/** `predict RUN INPUT…`: files or folders to instances. */
export function registerPredict(program: Command): void {
  const command = withSlurmOptions(
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
      .option('--weights <file>', 'bare weights, or nuclei, in place of a run')
      .option('--estimate', 'tell the time and memory that these images take, and write nothing')
      .option(
        '--per-task <n>',
        'with --on slurm: images a task (default: 1, more over 1000 images)',
        parseCount,
      )
      .addOption(new Option('--part <key>', 'make one part of a prediction').hideHelp()),
    { collect: 'put together what is there of a prediction on the cluster; say what is missing' },
  );
  withCommonOptions(
    command,
    'npx cytobench predict RUN IMAGES --out found',
    'npx cytobench predict RUN slide.tif --out found --formats geojson,viewer --pixel-size 0.5',
    'npx cytobench predict RUN SLIDES --out found --on slurm --array-limit 20',
  ).action(async (run: string, inputs: string[], flags: PredictFlags) => {
    await predict([run, ...inputs], flags);
  });
}

async function predict(names: readonly string[], flags: PredictFlags): Promise<void> {
  const [where, ...rest] = flags.weights === undefined ? names : [flags.weights, ...names];
  if (rest.length === 0 && flags.part === undefined)
    throw new UsageError('no image named', { fix: 'Name images or folders of images after the run.' });
  if (flags.collect) return await collectPrediction(names, flags);
  if (isOnSlurm(flags)) return await predictOnSlurm(names, flags);
  const { PREDICTION_FORMATS, PredictionWriter } = await import('../report/prediction_files');
  const { listInputs } = await import('../inference/inputs');
  const { loadModel } = await import('../runs/load_model');
  const formats = parseFormats(flags.formats, PREDICTION_FORMATS);
  const inputs =
    flags.part === undefined
      ? await listInputs(rest, { plane: flags.plane, channels: flags.channels })
      : await readPartInputs(flags);
  const loaded = loadModel(where, {
    checkpoint: flags.checkpoint,
    architecture: flags.weights === undefined ? undefined : flags.model,
  });
  if (flags.estimate) return await showEstimate(loaded, inputs, flags);
  const { classes } = loaded.about;
  const { source } = loaded;
  const dir = flags.part === undefined ? flags.out : partFolder(flags.out, flags.part);
  const writer = new PredictionWriter(dir, formats, classes, flags.overwrite);
  const failed: FailedImage[] = [];
  const images = await predictAll(loaded, inputs, flags, (image) => writer.add(image), formats, failed);
  if (flags.part !== undefined) return finishPart(flags, { source, images, failed, parts: writer.parts() });
  writer.finish();
  printPrediction(flags, { out: flags.out, source, formats, images, failed, notes: writer.notes() });
}

/** Time and memory of predicting these images, from doing it: nothing is written. */
async function showEstimate(
  loaded: LoadedModel,
  inputs: readonly PredictInput[],
  flags: PredictFlags,
): Promise<void> {
  const { peakRssMb } = await import('../core/process');
  const began = performance.now();
  const failed: FailedImage[] = [];
  await predictAll(loaded, inputs, flags, async () => {}, [], failed);
  const estimate = { seconds: (performance.now() - began) / 1000, memoryMb: Math.round(peakRssMb()) };
  printResult(
    flags,
    estimate,
    () => `${inputs.length} images: ${estimate.seconds.toFixed(1)} s, ${estimate.memoryMb} MB`,
  );
}

async function predictAll(
  { model, about }: LoadedModel,
  inputs: readonly PredictInput[],
  flags: PredictFlags,
  write: (image: ImageToWrite) => Promise<void>,
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
      await write({
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
