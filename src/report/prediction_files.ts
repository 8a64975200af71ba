import * as fs from 'node:fs';
import * as path from 'node:path';
import { DataError } from '../core/errors';
import { writeFileAtomic, writeJson } from '../core/files';
import { OutputFolder } from '../core/output_folder';
import { writeDatasetInfo } from '../data/dataset_info';
import { type CocoResultEntry, cocoResults, cocoResultsJson } from '../data/exporters/coco';
import { cellFeatures, geoJson } from '../data/exporters/geojson';
import { roiZip } from '../data/exporters/imagej';
import { extractInstances } from '../data/extract_instances';
import { requireSafeId } from '../data/safe_name';
import { writeRecord } from '../data/write_dataset';
import type { Instances } from '../geometry/instances';
import { rleArea } from '../geometry/rle';
import { toLabelMaps } from '../inference/postprocess/overlaps';
import { contourColour, rgb } from '../plots/canvas';
import { type CellRow, cellColumns, cellLine, csvText, measureCells } from './cell_table';
import { drawOverlay, type TrueCells } from './images';
import { viewerHtml } from './viewer/viewer_page';

/** What predictions can be written as. */
export const PREDICTION_FORMATS = [
  'coco',
  'labels',
  'geojson',
  'imagej',
  'csv',
  'overlay',
  'viewer',
] as const;
export type PredictionFormat = (typeof PREDICTION_FORMATS)[number];

/** Where label images are until the last one is written. */
const UNFINISHED = 'labels.unfinished';

/** One predicted image. */
export interface ImageToWrite {
  readonly id: string;
  readonly fileName: string;
  readonly height: number;
  readonly width: number;
  /** [height * width * 3], channels in `channelOrder`. */
  readonly image: Uint8Array;
  readonly channelOrder: 'rgb' | 'bgr';
  /** Micrometres a pixel, where known. */
  readonly pixelSize?: number;
  readonly instances: Instances;
  /** The true cells, where they are known: the viewer shows them. */
  readonly groundTruth?: TrueCells;
}

/** What files about all images need of one: its codes and its lines of text, as JSON can hold them. */
export interface ImagePart {
  readonly id: string;
  readonly fileName: string;
  readonly height: number;
  readonly width: number;
  readonly channelOrder: 'rgb' | 'bgr';
  readonly pixelSize?: number;
  /** With image id 1. */
  readonly results: readonly CocoResultEntry[];
  readonly rows: readonly CellRow[];
  /** Cells that a label image cannot hold; null where it holds all. */
  readonly covered: { readonly id: string; readonly instances: number; readonly covered: number } | null;
}

/** Where and how predictions are written. */
interface PredictionFolder {
  readonly folder: OutputFolder;
  readonly formats: readonly PredictionFormat[];
  readonly classes: readonly string[];
}

/**
 * Writes predictions image by image: `results.json` and `ids.json` (COCO results and the images they are of),
 * `labels/` (a data set), `geojson/ID.geojson` (QuPath), `imagej/ID_RoiSet.zip`, `cells.csv` and `images.csv`,
 * `overlays/ID.png`, `viewers/ID.html` (a page to look around in). Of an image that has been written only its codes and
 * lines of text are kept.
 */
export class PredictionWriter {
  private readonly written: ImagePart[] = [];
  private readonly target: PredictionFolder;

  /** Takes away what an earlier prediction left in `dir`; any other file there is refused, unless `overwrite`. */
  constructor(
    dir: string,
    formats: readonly PredictionFormat[],
    classes: readonly string[],
    overwrite = false,
  ) {
    this.target = { folder: new OutputFolder(dir, overwrite), formats, classes };
  }

  async add(predicted: ImageToWrite): Promise<void> {
    this.written.push(await writeImage(this.target, predicted));
  }

  /** What a reader of the files should know: cells that label images do not show. */
  notes(): string[] {
    return coveredNotes(this.written);
  }

  /** Writes what is about all images. */
  finish(): void {
    finishPredictions(this.target, this.written);
    this.target.folder.finish();
  }

  /** What a later process needs to write what is about all images. */
  parts(): readonly ImagePart[] {
    return this.written;
  }

  /** Takes over images that another writer has written into a folder of its own. */
  adopt(dir: string, parts: readonly ImagePart[]): void {
    this.target.folder.adopt(dir);
    this.written.push(...parts);
  }
}

/** Writes the files of one image. */
async function writeImage(
  { folder, formats, classes }: PredictionFolder,
  predicted: ImageToWrite,
): Promise<ImagePart> {
  const { id, fileName, height, width, instances, pixelSize, channelOrder } = predicted;
  requireSafeId(id);
  const wants = (format: PredictionFormat): boolean => formats.includes(format);
  const covered = wants('labels') ? writeLabels(folder, classes, predicted) : null;
  const rows =
    wants('csv') || wants('geojson') ? measureCells(instances, predicted, classes, channelOrder) : [];
  if (wants('geojson')) writeGeoJson(folder, classes, id, instances, rows);
  if (wants('imagej')) writeFileAtomic(folder.file('imagej', `${id}_RoiSet.zip`), roiZip(instances, classes));
  if (wants('overlay'))
    writeFileAtomic(folder.file('overlays', `${id}.png`), await drawOverlay({ ...predicted, classes }));
  if (wants('viewer'))
    writeFileAtomic(
      folder.file('viewers', `${id}.html`),
      await viewerHtml({ ...predicted, title: id, classes, threshold: lowestScore(instances) }),
    );
  const results = wants('coco') ? cocoResults(1, instances) : [];
  // What only files of this image needed is not kept.
  const kept = wants('csv') ? rows : [];
  return { id, fileName, height, width, channelOrder, pixelSize, results, rows: kept, covered };
}

/** Cells that label images do not show, a line an image. */
function coveredNotes(parts: readonly ImagePart[]): string[] {
  return parts.flatMap(({ id, covered }) =>
    covered
      ? [
          `labels/${id}: ${covered.covered} of ${covered.instances} cells are wholly covered by others of a higher score and are in no label image (they are in the other files)`,
        ]
      : [],
  );
}

/** Writes what is about all images, in their order. */
function finishPredictions(target: PredictionFolder, parts: readonly ImagePart[]): void {
  const { folder, formats, classes } = target;
  if (formats.includes('coco')) {
    const results = parts.flatMap(({ results }, i) =>
      results.map((entry) => ({ ...entry, image_id: i + 1 })),
    );
    writeFileAtomic(folder.file('results.json'), cocoResultsJson(results));
    const ids = parts.map(({ fileName, height, width }, i) => ({
      file_name: fileName,
      id: i + 1,
      height,
      width,
    }));
    writeJson(folder.file('ids.json'), ids);
  }
  if (formats.includes('labels')) finishLabels(target, parts);
  if (formats.includes('csv')) {
    const micrometres = parts.some(({ pixelSize }) => pixelSize !== undefined);
    const lines = parts.flatMap(({ id, rows, pixelSize }) =>
      rows.map((row) => cellLine(id, row, micrometres, pixelSize)),
    );
    writeFileAtomic(folder.file('cells.csv'), text([cellColumns(micrometres).join(','), ...lines]));
    const header = ['image', 'height', 'width', 'cells', ...classes.map(csvText)].join(',');
    const counts = parts.map(({ id, height, width, rows }) => {
      const ofClass = classes.map((name) => rows.filter((row) => row.class === name).length);
      return [csvText(id), height, width, rows.length, ...ofClass].join(',');
    });
    writeFileAtomic(folder.file('images.csv'), text([header, ...counts]));
  }
}

function writeLabels(
  output: OutputFolder,
  classes: readonly string[],
  { id, height, width, image, instances }: ImageToWrite,
): ImagePart['covered'] {
  const labelMaps = toLabelMaps(instances, classes.length);
  const shown = labelMaps.reduce(
    (sum, map) => sum + (map ? extractInstances(map, height, width, 1).values.length : 0),
    0,
  );
  const drawn = instances.masks.filter((mask) => rleArea(mask) > 0).length;
  output.file(UNFINISHED, id, 'image.tif');
  for (const [k, map] of labelMaps.entries()) if (map) output.file(UNFINISHED, id, `class${k + 1}.tif`);
  writeRecord(path.join(output.dir, UNFINISHED), { id, height, width, image, labelMaps, ignore: null });
  return shown < drawn ? { id, instances: drawn, covered: drawn - shown } : null;
}

/** Gives the label images their place: a data set that is there has all its images. */
function finishLabels({ folder, classes }: PredictionFolder, parts: readonly ImagePart[]): void {
  const [from, to] = [path.join(folder.dir, UNFINISHED), path.join(folder.dir, 'labels')];
  const covered = parts.flatMap((part) => part.covered ?? []);
  // Beside the data set, which holds nothing but itself.
  if (covered.length > 0) writeJson(folder.file('labels-covered.json'), covered);
  fs.mkdirSync(to, { recursive: true });
  for (const id of parts.length > 0 ? fs.readdirSync(from) : []) {
    const [written, place] = [path.join(from, id), path.join(to, id)];
    if (fs.existsSync(place))
      throw new DataError('is there already, and is no label image of an earlier prediction', {
        where: place,
        fix: 'Name another --out.',
      });
    for (const name of fs.readdirSync(written)) folder.file('labels', id, name);
    fs.renameSync(written, place);
  }
  fs.rmSync(from, { recursive: true, force: true });
  folder.file('labels', 'dataset.json');
  writeDatasetInfo(to, { classes, channelOrder: parts.at(-1)?.channelOrder ?? 'rgb' });
}

function writeGeoJson(
  output: OutputFolder,
  classes: readonly string[],
  id: string,
  instances: Instances,
  rows: readonly CellRow[],
): void {
  const features = cellFeatures(instances, {
    image: id,
    classes,
    colour: (label) => rgb(contourColour(label)),
    measurements: (row) => {
      const { area, perimeter, eccentricity, solidity } = rows[row];
      return { area, perimeter, eccentricity, solidity };
    },
  });
  writeFileAtomic(output.file('geojson', `${id}.geojson`), geoJson(features));
}

/** The score from which a page shows all cells that are in the other files, in hundredths. */
function lowestScore({ scores }: Instances): number {
  return Math.floor(Math.min(...scores, 0.5) * 100) / 100;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
