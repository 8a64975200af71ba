import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import { openDataset } from '../data/dataset';
import { type ChannelOrder, readDatasetInfo } from '../data/dataset_info';
import { IMAGE_EXTENSIONS, isImageName } from '../data/formats/detect';
import { recordToSample, type Sample } from '../data/record';

/** An image to predict. */
export interface PredictInput {
  /** Unique among the inputs: what files are named after. */
  readonly id: string;
  readonly file: string;
  /** Micrometres a pixel, where its folder says so. */
  readonly pixelSize?: number;
  /** Where its folder says so; else it is taken to be that of the model's own images. */
  readonly channelOrder?: ChannelOrder;
  /** Reads the true cells, where its folder is a labelled data set. */
  readonly groundTruth?: () => Promise<Sample>;
}

/**
 * Files and folders (loose images, or a data set whose labels are passed over) as a list of images in code-unit order
 * of their ids. Errors name what does not exist, holds no image, is no image, or would be written under one name.
 */
export async function listInputs(inputs: readonly string[]): Promise<PredictInput[]> {
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
  return distinct(once).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The name without extension; of a data set's `ID/image.tif` the ID. */
function idOf(file: string): string {
  const { name } = path.parse(file);
  return name === 'image' ? path.basename(path.dirname(path.resolve(file))) : name;
}

async function fromFolder(dir: string): Promise<PredictInput[]> {
  const dataset = await openDataset(dir);
  const { channelOrder } = readDatasetInfo(dir);
  const { pixelSize } = dataset;
  return dataset.ids.map((id) => ({
    id,
    file: dataset.imageFile(id),
    pixelSize,
    channelOrder,
    ...(dataset.labelled ? { groundTruth: async () => recordToSample(await dataset.load(id), 1) } : {}),
  }));
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
  const named = rename((file) => path.basename(file), inputs);
  const placed = rename((file) => `${folderOf(file)}_${path.basename(file)}`, named);
  const [double] = clashes(placed);
  if (double !== undefined)
    throw new DataError(`several inputs are called "${double}"`, {
      fix: 'Predict them in two calls, each with its own --out.',
    });
  return placed;
}
