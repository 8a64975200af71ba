import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import type { Dataset } from './dataset';
import { type DatasetInfo, writeDatasetInfo } from './dataset_info';
import type { LabelMap } from './formats/label_map';
import { writeTiff } from './formats/tiff/write_tiff';
import type { DatasetRecord } from './record';
import { requireSafeId } from './safe_name';

/** Refuses to write into a folder that holds something else. */
export function requireNewFolder(dir: string): void {
  if (!fs.existsSync(dir)) return;
  if (!fs.statSync(dir).isDirectory()) throw new DataError('is a file, a folder is needed', { where: dir });
  if (fs.readdirSync(dir).length > 0)
    throw new DataError('is not empty', { where: dir, fix: 'Name a new folder, or empty this one.' });
}

/** Writes one image in the layout: `DIR/<id>/image.tif`, `class<K>.tif` for the classes that occur, `ignore.tif`. */
export function writeRecord(dir: string, record: DatasetRecord): void {
  const { id, width, height, image, labelMaps, ignore } = record;
  requireSafeId(id);
  const size = { width, height };
  const write = (name: string, map: LabelMap): void => writeTiff(path.join(dir, id, name), map, size);
  labelMaps.forEach((map, c) => {
    if (map?.some((value) => value !== 0)) write(`class${c + 1}.tif`, map);
  });
  if (ignore?.some((value) => value !== 0)) write('ignore.tif', ignore);
  // Last: an image that is there is whole.
  writeTiff(path.join(dir, id, 'image.tif'), image, { ...size, channels: 3 });
}

/** What `dataset.json` says of a data set. */
export function datasetInfo({ classes, pixelSize, channelOrder, groups }: Dataset): DatasetInfo {
  return {
    classes,
    ...(pixelSize === undefined ? {} : { pixelSize }),
    channelOrder,
    ...(Object.keys(groups).length > 0 ? { groups } : {}),
  };
}

/** Writes a whole data set into a new folder. */
export async function writeDataset(
  dir: string,
  dataset: Dataset,
  onImage?: (done: number, total: number, id: string) => void,
): Promise<void> {
  requireNewFolder(dir);
  writeDatasetInfo(dir, datasetInfo(dataset));
  for (const [i, id] of dataset.ids.entries()) {
    writeRecord(dir, await dataset.load(id));
    onImage?.(i + 1, dataset.ids.length, id);
  }
}
