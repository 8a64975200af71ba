import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import { type Dataset, openDataset } from '../data/dataset';
import { type ChannelOrder, readDatasetInfo } from '../data/dataset_info';
import { IMAGE_EXTENSIONS, isImageName } from '../data/formats/detect';
import { type ImageSelection, readImageHeader, surveyRange } from '../data/formats/image';
import { recordToSample, type Sample } from '../data/record';
import { safeName } from '../data/safe_name';

/** An image to predict. */
export interface PredictInput {
  /** Unique among the inputs: what files are named after. */
  readonly id: string;
  readonly file: string;
  /** Micrometres a pixel, where its folder says so, else where the file does. */
  readonly pixelSize?: number;
  /** Plane, channels and range of values to read. */
  readonly selection?: ImageSelection;
  /** What a person should know: where the pixel size is from, and where two places differ. */
  readonly notes?: readonly string[];
  /** Where its folder says so; else it is taken to be that of the model's own images. */
  readonly channelOrder?: ChannelOrder;
  /** The labelled data set that it is of, and its name there. */
  readonly labelled?: { readonly dir: string; readonly id: string };
  /** Reads the true cells, where its folder is a labelled data set. */
  readonly groundTruth?: () => Promise<Sample>;
}

/**
 * Files and folders (loose images, or a data set whose labels are passed over) as a list of images in code-unit order
 * of their ids. Errors name what does not exist, holds no image, is no image, or would be written under one name.
 */
export async function listInputs(
  inputs: readonly string[],
  selection: Pick<ImageSelection, 'plane' | 'channels'> = {},
): Promise<PredictInput[]> {
  const found: PredictInput[] = [];
  for (const input of inputs) {
    if (!fs.existsSync(input)) throw new DataError('no such file or folder', { where: input });
    if (fs.statSync(input).isDirectory()) found.push(...(await fromFolder(input)));
    else if (isImageName(input)) found.push({ id: idOf(input), file: input });
    else
      throw new DataError('is no image', {
        where: input,
        fix: `Known: ${IMAGE_EXTENSIONS.join(', ')}.`,
      });
  }
  const once = [...new Map(found.map((one) => [path.resolve(one.file), one])).values()];
  const named = distinct(once).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  // One range of values for all: one grey is one brightness.
  const range = await surveyRange(
    named.filter((one) => !one.selection?.range).map(({ file }) => file),
    selection,
  );
  const known: PredictInput[] = [];
  for (const one of named)
    known.push(await withHeader({ ...one, selection: { range, ...one.selection, ...selection } }));
  return known;
}

/** The pixel size that the file tells, where its folder tells none. A file that cannot be read says so when it is. */
async function withHeader(input: PredictInput): Promise<PredictInput> {
  let told: Awaited<ReturnType<typeof readImageHeader>>['pixelSize'];
  try {
    ({ pixelSize: told } = await readImageHeader(input.file));
  } catch {
    return input;
  }
  if (!told) return input;
  const { value, from } = told;
  if (input.pixelSize === undefined)
    return { ...input, pixelSize: value, notes: [`${value} µm a pixel, as the file says (${from})`] };
  if (Math.abs(value / input.pixelSize - 1) <= 0.01) return input;
  return {
    ...input,
    notes: [
      `says ${value} µm a pixel (${from}), dataset.json ${input.pixelSize}: ${input.pixelSize} is used`,
    ],
  };
}

/** The name without extension; of a data set's `ID/image.tif` the ID. */
function idOf(file: string): string {
  const { name } = path.parse(file);
  return safeName(name === 'image' ? path.basename(path.dirname(path.resolve(file))) : name);
}

/** What the names of label images end in, as `data import labels` and Cellpose have them. */
const LABELS = /_(labels?|masks?|cp_masks)$/;

async function fromFolder(dir: string): Promise<PredictInput[]> {
  const dataset = await openDataset(dir);
  const { channelOrder, intensityRange } = readDatasetInfo(dir);
  const { pixelSize } = dataset;
  const images = new Set(dataset.ids);
  // Label images beside their images are no images of tissue.
  const isLabel = (id: string): boolean => LABELS.test(id) && images.has(id.replace(LABELS, ''));
  const ids = dataset.labelled ? dataset.ids : dataset.ids.filter((id) => !isLabel(id));
  return ids.map((id) => ({
    id: safeName(id),
    file: dataset.imageFile(id),
    pixelSize,
    channelOrder,
    ...(intensityRange ? { selection: { range: intensityRange } } : {}),
    ...(dataset.labelled ? { labelled: { dir, id }, groundTruth: groundTruthOf(dataset, id) } : {}),
  }));
}

function groundTruthOf(dataset: Dataset, id: string): () => Promise<Sample> {
  return async () => recordToSample(await dataset.load(id), 1);
}

/** Inputs that another process has listed: what JSON cannot hold is found again. */
export async function reopenInputs(inputs: readonly PredictInput[]): Promise<PredictInput[]> {
  const datasets = new Map<string, Dataset>();
  const found: PredictInput[] = [];
  for (const input of inputs) {
    if (!input.labelled) found.push(input);
    else {
      const { dir, id } = input.labelled;
      const dataset = datasets.get(dir) ?? (await openDataset(dir));
      datasets.set(dir, dataset);
      found.push({ ...input, groundTruth: groundTruthOf(dataset, id) });
    }
  }
  return found;
}

/** Where two would have one id: the file's whole name, then with its folder's before it. */
function distinct(inputs: readonly PredictInput[]): PredictInput[] {
  const clashes = (list: readonly PredictInput[]): Set<string> => {
    const seen = new Set<string>();
    return new Set(list.map(({ id }) => id).filter((id) => seen.has(id) || !seen.add(id)));
  };
  const rename = (name: (file: string) => string, list: readonly PredictInput[]): PredictInput[] => {
    const twice = clashes(list);
    return list.map((one) => (twice.has(one.id) ? { ...one, id: name(one.file) } : one));
  };
  const folderOf = (file: string): string => path.basename(path.dirname(path.resolve(file)));
  const named = rename((file) => safeName(path.basename(file)), inputs);
  const placed = rename((file) => safeName(`${folderOf(file)}_${path.basename(file)}`), named);
  const [double] = clashes(placed);
  if (double !== undefined)
    throw new DataError(`several inputs are called "${double}"`, {
      fix: 'Predict them in two calls, each with its own --out.',
    });
  return placed;
}
